"""Clipped sums from one example after the other: exact for any model, and slow."""

from typing import Any

import keras
import tensorflow as tf

from dpcore.clipping.book_keeping import ClippedGradients, ExampleLosses, is_example
from dpcore.clipping.clip import clip_factors
from dpcore.validation import check_added_losses


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
    """As :func:`dpcore.clipping.book_keeping.clipped_gradients`, with every example in a batch of its own."""
    variables = [variable.value for variable in model.trainable_variables]
    rows = tf.shape(sample_weight)[0]

    def one(i: tf.Tensor) -> tuple[list[tf.Tensor], tuple[tf.Tensor, tf.Tensor, Any]]:
        x1, y1, w1 = tf.nest.map_structure(lambda t: t[i : i + 1], (x, y, sample_weight))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            outputs = model(x1, training=training)
            check_added_losses(model)
            loss = example_losses(y1, outputs, w1)
            scaled = loss * tf.cast(loss_scale, loss.dtype)
        found = tape.gradient(scaled, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        gradients = [tf.convert_to_tensor(part) / tf.cast(loss_scale, part.dtype) for part in found]
        norm = _norm(gradients)
        factor = tf.where(is_example(w1)[0], clip_factors(norm, l2_norm_clip), tf.zeros_like(norm))
        clipped = [_scaled(gradient, factor / divisor) for gradient in gradients]
        return clipped, (norm, loss[0], tf.nest.map_structure(lambda t: t[0], outputs))

    # Tracing one example tells the shapes of what has to be collected.
    specs = tf.nest.map_structure(
        lambda t: tf.TensorSpec(t.shape, t.dtype),
        tf.function(lambda: one(tf.constant(0))[1]).get_concrete_function().structured_outputs,
    )
    arrays = tf.nest.map_structure(
        lambda spec: tf.TensorArray(spec.dtype, rows, element_shape=spec.shape), specs
    )

    def body(i: tf.Tensor, sums: list[tf.Tensor], seen: Any) -> tuple[tf.Tensor, list[tf.Tensor], Any]:
        clipped, values = one(i)
        seen = tf.nest.map_structure(lambda array, value: array.write(i, value), seen, values)
        return i + 1, [a + b for a, b in zip(sums, clipped, strict=True)], seen

    zeros = [tf.zeros_like(variable) for variable in variables]
    _, sums, arrays = tf.while_loop(
        lambda i, *_: i < rows, body, (tf.constant(0), zeros, arrays), parallel_iterations=1
    )
    norms, losses, outputs = tf.nest.map_structure(lambda array: array.stack(), arrays)
    return ClippedGradients(sums, norms, losses, outputs)


def _norm(gradients: list[tf.Tensor]) -> tf.Tensor:
    """The L2 norm over all variables together, at least in float32."""
    wide = [tf.cast(g, tf.float32) if g.dtype.size < 4 else g for g in gradients]
    return tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(g)) for g in wide]))


def _scaled(gradient: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Factor x gradient, where a factor of 0 wins against NaN and infinity."""
    return tf.where(factor > 0, gradient * tf.cast(factor, gradient.dtype), tf.zeros_like(gradient))
