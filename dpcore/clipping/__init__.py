"""From per-example gradients to a clipped sum."""

from typing import Any

import keras
import tensorflow as tf

from dpcore.clipping.clip import clip_factors
from dpcore.clipping.per_example import ClippedGradients, clipped_gradients
from dpcore.config import require_positive
from dpcore.losses import as_loss, check_loss
from dpcore.validation import check_model

__all__ = ["ClippedGradients", "clip_factors", "clipped_gradient_sum", "clipped_gradients"]


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
    rows = tf.shape(tf.nest.flatten(x)[0])[0]
    weights = tf.ones([rows]) if sample_weight is None else tf.cast(sample_weight, tf.float32)
    example_loss = as_loss(loss)
    check_model(model)
    if tf.nest.flatten(x)[0].shape[0] == 0:
        return [tf.zeros_like(variable) for variable in model.trainable_variables], tf.zeros([0])
    first = tf.nest.map_structure(lambda t: t[:1], (x, y))
    check_loss(loss, example_loss, first[1], model(first[0]))
    result = clipped_gradients(
        model,
        lambda _, y1, outputs, w1: example_loss(y1, outputs, w1),
        x,
        y,
        weights,
        l2_norm_clip=l2_norm_clip,
    )
    return result.sum, result.norms
