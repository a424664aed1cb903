"""A Keras model whose ``fit`` is DP-SGD."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dpcore.charging import StepCharges
from dpcore.clipping import ClippedGradients, Method, is_example, rehearse
from dpcore.config import DpSgdConfig
from dpcore.data import split_validation, training_arrays
from dpcore.errors import ConfigError, NotPrivateError, NotSupportedError
from dpcore.ledger import Ledger
from dpcore.losses import ExampleLosses, check_loss
from dpcore.noise import ClippedSum, NoiseSource, add_gaussian_noise
from dpcore.optimizers import apply_gradients, inner_optimizer, loss_scale, regularized
from dpcore.precision import full_float32
from dpcore.replicas import (
    check_agreement,
    check_strategy,
    has_several_workers,
    is_chief,
    noised_sum,
    shared_batches,
    summed_before,
)
from dpcore.sampling import PoissonSampler, poisson_batches, sampling_rng
from dpcore.session import Session, active_session
from dpcore.validation import check_callbacks, check_fit_arguments, check_losses, check_model


class PrivateModel(keras.Model):  # type: ignore[misc]
    """Wraps a Keras model so that ``fit`` trains it with DP-SGD.

    ``compile``, ``fit``, ``evaluate``, ``predict``, callbacks and metrics work as usual; ``export`` and
    ``save`` write the inner model, which carries no trace of how it was trained::

        private = dpcore.PrivateModel(
            model, dpcore.DpSgdConfig(l2_norm_clip=1.0, expected_batch_size=256, noise_multiplier=1.1)
        )
        private.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        private.fit(x, y, epochs=10)
        dpcore.epsilon(private.ledger, target_delta=1e-5)

    Formal guarantees (Abadi et al. 2016, Algorithm 1, with Poisson sampling):

    - each step draws a Poisson batch, sums the per-example gradients, each clipped to ``l2_norm_clip``,
      and adds Gaussian noise of ``noise_multiplier * l2_norm_clip`` once;
    - the sum is divided by ``expected_batch_size``, a public constant, never by the realised batch size;
    - the ledger is charged, durably, before the step that releases.

    They hold on several devices and workers too, as one sum, one noise and one charge for all: see
    :mod:`dpcore.replicas`.

    Training loss and metrics are computed on the data without noise: they are for your eyes, and are not
    covered by the guarantee. Weight regularisers see no data; their gradient is added after the noise.
    """

    def __init__(
        self,
        model: keras.Model,
        config: DpSgdConfig,
        *,
        ledger: Ledger | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        """Wraps ``model``.

        Args:
          model: any Keras 3 model; it is trained in place.
          config: clip, noise and batch size.
          ledger: where charges go; by default the active session's ledger, else one in memory.
          seed: fixes sampling and noise. For tests only: the charges are marked, and no gate accepts them.
          name: as in Keras.

        Raises:
          NotPrivateError, NotSupportedError: a layer cannot be trained privately; see the message.
        """
        super().__init__(name=name or f"private_{model.name}")
        check_model(model)
        session = active_session()
        if session is None or (ledger is not None and ledger is not session.ledger):
            session = Session(ledger if ledger is not None else Ledger(), attempt="fit")
        if not is_chief(self.distribute_strategy):
            # The chief's ledger is the record; the other workers count along in memory.
            session = Session(Ledger(), session.attempt)
        self.inner = model
        self._dp_config = config
        self._session = session
        self._noise = NoiseSource.from_system() if seed is None else NoiseSource.from_seed(seed)
        self._sampling_rng = sampling_rng(seed)
        self._charges = StepCharges(config, session, seeded=self._noise.seeded)
        self._method: Method | None = None
        self._clipped = tf.function(self._clipped_gradients, reduce_retracing=True)
        if hasattr(model, "output_names"):
            self.output_names = model.output_names
        self.built = model.built

    @property
    def ledger(self) -> Ledger:
        """The ledger that ``fit`` charges."""
        return self._session.ledger

    @property
    def noise_multiplier(self) -> float | None:
        """The configured noise, or the calibrated one once ``fit`` has started."""
        return self._charges.noise_multiplier

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        return self.inner(inputs, training=training, **kwargs)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        # Padding rows have weight 0, so every metric must see the weights.
        both = [m for m in (metrics, weighted_metrics) if m is not None]
        if len(both) == 2 and not all(isinstance(m, list) for m in both):
            raise NotSupportedError("metrics and weighted_metrics can only be combined as lists.")
        weighted = [m for part in both for m in part] if len(both) == 2 else (both[0] if both else None)
        if self._has_replicas:
            # XLA compiles for one device: what each replica does by itself, but not the step of them all.
            compiled = kwargs.get("jit_compile", "auto") is True
            kwargs["jit_compile"] = False
            self._clipped = tf.function(self._clipped_gradients, reduce_retracing=True, jit_compile=compiled)
        with self.distribute_strategy.scope():
            super().compile(
                optimizer=optimizer, loss=loss, loss_weights=loss_weights, weighted_metrics=weighted, **kwargs
            )
        if self._compile_loss is not None:
            self._example_losses = ExampleLosses(self._compile_loss)
        self._method = None

    @full_float32()
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_is_public: bool = False,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains with DP-SGD; arguments as in ``keras.Model.fit``, with these differences.

        Args:
          x: arrays (or a nest of them) or a finite, batched ``tf.data.Dataset``; kept in memory, because
            Poisson sampling needs to reach every example at every step.
          batch_size: must be left out, or equal ``config.expected_batch_size``.
          shuffle: without meaning: every step draws a Poisson sample.
          steps_per_epoch: by default the number of examples / the expected batch size, rounded up.
          validation_is_public: the rows of ``validation_data`` are nobody's personal data, so that callbacks
            may stop or choose by ``val_`` metrics.

        Raises:
          NotPrivateError: the loss mixes examples, or non-trainable weights changed during training.
          NotSupportedError: class weights, generators, strategies that are not synchronous.
          ConfigError: an argument contradicts the configuration, a target is already spent, or the workers
            of a cluster do not have the same data in the same order.
        """
        self._check_compiled_for_fit(batch_size)
        check_fit_arguments(
            class_weight=class_weight,
            validation_split=validation_split,
            validation_is_public=validation_is_public,
        )
        check_callbacks(callbacks, validation_is_public=validation_is_public)
        arrays = training_arrays(x, y, sample_weight)
        if validation_split and validation_data is None:
            arrays, validation_data = split_validation(arrays, validation_split)
        self._build(arrays[0])
        check_strategy(
            self._distribute_strategy, [v.value for v in (*self.inner.variables, *self.optimizer.variables)]
        )
        frozen = [variable.numpy() for variable in _state(self.inner)]
        self._rehearse(arrays)
        num_examples = len(arrays[2])
        sampler = PoissonSampler(
            num_examples=num_examples, expected_batch_size=self._dp_config.expected_batch_size
        )
        steps_per_epoch = steps_per_epoch or sampler.steps_per_epoch
        # Keras completes the last execution of an epoch, so an epoch may have more steps than were asked for.
        executed = -(-steps_per_epoch // self.steps_per_execution) * self.steps_per_execution
        self._charges.begin(sampler, steps_per_epoch=executed, steps=executed * (epochs - initial_epoch))
        try:
            with summed_before(inner_optimizer(self.optimizer)):
                history = super().fit(
                    self._batches(arrays, sampler, (epochs, initial_epoch, steps_per_epoch)),
                    epochs=epochs,
                    verbose=verbose,
                    callbacks=callbacks,
                    validation_data=validation_data,
                    initial_epoch=initial_epoch,
                    shuffle=False,
                    steps_per_epoch=steps_per_epoch,
                    **kwargs,
                )
        finally:
            self._charges.end()
        self._check_unchanged(frozen)
        self._session.record(self.inner, self.optimizer)
        return history

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of DP-SGD on a padded Poisson batch ``(x, y, sample_weight)``."""
        x, y, weight = data
        step: ClippedGradients = self._clipped(x, y, weight)
        # Divided by a public constant, the sum moves by that much less with any one example.
        clipped = ClippedSum(step.sum, self._dp_config.l2_norm_clip / self._dp_config.expected_batch_size)
        add_noise = functools.partial(
            add_gaussian_noise,
            noise_multiplier=self.noise_multiplier or 0.0,
            source=self._noise,
            jit_compile=self.jit_compile,
        )
        variables = self.inner.trainable_variables
        apply_gradients(self.optimizer, regularized(noised_sum(clipped, add_noise), variables), variables)
        examples = is_example(weight)
        self._loss_tracker.update_state(step.losses, sample_weight=examples)
        if self._compile_loss.metrics:
            self._example_losses(y, step.outputs, weight)
            for tracker, losses in zip(self._compile_loss.metrics, self._example_losses.seen, strict=True):
                tracker.update_state(losses, sample_weight=examples)
        return self._logs(self.compute_metrics(x, y, step.outputs, sample_weight=weight))

    def test_step(self, data: Any) -> dict[str, Any]:
        return self._logs(super().test_step(data))

    def make_train_function(self, force: bool = False) -> None:
        """As in Keras, with the charge made before each call."""
        if getattr(self, "train_function", None) is not None and not force:
            return
        super().make_train_function(force)
        train = getattr(self, "train_function")  # noqa: B009 (set by Keras, unknown to mypy)

        def charged(iterator: Any) -> Any:
            self._charges.pay(self.steps_per_execution)
            return train(iterator)

        self.train_function: Callable[[Any], Any] = charged

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        raise NotPrivateError(
            "train_on_batch gets a batch that was not Poisson sampled, so its cost is unknown. Use fit()."
        )

    def export(self, *args: Any, **kwargs: Any) -> Any:
        """Exports the inner model; as in Keras."""
        return self.inner.export(*args, **kwargs)

    def save(self, *args: Any, **kwargs: Any) -> Any:
        """Saves the inner model; as in Keras."""
        return self.inner.save(*args, **kwargs)

    def _clipped_gradients(self, x: Any, y: Any, weight: tf.Tensor) -> ClippedGradients:
        if self._method is None:
            raise NotPrivateError("train_step runs outside fit(), on a batch of unknown origin.")
        return self._method(
            self.inner,
            self._example_losses,
            x,
            y,
            weight,
            l2_norm_clip=self._dp_config.l2_norm_clip,
            divisor=self._dp_config.expected_batch_size,
            loss_scale=loss_scale(self.optimizer, self._dp_config.expected_batch_size),
        )

    def _batches(self, arrays: tuple[Any, Any, Any], sampler: PoissonSampler, steps: Any) -> Any:
        """What one fit() reads: on several replicas, after all workers have agreed on it."""
        if not self._has_replicas:
            return poisson_batches(arrays, sampler, self._sampling_rng)
        settings = self._dp_config, self.noise_multiplier, self._noise.seeded, steps
        check_agreement(self.distribute_strategy, settings, arrays)
        first = tf.nest.map_structure(lambda array: tf.convert_to_tensor(array[:1]), arrays)
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=first)
        return shared_batches(self.distribute_strategy, arrays, sampler, self._sampling_rng)

    @property
    def _has_replicas(self) -> bool:
        return bool(self.distribute_strategy.num_replicas_in_sync > 1)

    def _logs(self, logs: dict[str, Any]) -> dict[str, Any]:
        """Of one replica. From several workers Keras takes means along a first axis, so there must be one."""
        several = has_several_workers(self.distribute_strategy)
        return {name: value[None] for name, value in logs.items()} if several else logs

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """As in Keras, which with replicas would take the mean of their first batches, even of words."""
        if iterator is not None and self._has_replicas:
            if self._charges.may_run:
                return  # fit() has done it
            _, _, batches = next(iter(iterator))
            here = self.distribute_strategy.experimental_local_results
            iterator, data_batch = None, tf.nest.map_structure(lambda value: here(value)[0], next(batches))
        super()._maybe_symbolic_build(iterator, data_batch)

    def _check_compiled_for_fit(self, batch_size: int | None) -> None:
        self._assert_compile_called("fit")
        expected = self._dp_config.expected_batch_size
        if batch_size not in (None, expected):
            raise ConfigError(
                f"batch_size must be left out or equal expected_batch_size={expected}; got {batch_size}. "
                "The batch size is part of what is accounted for."
            )
        if self._has_replicas and self.steps_per_execution != 1:
            raise NotSupportedError(
                f"steps_per_execution must be 1 on several replicas; got {self.steps_per_execution}. "
                "TensorFlow cannot loop over what is distributed."
            )
        if self._has_replicas and isinstance(
            inner_optimizer(self.optimizer), keras.optimizers.MultiOptimizer
        ):
            raise NotSupportedError("MultiOptimizer is not supported on several replicas: use one optimizer.")
        if self._compile_loss is None:
            raise ConfigError("compile() needs a loss: its gradient is what is clipped.")
        check_losses(self.loss)
        check_model(self.inner)

    def _build(self, x: Any) -> None:
        """Builds a model without declared inputs, without showing it the data."""
        if not self.inner.built:
            with self.distribute_strategy.scope():
                self.inner(tf.nest.map_structure(lambda a: tf.zeros_like(a[:1]), x), training=False)

    def _rehearse(self, arrays: tuple[Any, Any, Any]) -> None:
        """Tries the loss and the model, once after each compile()."""
        if self._method is None:
            x, y = tf.nest.map_structure(lambda a: tf.convert_to_tensor(a[:8]), arrays[:2])
            outputs = self.inner(x, training=False)
            check_model(self.inner)  # again, now that every layer knows its shapes
            check_loss(self.loss, self._compile_loss, self._example_losses, y, outputs)
            self._method = rehearse(self.inner, self._example_losses, x, y)

    def _check_unchanged(self, before: list[Any]) -> None:
        for variable, value in zip(_state(self.inner), before, strict=True):
            if not np.array_equal(variable.numpy(), value, equal_nan=True):
                raise NotPrivateError(
                    f"{variable.path} is not trainable and yet changed during training: it was computed from "
                    "the data without noise. Remove the layer that owns it."
                )


def _state(model: keras.Model) -> list[keras.Variable]:
    """Non-trainable weights that may hold something learned; counters of random generators may not."""
    return [v for v in model.non_trainable_weights if "seed_generator_state" not in v.path]
