"""Per-example gradients, taken a chunk of examples at a time, clipped and summed.

A chunk is vectorised where every layer of the model is known to allow it; otherwise a chunk is one example.
Either way the result is exact, and no more than a chunk's per-example gradients are in memory.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakSet

import keras
import tensorflow as tf

from dpcore.clipping.clip import clip_factors, global_norms
from dpcore.clipping.vectorizable import not_vectorizable
from dpcore.validation import check_added_losses

ExampleLoss = Callable[[Any, Any, Any, tf.Tensor], tf.Tensor]

# Per-example gradients that are held at once, in bytes.
_CHUNK_BYTES = 1 << 28

_noticed: "WeakSet[keras.Model]" = WeakSet()


class ClippedGradients(NamedTuple):
    """The clipped sum of a batch, and what was seen on the way.

    Attributes:
      sum: per trainable variable, the sum over examples of the clipped gradient.
      norms: L2 norm of each example's gradient before clipping, ``[batch]``.
      losses: loss of each example, ``[batch]``.
      outputs: what the model returned, a nest of ``[batch, ...]``.
    """

    sum: list[tf.Tensor]
    norms: tf.Tensor
    losses: tf.Tensor
    outputs: Any


def clipped_gradients(
    model: keras.Model,
    example_loss: ExampleLoss,
    x: Any,
    y: Any,
    sample_weight: tf.Tensor,
    *,
    l2_norm_clip: float,
) -> ClippedGradients:
    """The sum over the batch of per-example gradients, each clipped to ``l2_norm_clip``.

    Args:
      model: a built Keras model.
      example_loss: from ``(x, y, outputs, sample_weight)`` of one example, each ``[1, ...]``, to its loss.
      x: a nest of inputs, each ``[batch, ...]``.
      y: a nest of targets, each ``[batch, ...]``.
      sample_weight: ``[batch, ...]``; a row of zeros counts as no example: it contributes nothing, even
        where its gradient is not finite.
      l2_norm_clip: the largest L2 norm of one example's gradient over all variables together.
    """
    variables = [variable.value for variable in model.trainable_variables]
    data = (x, y, sample_weight)
    rows = sample_weight.shape[0] or tf.shape(sample_weight)[0]

    def one(example: Any) -> tuple[list[tf.Tensor], tf.Tensor, Any]:
        x1, y1, w1 = tf.nest.map_structure(lambda t: t[None], example)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            outputs = model(x1, training=True)
            check_added_losses(model)
            loss = example_loss(x1, y1, outputs, w1)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        outputs = tf.nest.map_structure(lambda t: t[0], outputs)
        return [tf.convert_to_tensor(g) for g in gradients], tf.cast(loss, tf.float32), outputs

    def batch_of(indices: tf.Tensor) -> Any:
        examples = tf.nest.map_structure(lambda t: tf.gather(t, indices), data)
        if not vectorized:
            single = one(tf.nest.map_structure(lambda t: t[0], examples))
            return tf.nest.map_structure(lambda t: t[None], single)
        return tf.vectorized_map(one, examples, fallback_to_while_loop=False)

    def clipped(indices: tf.Tensor) -> ClippedGradients:
        inside = indices < rows
        gradients, losses, outputs = batch_of(tf.minimum(indices, rows - 1))
        norms = global_norms(gradients)
        weights = tf.gather(sample_weight, tf.minimum(indices, rows - 1))
        factors = tf.where(
            is_example(weights) & inside, clip_factors(norms, l2_norm_clip), tf.zeros_like(norms)
        )
        return ClippedGradients([_weighted_sum(g, factors) for g in gradients], norms, losses, outputs)

    vectorized = _is_vectorized(model)
    chunk = _chunk_size(model, rows) if vectorized else 1
    if isinstance(rows, int) and rows <= chunk:
        return clipped(tf.range(rows))
    return _over_chunks(clipped, rows, chunk, variables)


def is_example(sample_weight: tf.Tensor) -> tf.Tensor:
    """Which rows stand for an example, ``[batch]``: those whose weights are not all 0."""
    return tf.reduce_any(sample_weight != 0, axis=list(range(1, sample_weight.shape.rank)))


def _over_chunks(
    clipped: Callable[[tf.Tensor], ClippedGradients],
    rows: int | tf.Tensor,
    chunk: int | tf.Tensor,
    variables: list[tf.Variable],
) -> ClippedGradients:
    """Adds up the chunks in a loop, so that memory does not grow with the batch."""
    chunks = (rows + chunk - 1) // chunk
    # Tracing one chunk tells the shapes of what has to be collected.
    shapes = tf.nest.map_structure(
        lambda t: tf.TensorSpec([None, *t.shape[1:]], t.dtype),
        tf.function(lambda: clipped(tf.range(chunk))[1:]).get_concrete_function().structured_outputs,
    )
    collected = tf.nest.map_structure(
        lambda spec: tf.TensorArray(spec.dtype, size=chunks, infer_shape=False, element_shape=spec.shape),
        shapes,
    )

    def body(i: tf.Tensor, sums: list[tf.Tensor], arrays: Any) -> tuple[tf.Tensor, list[tf.Tensor], Any]:
        part = clipped(i * chunk + tf.range(chunk))
        arrays = tf.nest.map_structure(lambda array, value: array.write(i, value), arrays, part[1:])
        return i + 1, [a + b for a, b in zip(sums, part.sum, strict=True)], arrays

    _, sums, arrays = tf.while_loop(
        lambda i, *_: i < chunks,
        body,
        (tf.constant(0), [tf.zeros_like(v) for v in variables], collected),
        maximum_iterations=chunks,
    )
    norms, losses, outputs = tf.nest.map_structure(lambda array: array.concat()[:rows], arrays)
    return ClippedGradients(sums, norms, losses, outputs)


def _weighted_sum(gradients: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Sum over examples of factor x gradient, where a factor of 0 wins against NaN and infinity."""
    keep = tf.reshape(
        factors > 0, tf.concat([tf.shape(factors), tf.ones(gradients.shape.rank - 1, tf.int32)], 0)
    )
    finite = tf.where(keep, gradients, tf.zeros_like(gradients))
    return tf.tensordot(tf.cast(factors, gradients.dtype), finite, 1)


def _is_vectorized(model: keras.Model) -> bool:
    obstacles = not_vectorizable(model)
    if obstacles and model not in _noticed:
        _noticed.add(model)
        warnings.warn(
            f"{model.name}: gradients are taken one example at a time, which is exact but slow, because "
            f"these parts are not known to be vectorisable: {', '.join(obstacles)}.",
            stacklevel=2,
        )
    return not obstacles


def _chunk_size(model: keras.Model, rows: int | tf.Tensor) -> int | tf.Tensor:
    bytes_per_example = 4 * sum(math.prod(variable.shape) for variable in model.trainable_variables)
    largest = max(2, _CHUNK_BYTES // max(1, bytes_per_example))
    return min(largest, rows) if isinstance(rows, int) else tf.clip_by_value(rows, 1, largest)
