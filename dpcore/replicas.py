"""DP-SGD on several devices and machines: who draws what, so that the whole is as private as on one.

A step on several replicas is the step on one, cut up where that changes nothing:

- one Poisson sample of all examples is drawn per step, and each replica takes an equal part of its rows. The
  workers draw the same sample because the chief drew the key for it, from the operating system, and told it
  to the others; that they mean the same rows by it is checked before training.
- each replica clips its examples and sums them; the first replica adds the noise, all of it, to its own
  share, and the shares are added up. What comes out is the one noised sum of all examples, the same on every
  replica: nothing that the optimizer, a variable or a callback sees existed before the noise was in it.
- the noise's key never leaves the process of the first replica, which is the chief's, and so is the one that
  charges the ledger: no sum can be completed without it, so none is before the charge.

The processes trust each other and the network between them, over which shares travel without noise. Noise in
parts, one from each replica, would not change that: every worker holds all the data anyway.
"""

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dpcore.clipping.rules.registry import replaced
from dpcore.errors import ConfigError, NotSupportedError
from dpcore.noise import ClippedSum
from dpcore.sampling import PoissonSampler, poisson_batches, sampling_rng

_SUPPORTED = (
    tf.distribute.OneDeviceStrategy,
    tf.distribute.MirroredStrategy,
    tf.distribute.MultiWorkerMirroredStrategy,
)


@functools.cache
def strategy() -> tf.distribute.Strategy:
    """All devices there are: those of the workers that ``TF_CONFIG`` names, or those of this machine.

    A model made in its scope is trained on all of them::

        with dpcore.strategy().scope():
            model = dpcore.PrivateModel(build_model(), config)
        model.compile("adam", "binary_crossentropy")
        model.fit(x, y)

    With several workers, each process runs this same program on the same rows in the same order, and asks
    for the strategy before it does anything else with TensorFlow. With one device, nothing changes.

    Raises:
      ConfigError: TensorFlow was used before.
    """
    if number_of_workers() > 1:
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise ConfigError(
                "the workers that TF_CONFIG names can only be joined by a process that has not used "
                f"TensorFlow yet: call dpcore.strategy() first of all. ({error})"
            ) from None
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def number_of_workers() -> int:
    """How many processes train together, by ``TF_CONFIG``: chiefs and workers; 1 without it."""
    cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
    return max(1, len(cluster.get("chief", [])) + len(cluster.get("worker", [])))


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process keeps the ledger and writes the model: the only one, or the first of several."""
    return bool(strategy.extended.should_checkpoint)


def check_strategy(strategy: tf.distribute.Strategy | None, variables: Sequence[tf.Variable]) -> None:
    """Refuses strategies that do not add up one sum per step, and variables that belong to another.

    Args:
      strategy: in whose scope the PrivateModel was made, if in any.
      variables: of the model and its optimizer.

    Raises:
      NotSupportedError: a strategy that is not synchronous data parallelism.
      ConfigError: some variables were not made in the strategy's scope, or there are workers, and the model
        is not for all of them.
    """
    if strategy is not None and not isinstance(strategy, _SUPPORTED):
        raise NotSupportedError(
            f"{type(strategy).__name__} is not supported: use MirroredStrategy or "
            "MultiWorkerMirroredStrategy."
        )
    if number_of_workers() > 1 and not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        raise ConfigError(
            "TF_CONFIG names several workers, each of which would train a model of its own: make the model "
            "and its PrivateModel in `with dpcore.strategy().scope():`."
        )
    extended = (strategy or tf.distribute.get_strategy()).extended
    for variable in variables:
        if not extended.variable_created_in_scope(variable):
            raise ConfigError(
                f"{variable.name} belongs to another strategy than the PrivateModel: make the model, its "
                "PrivateModel and its optimizer in one `with strategy.scope():`."
            )


def check_agreement(strategy: tf.distribute.Strategy, settings: Any, arrays: Any) -> None:
    """Refuses workers that would not train the same way on the same rows in the same order.

    An index means another row on another worker, if the rows lie in another order there: an example could be
    in two replicas' parts of one step, and count twice.

    Raises:
      ConfigError: on every worker alike.
    """
    if not has_several_workers(strategy):
        return
    digests = [hashlib.sha256(repr(settings).encode()).digest(), _digest(arrays)]
    own = np.stack([np.frombuffer(digest, np.int64) for digest in digests])
    gathered = tf.function(lambda words: strategy.gather(strategy.run(lambda w: w[None], (words,)), axis=0))
    same = (np.asarray(gathered(tf.constant(own))) == own).all(axis=(0, 2))
    if not same.all():
        raise ConfigError(
            f"the workers do not have the same {'data' if same[0] else 'settings'}. Each must call fit() "
            "with the same arguments, and read the same rows in the same order: the same files, sorted, and "
            "no shuffling."
        )


def from_chief(strategy: tf.distribute.Strategy, message: bytes) -> bytes:
    """The chief's message, on every worker; that of the others is ignored. All call this together."""
    if not has_several_workers(strategy):
        return message
    content = np.frombuffer(message, np.uint8).astype(np.int64)
    (length,) = _first(strategy, np.array([len(content)]))
    return _first(strategy, np.resize(content, length)).astype(np.uint8).tobytes()


