"""Layers of random shapes and options against the loop over single examples."""

import hypothesis
import keras
import pytest
from hypothesis import strategies as st
from keras import layers

from tests.dpcore.clipping.checks import check, inputs_of, model_of, precision

SIZES = st.integers(1, 6)
ACTIVATIONS = st.sampled_from([None, "tanh", "softplus"])
CONVOLUTIONS = [layers.Conv1D, layers.Conv2D, layers.Conv3D]
TRANSPOSED = [layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose]
DEPTHWISE = [layers.DepthwiseConv1D, layers.DepthwiseConv2D]


@st.composite
def dense(draw):
    shape = draw(st.lists(SIZES, min_size=1, max_size=3))
    layer = layers.Dense(draw(SIZES), activation=draw(ACTIVATIONS), use_bias=draw(st.booleans()))
    return layer, shape


@st.composite
def convolution(draw, kinds, max_size=9):
    rank = draw(st.integers(1, len(kinds)))
    kernel = draw(st.lists(st.integers(1, 4), min_size=rank, max_size=rank))
    image = [draw(st.integers(size, max_size)) for size in kernel]
    # Keras takes strides or dilations, not both.
    is_dilated = (
        draw(st.booleans())
        and kinds is CONVOLUTIONS
        and all(2 * (size - 1) < length for size, length in zip(kernel, image, strict=True))
    )
    options = {"dilation_rate": 2} if is_dilated else {"strides": draw(st.integers(1, 3))}
    if kinds is DEPTHWISE:
        options["depth_multiplier"] = draw(st.integers(1, 2))
    else:
        options["filters"] = draw(SIZES)
    layer = kinds[rank - 1](
        kernel_size=kernel,
        padding=draw(st.sampled_from(["valid", "same"])),
        activation=draw(ACTIVATIONS),
        use_bias=draw(st.booleans()),
        **options,
    )
    return layer, [*image, draw(SIZES)]


@st.composite
def normalization(draw):
    shape = draw(st.lists(st.integers(2, 5), min_size=1, max_size=3))
    axes = draw(st.lists(st.integers(1, len(shape)), min_size=1, unique=True))
    return layers.LayerNormalization(axis=axes, epsilon=0.1, scale=draw(st.booleans())), shape


@st.composite
def recurrent(draw):
    kind = draw(st.sampled_from([layers.LSTM, layers.GRU, layers.SimpleRNN]))
    options = {name: draw(st.booleans()) for name in ("return_sequences", "go_backwards", "use_bias")}
    return kind(draw(SIZES), **options), [draw(SIZES), draw(SIZES)]


@st.composite
def attention(draw):
    layer = layers.MultiHeadAttention(draw(st.integers(1, 3)), draw(SIZES), use_bias=draw(st.booleans()))
    return (lambda x: layer(x, x)), [draw(SIZES), draw(SIZES)]


@st.composite
def embedding(draw):
    ids, length, size = draw(st.integers(5, 20)), draw(st.integers(3, 6)), draw(SIZES)
    table = layers.Embedding(ids, size)
    # Twice: once with repetitions next to each other, and the two share the table.
    return (lambda x: [table(x), layers.Dense(2)(table(x[:, ::-1]))]), [length], ids


FAMILIES = {
    "dense": dense(),
    "convolution": convolution(CONVOLUTIONS),
    "transposed convolution": convolution(TRANSPOSED, max_size=4),
    "depthwise convolution": convolution(DEPTHWISE),
    "normalization": normalization(),
    "recurrent": recurrent(),
    "attention": attention(),
    "embedding": embedding(),
}


@pytest.mark.parametrize("family", FAMILIES)
@hypothesis.settings(
    max_examples=5,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(data=st.data())
def test_a_layer_of_any_shape(family, data):
    with precision("float64"):
        layer, shape, *ids = data.draw(FAMILIES[family])
        model = model_of(layer, shape, dtype="int32" if ids else None)
        check(model, inputs_of(model, ids=ids[0] if ids else 0))
    keras.backend.clear_session()
