"""Losses that score every example by itself, and the refusal of those that do not."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers.compile_utils import CompileLoss

from dpcore.errors import ConfigError, NotPrivateError

_ROWS = 3


class _FunctionLoss(keras.losses.Loss):  # type: ignore[misc]
    """A function from ``(y_true, y_pred)`` to ``[batch, ...]`` as a Keras loss."""

    def __init__(self, function: Callable[[Any, Any], tf.Tensor], reduction: str | None) -> None:
        # Without a name, Keras makes one of the class's: a leading underscore is no TensorFlow scope.
        super().__init__(name="per_example_loss", reduction=reduction)
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> tf.Tensor:
        if len(y_pred.shape) == len(y_true.shape) + 1 and y_pred.shape[-1] == 1:
            y_true = tf.expand_dims(y_true, -1)
        return self._function(y_true, y_pred)


def as_loss(loss: Any, *, reduction: str | None = "sum_over_batch_size") -> keras.losses.Loss:
    """A Keras loss from a name, a function or a Loss; a Loss keeps its reduction unless None is asked for."""
    resolved = keras.losses.get(loss)
    if not isinstance(resolved, keras.losses.Loss):
        return _FunctionLoss(resolved, reduction)
    return resolved if reduction is not None else _FunctionLoss(resolved.call, None)


class ExampleLoss(keras.losses.Loss):  # type: ignore[misc]
    """A Keras loss that keeps one value per example: what the loss would be of that example alone."""

    def __init__(self, loss: keras.losses.Loss) -> None:
        super().__init__(name=loss.name, reduction=loss.reduction, dtype=loss.dtype)
        self._loss = loss

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> tf.Tensor:
        """The loss of every example, ``[batch]``."""
        masks = [getattr(y_pred, "_keras_mask", None)]
        y_true, y_pred = tf.nest.map_structure(lambda t: tf.cast(t, self.dtype), (y_true, y_pred))
        values = self._loss.call(y_true, y_pred)
        masks.append(getattr(values, "_keras_mask", None))
        mean = self.reduction != "sum"
        weights = tf.ones_like(values)
        for mask in masks:
            if mask is not None:
                weights *= _like(tf.cast(mask, self.dtype), values)
        if mean:
            weights *= tf.math.divide_no_nan(tf.ones([], self.dtype), _mean(weights, keepdims=True))
        if sample_weight is not None:
            weights *= _like(tf.cast(sample_weight, self.dtype), values)
        total = (_mean if mean else _sum)(values * weights)
        if self.reduction == "mean_with_sample_weight":
            return tf.math.divide_no_nan(total, _mean(weights))
        return total


class ExampleLosses(CompileLoss):  # type: ignore[misc]
    """What a model was compiled with, kept as one value per example.

    Attributes:
      seen: the loss of each output at the last call, ``[batch]`` each; empty for a single output.
    """

    def __init__(self, compiled: CompileLoss) -> None:
        super().__init__(compiled._user_loss, compiled._user_loss_weights, output_names=compiled.output_names)
        self._outputs: list[_Seen] = []

    def build(self, y_true: Any, y_pred: Any) -> None:
        super().build(y_true, y_pred)
        flat: Any = self._flat_losses  # type: ignore[has-type]
        self._flat_losses = [part._replace(loss=ExampleLoss(part.loss)) for part in flat]
        self._outputs = [_Seen() for _ in self._metrics]

    @property
    def metrics(self) -> list[Any]:
        """Keras tells each output's loss to one of these."""
        return self._outputs

    @property
    def seen(self) -> list[tf.Tensor]:
        return [output.values for output in self._outputs]


class _Seen:
    values: tf.Tensor

    def update_state(self, values: tf.Tensor, sample_weight: Any = None) -> None:
        del sample_weight
        self.values = values