def _first(strategy: tf.distribute.Strategy, values: np.ndarray) -> np.ndarray:
    """What the first replica has, as the sum of it and zeros."""

    def share(own: tf.Tensor) -> tf.Tensor:
        return own if _is_first(tf.distribute.get_replica_context()) else tf.zeros_like(own)

    total = tf.function(lambda own: strategy.reduce("SUM", strategy.run(share, (own,)), axis=None))
    return np.asarray(total(tf.constant(values, tf.int64)))


def noised_sum(clipped: ClippedSum, add_noise: Callable[[ClippedSum], list[tf.Tensor]]) -> list[tf.Tensor]:
    """The sum over all replicas, with noise added once; the same on each.

    To be called in a replica. As in the noise itself, the sum is made in float32.

    Args:
      clipped: this replica's share. One example is in one share only, so the sum over all moves with it by
        no more than the share does.
      add_noise: adds noise for that.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return add_noise(clipped)
    share = [tf.cast(value, tf.float32) for value in clipped.values]
    if _is_first(context):
        share = add_noise(ClippedSum(share, clipped.l2_norm_clip))
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, share)
    return [tf.cast(part, value.dtype) for part, value in zip(total, clipped.values, strict=True)]


@contextmanager
def summed_before(optimizer: keras.Optimizer) -> Iterator[None]:
    """While a step is traced, keeps Keras's optimizer from adding up the gradients of the replicas.

    It is given their sum; R times that, clipped and weighed as one share, would be another step.
    """
    with replaced(optimizer, _all_reduce_sum_gradients=list):
        yield


def shared_batches(
    strategy: tf.distribute.Strategy, arrays: Any, sampler: PoissonSampler, rng: np.random.Generator
) -> tf.distribute.DistributedDataset:
    """An endless data set of Poisson batches, of which each replica gets its part.

    Takes the arguments of :func:`dpcore.sampling.poisson_batches`. The batches come from a generator of their
    own, with a key that the chief's ``rng`` draws: it is in the same state on every worker.
    """
    shared = sampling_rng(int.from_bytes(from_chief(strategy, rng.bytes(32))))

    def own(context: tf.distribute.InputContext) -> tf.data.Dataset:
        replicas = context.num_replicas_in_sync
        here = replicas // context.num_input_pipelines
        first = here * context.input_pipeline_id
        return poisson_batches(arrays, sampler, shared, replicas=replicas, parts=range(first, first + here))

    return strategy.distribute_datasets_from_function(own)


def _is_first(context: tf.distribute.ReplicaContext) -> bool:
    """Known when the step is traced: a replica that is not the first holds no noise at all."""
    number = tf.get_static_value(context.replica_id_in_sync_group)
    if number is None:
        raise NotSupportedError("replicas that learn their number only while they run are not supported.")
    return bool(number == 0)


def has_several_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether some replicas are other processes."""
    replicas = strategy.num_replicas_in_sync
    return bool(replicas > 1 and len(strategy.extended.worker_devices) < replicas)


def _digest(arrays: Any) -> bytes:
    """Of all values, in their order."""
    seen = hashlib.sha256()
    for array in map(np.asarray, tf.nest.flatten(arrays)):
        seen.update(f"{array.dtype.str}{array.shape}".encode())
        if array.dtype.hasobject:
            for text in array.flat:
                value: bytes = text.encode() if isinstance(text, str) else bytes(text)
                seen.update(len(value).to_bytes(8) + value)
        else:
            seen.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return seen.digest()
