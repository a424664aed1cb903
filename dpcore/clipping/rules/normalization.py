"""Layers that scale and shift what they have normalised."""

from typing import Any

import keras
import tensorflow as tf

from dpcore.clipping.rules.dense import sum_to
from dpcore.clipping.rules.registry import Gradients, register_rule, replaced


@register_rule(keras.layers.LayerNormalization)
def layer_normalization(layer: Any, gradient: tf.Tensor, inputs: tf.Tensor) -> Gradients:
    """``gamma`` and ``beta``, over the axes that are not normalised."""
    if layer.gamma is not None:
        with replaced(layer, gamma=None, beta=None):
            normalized = type(layer).call(layer, inputs)
        yield layer.gamma, _over(layer, gradient * tf.cast(normalized, gradient.dtype))
    if layer.beta is not None:
        yield layer.beta, _over(layer, gradient)


@register_rule(keras.layers.RMSNormalization)
def rms_normalization(layer: Any, gradient: tf.Tensor, x: tf.Tensor) -> Gradients:
    """``scale``, over the axes that are not normalised."""
    with replaced(layer, scale=None):
        normalized = type(layer).call(layer, x)
    yield layer.scale, sum_to(gradient * tf.cast(normalized, gradient.dtype), layer.scale.shape)


@register_rule(keras.layers.GroupNormalization)
def group_normalization(layer: Any, gradient: tf.Tensor, inputs: tf.Tensor) -> Gradients:
    """``gamma`` and ``beta``, over all axes but that of the channels."""
    if layer.scale:
        with replaced(layer, scale=False, center=False):
            normalized = type(layer).call(layer, inputs)
        yield layer.gamma, _over(layer, gradient * tf.cast(normalized, gradient.dtype))
    if layer.center:
        yield layer.beta, _over(layer, gradient)


@register_rule(keras.layers.PReLU)
def prelu(layer: Any, gradient: tf.Tensor, inputs: tf.Tensor) -> Gradients:
    """``alpha``, the slope where the inputs are negative."""
    yield layer.alpha, sum_to(gradient * tf.minimum(tf.cast(inputs, gradient.dtype), 0), layer.alpha.shape)


def _over(layer: Any, values: tf.Tensor) -> tf.Tensor:
    """Sums over time: all axes but the first and those that the layer's variables have."""
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    kept = {axis % values.shape.rank for axis in axes}
    return tf.reduce_sum(values, axis=[axis for axis in range(1, values.shape.rank) if axis not in kept])
