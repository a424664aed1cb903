"""Dense and EinsumDense, with LoRA."""

import math
import string
from typing import Any

import keras
import tensorflow as tf

from dpcore.clipping.gradients import Arrangement, Product, flat_time
from dpcore.clipping.rules.registry import Gradients, register_rule
from dpcore.errors import NotSupportedError


@register_rule(keras.layers.Dense, before_activation=True)
def dense(layer: Any, gradient: tf.Tensor, inputs: tf.Tensor, training: Any = None) -> Gradients:
    """``kernel``: inputs x gradient, summed over all axes but the first and the last."""
    del training
    left, right = flat_time(tf.cast(inputs, gradient.dtype)), flat_time(gradient)
    yield from kernel_gradients(layer, left, right)
    if layer.bias is not None:
        yield layer.bias, tf.reduce_sum(right, axis=1)


@register_rule(keras.layers.EinsumDense, before_activation=True)
def einsum_dense(layer: Any, gradient: tf.Tensor, inputs: tf.Tensor, training: Any = None) -> Gradients:
    """As for Dense where the equation is a matrix product over trailing axes, otherwise multiplied out."""
    del training
    inputs = tf.cast(inputs, gradient.dtype)
    first, kernel, output = _operands(layer.equation, inputs.shape.rank)
    contracted = "".join(label for label in kernel if label not in output)
    free, time = kernel[len(contracted) :], first[: len(first) - len(contracted)]
    if (first, kernel, output) == (time + contracted, contracted + free, time + free):
        yield from kernel_gradients(layer, _merged(inputs, len(time)), _merged(gradient, len(time)))
    else:
        if layer.lora_enabled:
            raise NotSupportedError(
                f"layer {layer.name!r} (EinsumDense) with the equation {layer.equation!r} and LoRA has no "
                "rule for its gradients: use an equation that multiplies the last axes, as 'abc,cd->abd'."
            )
        yield layer._kernel, tf.einsum(f"{first},{output}->{first[0]}{kernel}", inputs, gradient)
    if layer.bias is not None:
        yield layer.bias, sum_to(gradient, layer.bias.shape)


def kernel_gradients(
    layer: Any, left: tf.Tensor, right: tf.Tensor, arrangement: Arrangement | None = None
) -> Gradients:
    """Of a kernel ``[*rows, *columns]`` by which ``left`` ``[batch, time, rows]`` was multiplied.

    With LoRA (Hu et al. 2021) the kernel is ``W + s A B`` with ``B`` over its last axis, so that the
    gradients of A and B are that of W times ``s B^T`` from the right, and times ``s A^T`` from the left.
    """
    kernel = layer._kernel
    if not layer.lora_enabled:
        yield kernel, Product(left, right, arrangement or Arrangement(tuple(kernel.shape)))
        return
    scale = layer.lora_alpha / layer.lora_rank
    a, b = (tf.cast(variable, left.dtype) for variable in (layer.lora_kernel_a, layer.lora_kernel_b))
    (rank, last), rows = b.shape, left.shape[-1]
    others = math.prod(kernel.shape) // (rows * last)
    right = tf.reshape(
        right, [tf.shape(right)[0], -1 if right.shape[1] is None else right.shape[1], others, last]
    )
    to_a = scale * tf.matmul(right, b, transpose_b=True)
    yield layer.lora_kernel_a, Product(left, _merged(to_a, 2), Arrangement(tuple(a.shape)))
    to_b = scale * tf.einsum("btd,dfr->btfr", left, tf.reshape(a, [rows, others, rank]))
    yield layer.lora_kernel_b, Product(flat_time(to_b), flat_time(right))


def sum_to(gradient: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Sums ``[batch, ...]`` over every axis along which a variable of ``shape`` was broadcast."""
    extra = gradient.shape.rank - 1 - len(shape)
    gradient = tf.reduce_sum(gradient, axis=list(range(1, 1 + extra)))
    ones = [axis + 1 for axis, size in enumerate(shape) if size == 1]
    return tf.reduce_sum(gradient, axis=ones, keepdims=True)


def _merged(values: tf.Tensor, axes: int) -> tf.Tensor:
    """``[batch, *time, *features]``, with ``axes`` before the features, as ``[batch, time, features]``."""
    features = math.prod(values.shape[axes:])
    time = values.shape[1:axes]
    steps = math.prod(time) if time.is_fully_defined() else -1
    return tf.reshape(values, [tf.shape(values)[0], steps, features])


def _operands(equation: str, rank: int) -> tuple[str, str, str]:
    """The labels of inputs, kernel and outputs, with the ellipsis written out."""
    operands, output = equation.replace(" ", "").split("->")
    first, kernel = operands.split(",")
    unused = [label for label in string.ascii_letters if label not in equation]
    dots = "".join(unused[: rank - len(first.replace("...", ""))])
    first, output = first.replace("...", dots), output.replace("...", dots)
    if first[0] != output[0] or first[0] in kernel:
        raise NotSupportedError(f"the equation {equation!r} moves the axis of the examples.")
    return first, kernel, output
