"""Training data as arrays in memory, because Poisson sampling reaches every example at every step."""

from typing import Any

import numpy as np
import tensorflow as tf

from dpcore.errors import ConfigError, NotSupportedError

Arrays = tuple[Any, Any, Any]


def training_arrays(x: Any, y: Any, sample_weight: Any) -> Arrays:
    """``(x, y, sample_weight)`` as nests of arrays ``[num_examples, ...]``; missing weights become ones.

    Args:
      x: arrays, or a finite, batched ``tf.data.Dataset`` of ``(x, y)`` or ``(x, y, sample_weight)``.
      y: arrays; None with a data set.
      sample_weight: ``[num_examples]`` or None; None with a data set.

    Raises:
      NotSupportedError: a generator, or an input of another kind.
      ConfigError: an endless data set, no examples, no targets, or arrays of different lengths.
    """
    if isinstance(x, tf.data.Dataset):
        if y is not None or sample_weight is not None:
            raise ConfigError("with a tf.data.Dataset as x, y and sample_weight must come from it.")
        x, y, sample_weight = _from_dataset(x)
    elif not tf.nest.flatten(x) or not all(hasattr(array, "shape") for array in tf.nest.flatten(x)):
        raise NotSupportedError(
            f"x must be arrays or a finite tf.data.Dataset; got {type(x).__name__}. Poisson sampling needs "
            "to reach every example."
        )
    if y is None:
        raise ConfigError("y must be given: the loss of one example needs its target.")
    lengths = {int(array.shape[0]) for array in tf.nest.flatten((x, y))}
    if len(lengths) != 1 or lengths == {0}:
        raise ConfigError(
            f"x and y must hold the same number of examples, at least one; got {sorted(lengths)}."
        )
    count = lengths.pop()
    if sample_weight is None:
        sample_weight = np.ones(count, np.float32)
    sample_weight = np.asarray(sample_weight, np.float32)
    if sample_weight.ndim == 0 or sample_weight.shape[0] != count:
        raise ConfigError(f"sample_weight must be [{count}]; got shape {list(sample_weight.shape)}.")
    return x, y, sample_weight


def split_validation(arrays: Arrays, share: float) -> tuple[Arrays, Arrays]:
    """Splits off the last ``share`` of the examples, as Keras does."""
    if not 0 < share < 1:
        raise ConfigError(f"validation_split must lie between 0 and 1; got {share!r}.")
    at = int(len(arrays[2]) * (1 - share))
    train = tf.nest.map_structure(lambda array: array[:at], arrays)
    validation = tf.nest.map_structure(lambda array: array[at:], arrays)
    return train, validation


def _from_dataset(dataset: tf.data.Dataset) -> Arrays:
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ConfigError("the data set must be finite: leave out repeat(); fit(epochs=...) repeats it.")
    batches = [batch if isinstance(batch, tuple) else (batch,) for batch in dataset]
    if not batches or len(batches[0]) not in (2, 3):
        raise ConfigError("the data set must yield batches (x, y) or (x, y, sample_weight), at least one.")
    joined = tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *batches)
    x, y, *weights = joined
    return x, y, weights[0].numpy() if weights else None