def _like(weights: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Weights in the values' rank: they count for all that lies under them, and a last axis of 1 goes."""
    while weights.shape.rank > max(values.shape.rank, 1) and weights.shape[-1] == 1:
        weights = tf.squeeze(weights, -1)
    while weights.shape.rank < values.shape.rank:
        weights = weights[..., None]
    return weights


def _mean(values: tf.Tensor, *, keepdims: bool = False) -> tf.Tensor:
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank)), keepdims=keepdims)


def _sum(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))


def check_loss(
    loss: Any,
    total: Callable[[Any, Any], tf.Tensor],
    example_losses: Callable[[Any, Any], tf.Tensor],
    y: Any,
    outputs: Any,
) -> None:
    """Refuses losses that mix examples, by trying them on made-up outputs.

    Args:
      loss: what the user compiled with: a name, a Loss, a function, or a nest of these.
      total: from ``(y_true, y_pred)`` to the scalar that Keras would train on.
      example_losses: from the same to the loss of every example, ``[batch]``.
      y: targets ``[batch, ...]``, only for their shapes and types.
      outputs: the model's outputs ``[batch, ...]``, only for their shapes and types.

    Raises:
      NotPrivateError: the loss returns one value for the whole batch, or mixes examples.
      ConfigError: the loss is a ``keras.losses.Loss`` without a reduction.
    """
    rng = np.random.default_rng(0)
    with tf.init_scope():
        targets = tf.nest.map_structure(_probe_targets, y)
        predictions = tf.nest.map_structure(
            lambda t: tf.constant(rng.uniform(0.1, 0.9, _probe_shape(t)), t.dtype), outputs
        )
        if not tf.nest.is_nested(loss) and not tf.nest.is_nested(predictions):
            _check_returns_one_value_per_example(loss, targets, predictions)
        whole = total(targets, predictions)
        if tf.convert_to_tensor(whole).shape.rank:
            raise ConfigError(
                f"the loss {_name(loss)} is not reduced over the batch; leave reduction at its default."
            )
        together = float(whole)
        alone = [float(total(*_row(i, (targets, predictions)))) for i in range(_ROWS)]
        apart = example_losses(targets, predictions).numpy()
    is_apart = apart.shape == (_ROWS,) and np.allclose(apart, alone, rtol=1e-3, equal_nan=True)
    is_reduced = np.isclose(together, [np.mean(alone), np.sum(alone)], rtol=1e-3, equal_nan=True).any()
    if not (is_apart and is_reduced):
        raise NotPrivateError(
            f"the loss {_name(loss)} of a batch is neither the mean nor the sum of its examples' losses, so "
            "one example's loss depends on others and its gradient cannot be clipped. Use a loss that scores "
            "every example by itself."
        )


def _check_returns_one_value_per_example(loss: Any, targets: tf.Tensor, predictions: tf.Tensor) -> None:
    values = as_loss(loss, reduction=None)(targets, predictions)
    shape = tuple(tf.convert_to_tensor(values).shape)
    if not shape or shape[0] != _ROWS:
        raise NotPrivateError(
            f"the loss {_name(loss)} must return one value per example, shape [batch, ...]; for a batch of "
            f"{_ROWS} it returned shape {shape}. It reduces over the batch; leave that to Keras "
            "(return the values before the mean or sum)."
        )


def _probe_shape(tensor: tf.Tensor) -> list[int]:
    return [_ROWS, *(2 if size is None else size for size in tensor.shape[1:])]


def _probe_targets(like: tf.Tensor) -> tf.Tensor:
    """Ones and zeros, row by row: labels for any classifier, and different from one example to the next."""
    rows = np.arange(_ROWS).reshape([_ROWS] + [1] * (like.shape.rank - 1)) % 2
    return tf.cast(tf.broadcast_to(1 - rows, _probe_shape(like)), like.dtype)


def _row(i: int, nest: Any) -> Any:
    return tf.nest.map_structure(lambda t: t[i : i + 1], nest)


def _name(loss: Any) -> str:
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", None) or loss)
