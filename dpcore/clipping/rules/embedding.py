"""Embedding and ReversibleEmbedding: lookups are products with one-hot rows."""

from typing import Any

import keras
import tensorflow as tf

from dpcore.clipping.gradients import OneHot, Product, flat_time
from dpcore.clipping.rules.registry import Gradients, Tap, register_forward, register_rule, replaced


@register_rule(keras.layers.Embedding)
def embedding(layer: Any, gradient: tf.Tensor, inputs: tf.Tensor) -> Gradients:
    """``embeddings``: the gradient, at the rows that were looked up."""
    return lookup_gradients(layer, gradient, inputs)


@register_forward(keras.layers.ReversibleEmbedding)
def reversible_embedding(
    tap: Tap, layer: Any, call: Any, inputs: tf.Tensor, reverse: bool = False
) -> tf.Tensor:
    """A lookup one way, and a dense layer with the same matrix, transposed, the other way."""
    if not reverse:
        outputs = call(inputs)
        tap(outputs, lambda gradient: lookup_gradients(layer, gradient, inputs))
        return outputs
    cap = layer.logit_soft_cap
    with replaced(layer, logit_soft_cap=None):
        logits = call(inputs, reverse=True)
    tap(logits, lambda gradient: _logit_gradients(layer, gradient, inputs))
    return logits if cap is None else cap * tf.tanh(logits / cap)


def _logit_gradients(layer: Any, gradient: tf.Tensor, inputs: tf.Tensor) -> Gradients:
    left, right = flat_time(tf.cast(inputs, gradient.dtype)), flat_time(gradient)
    if not layer.tie_weights:
        yield layer.reverse_embeddings, Product(left, right)
    elif not layer.lora_enabled:
        yield layer._embeddings, Product(right, left)
    else:
        scale = layer.lora_alpha / layer.lora_rank
        a, b = (tf.cast(v, right.dtype) for v in (layer.lora_embeddings_a, layer.lora_embeddings_b))
        yield layer.lora_embeddings_a, Product(right, scale * tf.matmul(left, b, transpose_b=True))
        yield layer.lora_embeddings_b, Product(scale * tf.matmul(right, a), left)


def lookup_gradients(layer: Any, gradient: tf.Tensor, indices: tf.Tensor) -> Gradients:
    """Of embeddings ``[rows, features]``, or of their low-rank update, looked up at ``indices``."""
    right = flat_time(gradient[..., None, :]) if gradient.shape.rank == 2 else flat_time(gradient)
    rows = tf.cast(tf.reshape(indices, tf.shape(right)[:2]), tf.int32)
    rows = tf.where(rows < 0, rows + layer.input_dim, rows)
    rows.set_shape(right.shape[:2])
    left = OneHot(rows, layer.input_dim)
    if not layer.lora_enabled:
        yield layer._embeddings, Product(left, right)
        return
    scale = layer.lora_alpha / layer.lora_rank
    a, b = (tf.cast(v, right.dtype) for v in (layer.lora_embeddings_a, layer.lora_embeddings_b))
    yield layer.lora_embeddings_a, Product(left, scale * tf.matmul(right, b, transpose_b=True))
    yield layer.lora_embeddings_b, Product(scale * tf.gather(a, rows), right)
