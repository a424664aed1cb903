"""Clipped sums from one forward and one backward pass over the whole batch.

Book-keeping (Bu et al. 2023, https://arxiv.org/abs/2210.00038, Algorithm 1): the backward pass stops at the
outputs of each trainable layer. What went into the layer and what came back give the norm of every example's
gradient, and then, with the clip factors known, the sum of the clipped gradients.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from dpcore.clipping.clip import clip_factors
from dpcore.clipping.gradients import PerExample, total
from dpcore.clipping.recording import recording
from dpcore.validation import check_added_losses

# From (y, outputs, sample_weight), each [batch, ...], to the loss of every example, [batch].
ExampleLosses = Callable[[Any, Any, tf.Tensor], tf.Tensor]


class ClippedGradients(NamedTuple):
    """The clipped sum of a batch, and what was seen on the way.

    Attributes:
      sum: per trainable variable, the sum over examples of the clipped gradient, over ``divisor``.
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
    example_losses: ExampleLosses,
    x: Any,
    y: Any,
    sample_weight: tf.Tensor,
    *,
    l2_norm_clip: float,
    divisor: float = 1.0,
    loss_scale: float = 1.0,
    training: bool = True,
) -> ClippedGradients:
    """The sum over the batch of per-example gradients, each clipped to ``l2_norm_clip``.

    To be called inside a ``tf.function``.

    Args:
      model: a built Keras model.
      example_losses: from targets, outputs and weights to the loss of every example.
      x: a nest of inputs, each ``[batch, ...]``.
      y: a nest of targets, each ``[batch, ...]``.
      sample_weight: ``[batch, ...]``; a row of zeros counts as no example: it contributes nothing, even
        where its gradient is not finite.
      l2_norm_clip: the largest L2 norm of one example's gradient over all variables together.
      divisor: a public constant by which the sum is divided; it costs nothing here.
      loss_scale: a constant by which the loss is multiplied during the backward pass, and the gradients
        divided after it, so that small ones survive in half precision.
      training: as in a Keras call.
    """
    x, y, sample_weight = tf.nest.map_structure(_of_any_batch_size, (x, y, sample_weight))
    rows = tf.shape(sample_weight)[0]
    with (
        tf.GradientTape(watch_accessed_variables=False) as tape,
        recording(model, tape, rows) as record,
    ):
        outputs = model(x, training=training)
        check_added_losses(model)
        losses = example_losses(y, outputs, sample_weight)
        scaled = losses * tf.cast(loss_scale, losses.dtype)
    found = record.gradients(scaled)
    variables = model.trainable_variables
    gradients = {id(v): total(found[id(v)]) for v in variables if id(v) in found}
    squares = tf.add_n([g.squared_norms() for g in gradients.values()]) if gradients else tf.zeros([rows])
    norms = tf.sqrt(squares) / loss_scale
    factors = tf.where(is_example(sample_weight), clip_factors(norms, l2_norm_clip), tf.zeros_like(norms))
    sums = _weighted_sums(gradients, factors / (loss_scale * divisor), tf.math.is_finite(norms))
    return ClippedGradients(
        [tf.cast(sums[id(v)], v.dtype) if id(v) in sums else tf.zeros(v.shape, v.dtype) for v in variables],
        norms,
        losses,
        outputs,
    )


def is_example(sample_weight: tf.Tensor) -> tf.Tensor:
    """Which rows stand for an example, ``[batch]``: those whose weights are not all 0."""
    return tf.reduce_any(sample_weight != 0, axis=list(range(1, sample_weight.shape.rank)))


def _weighted_sums(
    gradients: dict[int, PerExample], factors: tf.Tensor, finite: tf.Tensor
) -> dict[int, tf.Tensor]:
    """Sums over examples of factor x gradient, in which examples that are not finite have no part.

    Their factor is 0, but 0 times infinity is not: where there are any, their rows are emptied first.
    """

    def without_others(tensor: tf.Tensor) -> tf.Tensor:
        keep = tf.reshape(finite, [-1] + [1] * (tensor.shape.rank - 1))
        return tf.where(keep, tensor, tf.zeros_like(tensor))

    sums: dict[int, tf.Tensor] = tf.cond(
        tf.reduce_all(finite),
        lambda: {key: part.weighted_sum(factors) for key, part in gradients.items()},
        lambda: {key: part.map(without_others).weighted_sum(factors) for key, part in gradients.items()},
    )
    return sums


def _of_any_batch_size(tensor: tf.Tensor) -> tf.Tensor:
    """The same tensor with a first axis of unknown size, by which the axis of the examples is known."""
    return tf.raw_ops.PlaceholderWithDefault(input=tensor, shape=[None, *tensor.shape[1:]])
