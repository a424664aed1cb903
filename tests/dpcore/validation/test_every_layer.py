"""Every public layer of Keras: taken, and then it keeps examples apart, or refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dpcore.errors import NotPrivateError, NotSupportedError
from dpcore.validation import check_model
from tests.dpcore.validation.models import IMAGE, SEQUENCE, attended, model_of, pair

VECTOR = (8,)
VOLUME = (6, 6, 6, 2)
FRAMES = (4, 5, 5, 2)

# How each layer is made, and the shape of one example; a name alone is made without arguments.
TAKEN = {
    VECTOR: {
        "Activation": ["relu"],
        "AlphaDropout": [0.5],
        "CategoryEncoding": [9],
        "Dense": [3],
        "EinsumDense": ["ab,bc->ac", 3],
        "Dropout": [0.5],
        "ELU": [],
        "Embedding": [9, 3],
        "GaussianDropout": [0.5],
        "GaussianNoise": [0.5],
        "GroupNormalization": [2],
        "Hashing": [9],
        "Identity": [],
        "Lambda": [tf.square],
        "LayerNormalization": [],
        "LeakyReLU": [],
        "PReLU": [],
        "Pipeline": [lambda: [layers.Dense(2)]],
        "RMSNormalization": [],
        "ReLU": [],
        "RepeatVector": [2],
        "Rescaling": [2.0],
        "Reshape": [(2, 4)],
        "ReversibleEmbedding": [9, 3],
        "Softmax": [],
        "UnitNormalization": [],
    },
    SEQUENCE: {
        "AdaptiveAveragePooling1D": [2],
        "AdaptiveMaxPooling1D": [2],
        "AveragePooling1D": [2],
        "Bidirectional": [lambda: layers.LSTM(2)],
        "Conv1D": [2, 2],
        "Conv1DTranspose": [2, 2],
        "Cropping1D": [],
        "DepthwiseConv1D": [2],
        "Flatten": [],
        "GRU": [2],
        "GlobalAveragePooling1D": [],
        "GlobalMaxPooling1D": [],
        "LSTM": [2],
        "Masking": [],
        "MaxPooling1D": [2],
        "Permute": [(2, 1)],
        "RNN": [lambda: layers.StackedRNNCells([layers.GRUCell(2), layers.SimpleRNNCell(2)])],
        "STFTSpectrogram": ["log", 4, 2, 4],
        "SeparableConv1D": [2, 2],
        "SimpleRNN": [2],
        "SpatialDropout1D": [0.5],
        "TimeDistributed": [lambda: layers.Dense(2)],
        "UpSampling1D": [],
        "ZeroPadding1D": [],
    },
    (64,): {"MelSpectrogram": [16]},
    IMAGE: {
        "AdaptiveAveragePooling2D": [2],
        "AdaptiveMaxPooling2D": [2],
        "AutoContrast": [],
        "AveragePooling2D": [2],
        "CenterCrop": [4, 4],
        "ContrastLimitedAdaptiveHistogramEqualization": [],
        "Conv2D": [2, 2],
        "Conv2DTranspose": [2, 2],
        "ConvLSTM1D": [2, 2],
        "Cropping2D": [],
        "DepthwiseConv2D": [2],
        "GlobalAveragePooling2D": [],
        "GlobalMaxPooling2D": [],
        "MaxPooling2D": [2],
        "RandomBrightness": [0.5],
        "RandomColorDegeneration": [0.5],
        "RandomColorJitter": [(0, 255), 0.5, 0.5, 0.5, 0.5],
        "RandomContrast": [0.5],
        "RandomCrop": [4, 4],
        "RandomElasticTransform": [],
        "RandomErasing": [],
        "RandomFlip": [],
        "RandomGaussianBlur": [],
        "RandomGrayscale": [],
        "RandomHue": [0.5],
        "RandomInvert": [],
        "RandomPerspective": [],
        "RandomPosterization": [3],
        "RandomRotation": [0.5],
        "RandomSaturation": [0.5],
        "RandomSharpness": [0.5],
        "RandomShear": [0.5, 0.5],
        "RandomTranslation": [0.5, 0.5],
        "RandomZoom": [0.5],
        "Resizing": [4, 4],
        "SeparableConv2D": [2, 2],
        "Solarization": [],
        "SpatialDropout2D": [0.5],
        "UpSampling2D": [],
        "ZeroPadding2D": [],
    },
    VOLUME: {
        "AdaptiveAveragePooling3D": [2],
        "AdaptiveMaxPooling3D": [2],
        "AveragePooling3D": [2],
        "Conv3D": [2, 2],
        "Conv3DTranspose": [2, 2],
        "Cropping3D": [],
        "GlobalAveragePooling3D": [],
        "GlobalMaxPooling3D": [],
        "MaxPooling3D": [2],
        "SpatialDropout3D": [0.5],
        "UpSampling3D": [],
        "ZeroPadding3D": [],
    },
    FRAMES: {"ConvLSTM2D": [2, 2]},
    (3, 4, 4, 4, 1): {"ConvLSTM3D": [2, 2]},
}
TAKEN_FOR_PAIRS = {
    "Add": [],
    "AdditiveAttention": [],
    "Attention": [],
    "Average": [],
    "Concatenate": [],
    "Dot": [(1, 1)],
    "GroupQueryAttention": [3, 2, 1],
    "Maximum": [],
    "Minimum": [],
    "MultiHeadAttention": [2, 3],
    "Multiply": [],
    "Subtract": [],
}
REFUSED = {
    "ActivityRegularization": ([], VECTOR),
    "AugMix": ([], IMAGE),
    "BatchNormalization": ([], VECTOR),
    "CutMix": ([], IMAGE),
    "Discretization": ([None, 3], VECTOR),
    "Equalization": ([], IMAGE),
    "IntegerLookup": ([], VECTOR),
    "MixUp": ([], IMAGE),
    "Normalization": ([], VECTOR),
    "RandAugment": ([], IMAGE),
    "SpectralNormalization": ([lambda: layers.Dense(2)], VECTOR),
    "StringLookup": ([], VECTOR),
    "TextVectorization": ([], ()),
}
# Crosses strings; has no weights and no arguments that touch other examples.
STRINGS = {"HashedCrossing"}
# Not data, not a layer of its own, or a wrapper for code that only a trial can judge.
NOT_ALONE = {
    "FlaxLayer",
    "GRUCell",
    "InputLayer",
    "JaxLayer",
    "LSTMCell",
    "Layer",
    "MaxNumBoundingBoxes",
    "SimpleRNNCell",
    "StackedRNNCells",
    "TFSMLayer",
    "TorchModuleWrapper",
    "Wrapper",
}


def made(name, arguments):
    """The layer with fresh parts: a list, tuple or number as it is, a layer from its factory."""
    fresh = [a() if getattr(a, "__name__", "") == "<lambda>" else a for a in arguments]
    return getattr(layers, name)(*fresh)


def test_the_expectations_name_every_public_layer_once():
    classes = {
        getattr(layers, name)
        for name in dir(layers)
        if isinstance(getattr(layers, name), type) and issubclass(getattr(layers, name), layers.Layer)
    }
    named = [name for group in TAKEN.values() for name in group]
    named += [*TAKEN_FOR_PAIRS, *REFUSED, *STRINGS, *NOT_ALONE]
    assert len(named) == len(set(named))
    assert {getattr(layers, name) for name in named} == classes


SINGLE = [(name, shape) for shape, group in TAKEN.items() for name in group]


def rows(shape):
    """Four rows, and the same with another fourth."""
    highest = 255 if shape == IMAGE else 8
    x = np.random.default_rng(0).uniform(1, highest, (4, *shape)).astype(np.float32)
    return x, np.concatenate([x[:3], x[3:] / 4])


def first_rows(make, x, calls=None):
    keras.utils.set_random_seed(0)
    layer = make()
    training = {"training": True} if layer._call_has_training_arg else {}
    y = calls(layer, tf.constant(x)) if calls else layer(tf.constant(x), **training)
    return np.array(y)[:3]


@pytest.mark.parametrize(("name", "shape"), SINGLE)
def test_layers_that_are_taken_give_every_example_what_it_gets_by_itself(name, shape):
    def make():
        return made(name, TAKEN[shape][name])

    check_model(model_of(make(), shape))
    x, changed = rows(shape)
    np.testing.assert_allclose(first_rows(make, x), first_rows(make, changed), atol=1e-4)


@pytest.mark.parametrize("name", TAKEN_FOR_PAIRS)
def test_layers_for_pairs_that_are_taken_give_every_example_what_it_gets_by_itself(name):
    def make():
        return made(name, TAKEN_FOR_PAIRS[name])

    calls = attended if name in ("GroupQueryAttention", "MultiHeadAttention") else pair
    check_model(model_of(make(), (4, 4), calls=calls))
    x, changed = rows((4, 4))
    np.testing.assert_allclose(first_rows(make, x, calls), first_rows(make, changed, calls), atol=1e-4)


@pytest.mark.parametrize("name", REFUSED)
def test_layers_that_are_refused_as_they_come(name):
    arguments, shape = REFUSED[name]
    layer = made(name, arguments)
    unbuilt = name in ("Equalization", "IntegerLookup", "StringLookup", "TextVectorization")
    with pytest.raises((NotPrivateError, NotSupportedError)):
        check_model(keras.Sequential([layer, layers.Dense(1)]) if unbuilt else model_of(layer, shape))


@pytest.mark.parametrize(
    ("make", "shape", "calls"),
    [
        (layers.BatchNormalization, VECTOR, None),
        (lambda: layers.LayerNormalization(axis=0), (4,), None),
        (lambda: layers.RMSNormalization(axis=0), (4,), None),
        (lambda: layers.UnitNormalization(axis=0), VECTOR, None),
        (lambda: layers.GroupNormalization(2, axis=0), VECTOR, None),
        (lambda: layers.Softmax(axis=0), VECTOR, None),
        (lambda: layers.EinsumDense("ab,bc->ca", 4), VECTOR, None),
        (lambda: layers.MultiHeadAttention(2, 3, attention_axes=0, dropout=1e-9), SEQUENCE, attended),
        (layers.Attention, VECTOR, pair),
        (layers.AdditiveAttention, VECTOR, pair),
        (layers.MixUp, IMAGE, None),
        (lambda: layers.CutMix(seed=1), IMAGE, None),
        (layers.Equalization, IMAGE, None),
        (layers.AutoContrast, (8, 3), None),
        (lambda: layers.CategoryEncoding(9, output_mode="count"), (), None),
    ],
)
def test_what_is_refused_does_mix_examples(make, shape, calls):
    x, changed = rows(shape)
    assert np.abs(first_rows(make, x, calls) - first_rows(make, changed, calls)).max() > 1e-4


def test_collections_of_augmentations_hold_the_one_that_mixes():
    for layer in (layers.AugMix(), layers.RandAugment()):
        assert "equalization" in (getattr(layer, "_AUGMENT_LAYERS", None) or layer._augment_layers)


def test_texts_are_padded_to_the_longest_of_the_batch():
    layer = layers.TextVectorization(vocabulary=["a"])
    assert layer(["a", "a a a"]).shape != layer(["a", "a"]).shape
