"""From per-example gradients to a clipped sum."""

from typing import Any

import keras
import tensorflow as tf

from dpcore.clipping.book_keeping import ClippedGradients, is_example
from dpcore.clipping.rehearsal import Method, rehearse
from dpcore.clipping.rules import register_rule
from dpcore.config import require_positive
from dpcore.losses import ExampleLoss, as_loss, check_loss
from dpcore.precision import full_float32
from dpcore.validation import check_model

__all__ = [
    "ClippedGradients",
    "Method",
    "clipped_gradient_sum",
    "is_example",
    "register_rule",
    "rehearse",
]


@full_float32()
def clipped_gradient_sum(
    model: keras.Model,
    loss: Any,
    x: Any,
    y: Any,
    *,
    l2_norm_clip: float,
    sample_weight: Any = None,
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The sum over the batch of per-example gradients, each clipped to an L2 norm over all variables.

    Adding or removing one example changes the sum by at most ``l2_norm_clip`` in L2 norm (Abadi et al. 2016,
    Algorithm 1, before the noise). An example with a gradient that is not finite contributes nothing.

    Args:
      model: a built Keras model; called with ``training=True``.
      loss: a Keras loss: a name, a ``keras.losses.Loss``, or a function from ``(y_true, y_pred)`` to one
        value per example ``[batch, ...]``.
      x: a nest of inputs, each ``[batch, ...]``.
      y: a nest of targets, each ``[batch, ...]``.
      l2_norm_clip: the largest norm that is left alone; > 0.
      sample_weight: optional weights ``[batch]``; 0 leaves an example out.

    Returns:
      The sum, aligned with ``model.trainable_variables``, and the norms before clipping, ``[batch]``.

    Raises:
      NotPrivateError: a layer or the loss mixes examples.
    """
    require_positive("l2_norm_clip", l2_norm_clip)
    x, y = tf.nest.map_structure(tf.convert_to_tensor, (x, y))
    rows = tf.nest.flatten(x)[0].shape[0]
    weights = tf.ones([rows]) if sample_weight is None else tf.cast(sample_weight, tf.float32)
    check_model(model)
    if rows == 0:
        return [tf.zeros_like(variable) for variable in model.trainable_variables], tf.zeros([0])
    total = as_loss(loss)
    first = tf.nest.map_structure(lambda t: t[:1], (x, y))
    losses = ExampleLoss(total)
    check_loss(loss, total, losses, first[1], model(first[0]))
    method = rehearse(model, losses, x, y)

    def gradients(x: Any, y: Any, weights: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        result = method(model, losses, x, y, weights, l2_norm_clip=l2_norm_clip)
        return result.sum, result.norms

    sums, norms = tf.function(gradients)(x, y, weights)
    return sums, norms
