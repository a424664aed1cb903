"""Convolutions: products of the patches of the inputs, one at each place, and the gradient at that place."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dpcore.clipping.gradients import Arrangement, Blocks, Product, flat_time
from dpcore.clipping.rules.dense import sum_to
from dpcore.clipping.rules.registry import Gradients, Tap, register_forward, register_rule

# Patches are gathered row by row. Where a row is shorter than this many numbers, a convolution with the
# identity is faster.
_SHORT_ROW = 16


@register_rule(keras.layers.Conv1D, before_activation=True)
@register_rule(keras.layers.Conv2D, before_activation=True)
@register_rule(keras.layers.Conv3D, before_activation=True)
def convolution(layer: Any, gradient: tf.Tensor, inputs: tf.Tensor) -> Gradients:
    """``kernel``: patches of the inputs x gradient, for each group of channels."""
    inputs, gradient = _channels_last(layer, tf.cast(inputs, gradient.dtype), gradient)
    channels = tf.split(inputs, layer.groups, axis=-1)
    rights = tf.split(flat_time(gradient), layer.groups, axis=-1)
    if layer.lora_enabled:
        yield from _low_rank(layer, [_patches(layer, part, layer.kernel_size) for part in channels], rights)
    else:
        parts = [_kernel(layer, part, right) for part, right in zip(channels, rights, strict=True)]
        yield layer._kernel, parts[0] if len(parts) == 1 else Blocks(parts)
    if layer.use_bias:
        yield layer.bias, tf.reduce_sum(flat_time(gradient), axis=1)


@register_rule(keras.layers.Conv1DTranspose, before_activation=True)
@register_rule(keras.layers.Conv2DTranspose, before_activation=True)
@register_rule(keras.layers.Conv3DTranspose, before_activation=True)
def transposed_convolution(layer: Any, gradient: tf.Tensor, inputs: tf.Tensor) -> Gradients:
    """As a convolution from the outputs to the inputs: patches of the gradient x inputs."""
    inputs, gradient = _channels_last(layer, tf.cast(inputs, gradient.dtype), gradient)
    left = _patches(layer, gradient, layer.kernel_size)
    yield layer.kernel, Product(left, flat_time(inputs), Arrangement(tuple(layer.kernel.shape)))
    if layer.use_bias:
        yield layer.bias, sum_to(gradient, layer.bias.shape)


@register_rule(keras.layers.DepthwiseConv1D, before_activation=True)
@register_rule(keras.layers.DepthwiseConv2D, before_activation=True)
def depthwise_convolution(layer: Any, gradient: tf.Tensor, inputs: tf.Tensor) -> Gradients:
    """``kernel``: each channel's patches x the gradient of the outputs that come from this channel."""
    inputs, gradient = _channels_last(layer, tf.cast(inputs, gradient.dtype), gradient)
    yield layer.kernel, _depthwise(layer, layer.kernel, inputs, gradient)
    if layer.use_bias:
        yield layer.bias, sum_to(gradient, layer.bias.shape)


@register_forward(keras.layers.SeparableConv1D)
@register_forward(keras.layers.SeparableConv2D)
def separable_convolution(tap: Tap, layer: Any, call: Any, inputs: tf.Tensor) -> tf.Tensor:
    """A depthwise convolution and a dense layer over the channels."""
    del call
    options = {"data_format": layer.data_format}
    inputs = tf.convert_to_tensor(inputs)
    between = keras.ops.depthwise_conv(
        inputs,
        layer.depthwise_kernel,
        strides=layer.strides,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        **options,
    )

    def depthwise(gradient: tf.Tensor) -> Gradients:
        images, gradient = _channels_last(layer, tf.cast(inputs, gradient.dtype), gradient)
        yield layer.depthwise_kernel, _depthwise(layer, layer.depthwise_kernel, images, gradient)

    tap(between, depthwise)
    outputs = keras.ops.conv(between, layer.pointwise_kernel, strides=1, padding="valid", **options)
    if layer.use_bias:
        shape = [1] * outputs.shape.rank
        shape[-1 if layer.data_format == "channels_last" else 1] = layer.filters
        outputs = outputs + keras.ops.reshape(layer.bias, shape)

    def pointwise(gradient: tf.Tensor) -> Gradients:
        images, gradient = _channels_last(layer, tf.cast(between, gradient.dtype), gradient)
        shape = tuple(layer.pointwise_kernel.shape)
        yield layer.pointwise_kernel, Product(flat_time(images), flat_time(gradient), Arrangement(shape))
        if layer.use_bias:
            yield layer.bias, sum_to(gradient, layer.bias.shape)

    tap(outputs, pointwise)
    return outputs if layer.activation is None else layer.activation(outputs)


def _low_rank(layer: Any, lefts: list[tf.Tensor], rights: list[tf.Tensor]) -> Gradients:
    """As :func:`dpcore.clipping.rules.dense.kernel_gradients`; the groups share the first factor."""
    scale = layer.lora_alpha / layer.lora_rank
    a, b = (tf.cast(v, lefts[0].dtype) for v in (layer.lora_kernel_a, layer.lora_kernel_b))
    rows = tf.reshape(a, [-1, layer.lora_rank])
    for left, right, columns in zip(lefts, rights, tf.split(b, layer.groups, axis=-1), strict=True):
        to_a = scale * tf.matmul(right, columns, transpose_b=True)
        yield layer.lora_kernel_a, Product(left, to_a, Arrangement(tuple(a.shape)))
    yield (
        layer.lora_kernel_b,
        Blocks(
            [Product(scale * tf.matmul(left, rows), right) for left, right in zip(lefts, rights, strict=True)]
        ),
    )


