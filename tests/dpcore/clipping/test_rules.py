"""Every rule against an explicit loop over single examples."""

import pytest
from keras import layers

from tests.dpcore.clipping.checks import check, model_of, precision


def lora(layer, inputs, rank=2):
    """The layer's outputs, with LoRA on top of its weights."""
    layer(inputs)
    layer.enable_lora(rank, lora_alpha=3)
    return layer(inputs)


def normalization(layer, **options):
    return lambda x: layer(epsilon=0.1, **options)(x)


def conv(layer, *args, **options):
    return lambda x: layer(*args, **options)(x)


def einsum(equation, shape, **options):
    return lambda x: layers.EinsumDense(equation, shape, **options)(x)


# For each layer, calls that go into one model, and the shape of the input of each.
CASES = {
    "dense": [
        (lambda x: layers.Dense(3)(x), (4,)),
        (lambda x: layers.Dense(5, activation="tanh")(x), (7, 2)),
        (lambda x: layers.Dense(2, use_bias=False)(x), (2, 3, 4)),
        (lambda x: layers.Dense(20, activation="softmax")(x), (3, 30)),
        (lambda x: layers.Dense(2, activation=None)(x), (1, 4)),
        (lambda x: layers.Dense(1, activation="gelu")(x), (40, 1)),
        (lambda x: layers.Dense(3)(x), (None, 4)),
        (lambda x: layers.Dense(3)(x), (None, 2, 4)),
        (lambda x: layers.Dense(3)(inputs=x), (4,)),
    ],
    "dense with LoRA": [
        (lambda x: lora(layers.Dense(3), x), (4,)),
        (lambda x: lora(layers.Dense(20, activation="tanh"), x), (3, 15)),
        (lambda x: lora(layers.Dense(2, use_bias=False), x, 1), (None, 3, 4)),
    ],
    "einsum_dense": [
        (einsum("ab,bc->ac", 3), (4,)),
        (einsum("abc,cd->abd", (None, 3), bias_axes="d"), (5, 4)),
        (einsum("abc,cd->abd", (5, 3), bias_axes="bd", activation="tanh"), (5, 4)),
        (einsum("...x,xy->...y", 3, bias_axes="y"), (2, 5, 4)),
        (einsum("abc,cde->abde", (None, 2, 3), bias_axes="de"), (5, 4)),
        (einsum("abc,cde->abde", (None, 2, 3), bias_axes="e"), (5, 4)),
        (einsum("abcd,cde->abe", (None, 3), bias_axes="e"), (5, 2, 4)),
        (einsum("abcd,def->abcef", (None, 2, 2, 3)), (3, 2, 4)),
        (einsum("abc,cd->abd", (None, 30)), (2, 40)),
        (einsum("abc,cd->abd", (None, 2)), (None, 4)),
    ],
    "einsum_dense that is no matrix product": [
        (einsum("abc,bcd->acd", (4, 3), bias_axes="cd"), (5, 4)),
        (einsum("abc,bd->adc", (3, 4), bias_axes="d"), (5, 4)),
        (einsum("abc,bcd->abd", (5, 3)), (5, 4)),
        (einsum("abc,bc->abc", (5, 4)), (5, 4)),
        (einsum("abc,c->abc", (5, 4), bias_axes="c"), (5, 4)),
        (einsum("abc,cd->adb", (3, 5), bias_axes="db"), (5, 4)),
        (einsum("abc,dc->abd", (5, 3)), (5, 4)),
        (einsum("abc,bcd->ad", 3), (5, 4)),
        (einsum("abc,cd->ad", 3), (5, 4)),
        (einsum("ab...,bc->ac...", (3, 5)), (4, 5)),
        (einsum("abcd,dbe->abce", (2, 3, 3)), (2, 3, 4)),
    ],
    "einsum_dense with LoRA": [
        (lambda x: lora(layers.EinsumDense("ab,bc->ac", 3, bias_axes="c"), x), (4,)),
        (lambda x: lora(layers.EinsumDense("abc,cde->abde", (5, 2, 3)), x), (5, 4)),
        (lambda x: lora(layers.EinsumDense("abcd,cde->abe", (5, 3)), x), (5, 2, 4)),
        (lambda x: lora(layers.EinsumDense("abc,cd->abd", (None, 3)), x), (None, 4)),
    ],
    "conv1d": [
        (conv(layers.Conv1D, 3, 2), (6, 2)),
        (conv(layers.Conv1D, 3, 3, padding="same", strides=2), (7, 1)),
        (conv(layers.Conv1D, 2, 4, padding="same", activation="tanh"), (6, 1)),
        (conv(layers.Conv1D, 3, 3, padding="causal", dilation_rate=2), (6, 2)),
        (conv(layers.Conv1D, 4, 3, groups=2, use_bias=False), (6, 4)),
        (conv(layers.Conv1D, 3, 2, strides=2), (7, 3)),
        (conv(layers.Conv1D, 3, 4, strides=2, padding="same"), (9, 1)),
        (conv(layers.Conv1D, 20, 3), (5, 20)),
        (conv(layers.Conv1D, 2, 3, padding="same"), (None, 1)),
        (conv(layers.Conv1D, 2, 3), (None, 17)),
        (conv(layers.Conv1D, 2, 1), (5, 3)),
    ],
    "conv2d": [
        (conv(layers.Conv2D, 3, 2), (5, 4, 2)),
        (conv(layers.Conv2D, 3, (2, 3), padding="same", strides=2), (5, 6, 1)),
        (conv(layers.Conv2D, 2, (4, 2), padding="same", strides=(2, 1), activation="tanh"), (6, 5, 1)),
        (conv(layers.Conv2D, 3, 3, dilation_rate=(2, 1)), (6, 5, 2)),
        (conv(layers.Conv2D, 3, 2, dilation_rate=2, padding="same"), (6, 5, 1)),
        (conv(layers.Conv2D, 6, 3, groups=3, use_bias=False), (4, 5, 6)),
        (conv(layers.Conv2D, 2, 3, padding="same"), (None, None, 2)),
        (conv(layers.Conv2D, 2, (2, 2), strides=2), (7, 7, 9)),
        (conv(layers.Conv2D, 3, 1, strides=2), (5, 4, 20)),
        (conv(layers.Conv2D, 12, 4, strides=4), (8, 8, 3)),
    ],
    "conv3d": [
        (conv(layers.Conv3D, 3, 2), (3, 4, 3, 2)),
        (conv(layers.Conv3D, 2, (1, 2, 3), padding="same", strides=2), (4, 3, 5, 1)),
        (conv(layers.Conv3D, 4, 2, groups=2, use_bias=False, activation="tanh"), (3, 3, 3, 4)),
    ],
    "convolutions with LoRA": [
        (lambda x: lora(layers.Conv1D(3, 2), x), (6, 2)),
        (lambda x: lora(layers.Conv2D(3, 2, padding="same", strides=2, use_bias=False), x), (5, 4, 2)),
        (lambda x: lora(layers.Conv3D(2, 2), x, 1), (3, 3, 3, 2)),
    ],
    "transposed convolutions": [
        (conv(layers.Conv1DTranspose, 3, 2), (4, 2)),
        (conv(layers.Conv1DTranspose, 3, 3, strides=2, padding="same", activation="tanh"), (4, 2)),
        (conv(layers.Conv1DTranspose, 3, 2, strides=3), (4, 2)),
        (conv(layers.Conv2DTranspose, 3, 2, strides=2), (3, 4, 2)),
        (conv(layers.Conv2DTranspose, 2, 3, strides=2, padding="same", output_padding=1), (3, 4, 2)),
        (conv(layers.Conv2DTranspose, 2, (2, 3), use_bias=False), (3, 4, 1)),
        (conv(layers.Conv3DTranspose, 2, 2, strides=(1, 2, 2), padding="same"), (2, 3, 2, 2)),
    ],
    "depthwise and separable convolutions": [
        (conv(layers.DepthwiseConv1D, 3), (6, 2)),
        (conv(layers.DepthwiseConv1D, 2, depth_multiplier=2, padding="same", strides=2), (6, 3)),
        (conv(layers.DepthwiseConv2D, 2, activation="tanh"), (4, 5, 3)),
        (conv(layers.DepthwiseConv2D, 3, padding="same", depth_multiplier=2, use_bias=False), (4, 5, 2)),
        (conv(layers.DepthwiseConv2D, 2, dilation_rate=2), (4, 5, 2)),
        (conv(layers.SeparableConv1D, 3, 2, strides=2), (6, 2)),
        (conv(layers.SeparableConv1D, 3, 2, dilation_rate=2, activation="tanh"), (6, 2)),
        (conv(layers.SeparableConv2D, 3, 2, depth_multiplier=2, padding="same"), (4, 5, 2)),
        (conv(layers.SeparableConv2D, 3, (2, 3), use_bias=False, activation="tanh"), (4, 5, 2)),
    ],
    "layer_normalization": [
        (normalization(layers.LayerNormalization), (4,)),
        (normalization(layers.LayerNormalization), (3, 4)),
        (normalization(layers.LayerNormalization, axis=1), (3, 4)),
        (normalization(layers.LayerNormalization, axis=(2, 1), center=False), (3, 4)),
        (normalization(layers.LayerNormalization, axis=(-1, -2)), (2, 3, 4)),
        (normalization(layers.LayerNormalization, axis=(1, 3), scale=False), (2, 3, 4)),
        (normalization(layers.LayerNormalization, rms_scaling=True), (3, 4)),
        (normalization(layers.LayerNormalization), (None, 4)),
    ],
    "other normalizations": [
        (normalization(layers.RMSNormalization), (4,)),
        (normalization(layers.RMSNormalization), (3, 4)),
        (normalization(layers.RMSNormalization, axis=(1, 2)), (3, 4)),
        # Keras scales along the last axis, whichever one it was asked for.
        (normalization(layers.RMSNormalization, axis=1), (4, 4)),
        (normalization(layers.GroupNormalization, groups=2), (4,)),
        (normalization(layers.GroupNormalization, groups=1), (3, 4)),
        (normalization(layers.GroupNormalization, groups=-1, center=False), (3, 4)),
        (normalization(layers.GroupNormalization, groups=2, axis=1), (4, 2, 3)),
        (normalization(layers.GroupNormalization, groups=4, scale=False), (2, 3, 8)),
        (normalization(layers.GroupNormalization, groups=2), (None, 4)),
    ],
    "prelu": [
        (lambda x: layers.PReLU()(x), (4,)),
        (lambda x: layers.PReLU(shared_axes=[1])(x), (3, 4)),
        (lambda x: layers.PReLU(shared_axes=[1, 3])(x), (2, 3, 4)),
    ],
    "multi_head_attention": [
        (lambda x: layers.MultiHeadAttention(2, 3)(x, x), (4, 2)),
        (lambda x: layers.MultiHeadAttention(2, 3, value_dim=2, use_bias=False)(x, x), (4, 2)),
        (lambda x: layers.MultiHeadAttention(1, 3, output_shape=5)(x, x, use_causal_mask=True), (4, 2)),
        (lambda x: layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))(x, x), (3, 2, 2)),
        (lambda x: layers.MultiHeadAttention(2, 3, attention_axes=2)(x, x), (3, 4, 2)),
        (lambda x: layers.MultiHeadAttention(2, 3, use_gate=True)(x, x), (4, 2)),
        (lambda x: layers.MultiHeadAttention(2, 2, flash_attention=False)(x, x), (None, 2)),
    ],
    "grouped_query_attention": [
        (lambda x: layers.GroupQueryAttention(3, 4, 2)(x, x), (4, 2)),
        (lambda x: layers.GroupQueryAttention(3, 4, 1, use_bias=False)(x, x, use_causal_mask=True), (4, 2)),
    ],
    "time_distributed": [
        (lambda x: layers.TimeDistributed(layers.Dense(3, activation="tanh"))(x), (4, 2)),
        (lambda x: layers.TimeDistributed(layers.Conv1D(3, 2))(x), (3, 4, 2)),
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_a_rule_gives_what_a_loop_over_examples_gives(name):
    with precision("float64"):
        # Keras keeps the low-rank factors in float32.
        check(together(CASES[name]), rtol=1e-6 if "LoRA" in name else None)


@pytest.mark.parametrize("name", ["dense", "conv2d", "layer_normalization", "einsum_dense"])
def test_a_rule_gives_it_in_single_precision(name):
    check(together(CASES[name]))


def together(cases, **options):
    """One model with an output for each case."""
    calls, shapes = zip(*cases, strict=True)
    return model_of(lambda *x: [call(one) for call, one in zip(calls, x, strict=True)], *shapes, **options)
