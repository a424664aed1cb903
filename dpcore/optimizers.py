"""What Keras does around an optimizer: scaled losses in half precision, and weight regularisers."""

from typing import Any

import keras
import tensorflow as tf


def inner_optimizer(optimizer: keras.Optimizer) -> keras.Optimizer:
    """The optimizer itself, without the one around it that scales losses."""
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    return optimizer.inner_optimizer if scaled else optimizer


def loss_scale(optimizer: keras.Optimizer, expected_batch_size: int) -> float:
    """By what losses are multiplied before they are differentiated, so that halves do not underflow.

    A public constant. A scale that adapts to overflows would look at the data without noise. Over the batch
    size, because the loss of an example is not the mean over a batch that it is in Keras.
    """
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    scale = optimizer.initial_scale if scaled else optimizer.loss_scale_factor
    return float(scale) / expected_batch_size if scale else 1.0


def apply_gradients(optimizer: keras.Optimizer, gradients: list[tf.Tensor], variables: list[Any]) -> None:
    """Updates the variables by gradients from which the scale of the loss is gone already."""
    inner = inner_optimizer(optimizer)
    if inner is optimizer and optimizer.loss_scale_factor:
        # The optimizer is about to divide by it.
        gradients = [gradient * optimizer.loss_scale_factor for gradient in gradients]
    inner.apply_gradients(zip(gradients, variables, strict=True))


def regularized(gradients: list[tf.Tensor], variables: list[Any]) -> list[tf.Tensor]:
    """The gradients plus those of the weight regularisers, which see no data."""
    if not any(variable.regularizer for variable in variables):
        return gradients
    with tf.GradientTape() as tape:
        penalty = tf.add_n([v.regularizer(v) for v in variables if v.regularizer])
    penalties = tape.gradient(
        penalty, [v.value for v in variables], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return [a + b for a, b in zip(gradients, penalties, strict=True)]