def _depthwise(layer: Any, kernel: Any, inputs: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    channels, multiplier = kernel.shape[-2:]
    patches = _patches(layer, inputs, kernel.shape[:-2])
    patches = tf.reshape(patches, [tf.shape(patches)[0], -1, patches.shape[-1] // channels, channels])
    right = tf.reshape(flat_time(gradient), [tf.shape(patches)[0], -1, channels, multiplier])
    products = tf.einsum("btkc,btcm->bkcm", patches, right)
    return tf.reshape(products, [-1, *kernel.shape])


def _channels_last(layer: Any, *images: tf.Tensor) -> list[tf.Tensor]:
    if layer.data_format == "channels_last":
        return list(images)
    return [tf.transpose(image, [0, *range(2, image.shape.rank), 1]) for image in images]


def _kernel(layer: Any, inputs: tf.Tensor, right: tf.Tensor) -> Product:
    shape = (*layer.kernel_size, inputs.shape[-1], right.shape[-1])
    images, places, strides, dilations = _padded(layer, inputs, layer.kernel_size)
    fits = all(kernel % stride == 0 for kernel, stride in zip(layer.kernel_size, strides, strict=True))
    if layer.rank <= 2 and fits and set(dilations) == {1} and shape[-2] * shape[-3] < _SHORT_ROW:
        return _product_by_identity(images, places, strides, right, shape)
    return Product(_patches(layer, inputs, layer.kernel_size), right, Arrangement(shape))


def _product_by_identity(
    images: tf.Tensor, places: list[Any], strides: tuple[int, ...], right: tf.Tensor, shape: tuple[int, ...]
) -> Product:
    """Patches by a depthwise convolution in which every output channel copies one place of the kernel.

    Steps of the stride are made channels first, so that the kernel has fewer places and moves by one.
    """
    *kernel, channels, columns = shape
    if len(kernel) == 1:
        images, places, kernel, strides = images[:, None], [1, *places], [1, *kernel], (1, *strides)
    steps = [size // stride for size, stride in zip(kernel, strides, strict=True)]
    (height, width), (down, across) = (p + s - 1 for p, s in zip(places, steps, strict=True)), strides
    images = tf.reshape(
        images[:, : height * down, : width * across], [-1, height, down, width, across, channels]
    )
    images = tf.transpose(images, [0, 1, 3, 2, 4, 5])
    images = tf.reshape(images, [-1, height, width, down * across * channels])
    identity = np.eye(math.prod(steps), dtype=images.dtype.as_numpy_dtype).reshape(*steps, 1, -1)
    identity = np.repeat(identity, images.shape[-1], axis=2)
    left = tf.nn.depthwise_conv2d(images, tf.constant(identity), [1, 1, 1, 1], "VALID")
    axes = (down, across, channels, *steps, columns)
    return Product(flat_time(left), right, Arrangement(shape, axes, order=(3, 0, 4, 1, 2, 5)))


def _patches(layer: Any, images: tf.Tensor, kernel_size: tuple[int, ...]) -> tf.Tensor:
    """What the kernel sees at each place, ``[batch, places, kernel places x channels]``.

    Gathered axis by axis, the last one first, so that more and more is copied at once.
    """
    values, places, strides, dilations = _padded(layer, images, kernel_size)
    batch, sizes, row = tf.shape(images)[0], _sizes(values), images.shape[-1]
    inner: Any = 1
    for axis in reversed(range(len(sizes))):
        # [batch, outer, size, inner, row] -> [batch, outer, place, inner, kernel place, row]
        outer, size = math.prod(sizes[:axis]), sizes[axis]
        seen = tf.range(places[axis])[:, None] * strides[axis]
        seen = seen + tf.range(kernel_size[axis]) * dilations[axis]
        index = tf.range(outer)[:, None, None, None] * size + seen[:, None, :]
        index = index * inner + tf.range(inner)[:, None]
        values = tf.reshape(values, [batch, outer * size * inner, row])
        values = tf.gather(values, tf.reshape(index, [-1]), axis=1)
        row *= kernel_size[axis]
        inner = inner * places[axis]
    return tf.reshape(values, [batch, inner if isinstance(inner, int) else -1, row])


def _padded(
    layer: Any, images: tf.Tensor, kernel_size: tuple[int, ...]
) -> tuple[tf.Tensor, list[Any], Any, Any]:
    """Images with their padding, the number of places on each axis, and strides and dilations by axis."""
    strides, dilations = (
        (value,) * len(kernel_size) if isinstance(value, int) else tuple(value)
        for value in (layer.strides, layer.dilation_rate)
    )
    paddings, places = [], []
    for size, kernel, stride, dilation in zip(_sizes(images), kernel_size, strides, dilations, strict=True):
        reach = dilation * (kernel - 1)
        if layer.padding == "same":
            place = -(-size // stride)
            padding = _at_least_0((place - 1) * stride + reach + 1 - size)
            paddings.append((padding // 2, padding - padding // 2))
        else:
            before = reach if layer.padding == "causal" else 0
            place = (size + before - reach - 1) // stride + 1
            paddings.append((before, 0))
        places.append(place)
    return tf.pad(images, [(0, 0), *paddings, (0, 0)]), places, strides, dilations


def _sizes(images: tf.Tensor) -> list[Any]:
    """Sizes of the axes between the first and the last, as numbers where they are known."""
    dynamic = tf.shape(images)
    return [size if size is not None else dynamic[i + 1] for i, size in enumerate(images.shape[1:-1])]


def _at_least_0(value: Any) -> Any:
    return max(value, 0) if isinstance(value, int) else tf.maximum(value, 0)
