import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dpcore.clipping import clipped_gradient_sum
from dpcore.errors import ConfigError, NotPrivateError, NotSupportedError
from dpcore.validation import check_added_losses, check_model
from tests.dpcore.validation.models import IMAGE, SEQUENCE, attended, model_of, pair


def nested(layer):
    inputs = layers.Input((4,))
    inner = keras.Sequential([layers.Input((4,)), layer], name="inner")
    return keras.Model(inputs, keras.Sequential([layers.Dense(4), inner], name="outer")(inputs))


def rematerialised(mode):
    with keras.RematScope(mode=mode):
        return layers.Dense(2)


def quantised(mode, **kwargs):
    layer = layers.Dense(4, **kwargs)
    layer.build((None, 4))
    layer.quantize(mode)
    return layer


def adapted():
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(size=(20, 4)))
    return layer


def subclassed(layer):
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [layer, layers.Dense(1)]

        def call(self, x):
            return self.parts[1](self.parts[0](x))

    model = Model()
    model(np.ones((4, 4), "f"))
    return model


def functional(operation, shape=(4,)):
    inputs = layers.Input(shape)
    x = layers.Dense(4)(inputs)
    return keras.Model(inputs, operation(x))


# What is refused, the way out that the message names, and the neighbour that is taken.
RULES = {
    "batch normalisation": (
        lambda: model_of(layers.BatchNormalization(name="bn")),
        r"layer 'bn' \(BatchNormalization\) has trainable=True: .*statistics of the whole batch"
        r".*Use GroupNormalization or LayerNormalization, or freeze it",
        lambda: model_of(layers.BatchNormalization(trainable=False)),
    ),
    "synchronised batch normalisation": (
        lambda: model_of(layers.BatchNormalization(axis=1, synchronized=True)),
        "Use GroupNormalization",
        lambda: model_of(layers.GroupNormalization(2)),
    ),
    "layer normalisation over the batch": (
        lambda: model_of(layers.LayerNormalization(axis=[0, 1]), batch=3),
        r"has axis=\[0, 1\]: .* holds the examples.*axis=-1",
        lambda: model_of(layers.LayerNormalization(axis=[1, 2]), SEQUENCE),
    ),
    "root mean square over the batch": (
        lambda: model_of(layers.RMSNormalization(axis=0), batch=3),
        "axis=-1",
        lambda: model_of(layers.RMSNormalization(axis=1)),
    ),
    "unit norm over the batch": (
        lambda: model_of(layers.UnitNormalization(axis=0)),
        "axis=-1",
        lambda: model_of(layers.UnitNormalization()),
    ),
    "group normalisation over the batch": (
        lambda: model_of(layers.GroupNormalization(1, axis=0), batch=3),
        "axis=-1",
        lambda: model_of(layers.GroupNormalization(2, axis=1), SEQUENCE),
    ),
    "softmax over the batch": (
        lambda: model_of(layers.Softmax(axis=-2)),
        "has axis=-2: .*axis=-1",
        lambda: model_of(layers.Softmax(axis=-2), SEQUENCE),
    ),
    "softmax over the batch, in a subclass": (
        lambda: subclassed(layers.Softmax(axis=0)),
        "has axis=0: .*axis=-1",
        lambda: subclassed(layers.Softmax()),
    ),
    "layer normalisation over the batch, in a subclass": (
        lambda: subclassed(layers.RMSNormalization(axis=-2)),
        "has axis=.*-2.*axis=-1",
        lambda: subclassed(layers.RMSNormalization()),
    ),
    "concatenation of batches": (
        lambda: model_of(layers.Concatenate(axis=-3), SEQUENCE, calls=pair),
        "axis=-1",
        lambda: model_of(layers.Concatenate(axis=-2), SEQUENCE, calls=pair),
    ),
    "attention between examples": (
        lambda: model_of(layers.MultiHeadAttention(2, 3, attention_axes=(0, 1)), SEQUENCE, 3, attended),
        r"attention_axes=\(0, 1\).*name axes from 1 on",
        lambda: model_of(layers.MultiHeadAttention(2, 3, attention_axes=(1,)), SEQUENCE, 3, attended),
    ),
    "attention without a sequence": (
        lambda: model_of(layers.Attention(), calls=pair),
        r"an input of rank 2, batch included.*inputs of shape \[batch, length, features\]",
        lambda: model_of(layers.Attention(), SEQUENCE, calls=pair),
    ),
    "additive attention without a sequence": (
        lambda: model_of(layers.AdditiveAttention(), calls=pair),
        "attend to one another",
        lambda: model_of(layers.AdditiveAttention(), SEQUENCE, calls=pair),
    ),
    "an einsum that moves the batch": (
        lambda: model_of(layers.EinsumDense("ab,bc->ca", 5), batch=5),
        "equation='ab,bc->ca': .*'ab,bc->ac'",
        lambda: model_of(layers.EinsumDense("ab,bc->ac", 5)),
    ),
    "an einsum with weights for each place in the batch": (
        lambda: model_of(layers.EinsumDense("ab,ac->ac", 5), batch=2),
        "stay out of the kernel",
        lambda: model_of(layers.EinsumDense("...x,xy->...y", 5), SEQUENCE),
    ),
    "mix up": (
        lambda: model_of(layers.MixUp(), IMAGE),
        "blended with another example.*such as RandomFlip",
        lambda: model_of(layers.RandomFlip(), IMAGE),
    ),
    "cut mix": (lambda: model_of(layers.CutMix(), IMAGE), "RandomCrop", lambda: nested(layers.Dense(4))),
    "equalisation": (
        lambda: keras.Sequential([layers.Equalization(), layers.Conv2D(2, 2)]),
        "one histogram of the whole batch.*ContrastLimitedAdaptiveHistogramEqualization",
        lambda: model_of(layers.ContrastLimitedAdaptiveHistogramEqualization(), IMAGE),
    ),
    "a batch taken for an image": (
        lambda: model_of(layers.RandomZoom(0.2), (8, 3)),
        r"an input of rank 3.*\[batch, height, width, channels\]",
        lambda: model_of(layers.RandomZoom(0.2), IMAGE),
    ),
    "padding to the longest text": (
        lambda: keras.Sequential([layers.TextVectorization(vocabulary=["a"]), layers.Embedding(9, 2)]),
        "output_sequence_length=None.*Set output_sequence_length",
        lambda: keras.Sequential(
            [layers.TextVectorization(vocabulary=["a"], output_sequence_length=3), layers.Embedding(9, 2)]
        ),
    ),
    "one encoding of the whole batch": (
        lambda: model_of(layers.CategoryEncoding(4, output_mode="count"), ()),
        r"output_mode='count' and inputs of shape \[batch\].*\[batch, 1\]",
        lambda: model_of(layers.CategoryEncoding(4, output_mode="count"), (1,)),
    ),
    "one hash of the whole batch": (
        lambda: model_of(layers.Hashing(4, output_mode="multi_hot"), ()),
        "output_mode='one_hot'",
        lambda: model_of(layers.Hashing(4, output_mode="one_hot"), ()),
    ),
    "one set of words for the whole batch": (
        lambda: model_of(layers.StringLookup(vocabulary=["a"], output_mode="multi_hot"), (), dtype="string"),
        "output_mode='one_hot'",
        lambda: model_of(
            layers.StringLookup(vocabulary=["a"], output_mode="multi_hot"), (1,), dtype="string"
        ),
    ),
    "one set of numbers for the whole batch": (
        lambda: model_of(layers.IntegerLookup(vocabulary=[1], output_mode="multi_hot"), ()),
        "output_mode='one_hot'",
        lambda: model_of(layers.IntegerLookup(vocabulary=[1], output_mode="multi_hot"), (3,)),
    ),
    "one histogram of the whole batch": (
        lambda: model_of(layers.Discretization([0.0], output_mode="count"), ()),
        "output_mode='one_hot'",
        lambda: model_of(layers.Discretization([0.0], output_mode="count"), (3,)),
    ),
    "a collection of augmentations with equalisation": (
        lambda: model_of(layers.RandAugment(name="all"), IMAGE),
        r"^layer 'all' \(RandAugment\): .*such as RandomFlip",
        lambda: model_of(layers.Pipeline([layers.RandomFlip(), layers.RandomContrast(0.2)]), IMAGE),
    ),
    "a mixture of augmentations with equalisation": (
        lambda: model_of(layers.AugMix(name="all"), IMAGE),
        r"^layer 'all' \(AugMix\): .*such as RandomFlip",
        lambda: model_of(layers.Solarization(), IMAGE),
    ),
    "adapted normalisation": (
        lambda: model_of(adapted()),
        r"has mean=None: .*taken from adapt.*Normalization\(mean=..., variance=...\)",
        lambda: model_of(layers.Normalization(mean=[0.0] * 4, variance=[1.0] * 4)),
    ),
    "bins to be adapted": (
        lambda: model_of(layers.Discretization(num_bins=3)),
        r"num_bins=3.*Discretization\(bin_boundaries=...\)",
        lambda: model_of(layers.Discretization(bin_boundaries=[0.0, 1.0])),
    ),
    "a vocabulary of integers to be adapted": (
        lambda: keras.Sequential([layers.IntegerLookup(), layers.Embedding(9, 2)]),
        "vocabulary=....*Hashing",
        lambda: model_of(layers.IntegerLookup(vocabulary=[1, 2])),
    ),
    "a vocabulary of strings to be adapted": (
        lambda: keras.Sequential([layers.StringLookup(), layers.Embedding(9, 2)]),
        "Hashing",
        lambda: keras.Sequential([layers.StringLookup(vocabulary=["a"]), layers.Embedding(9, 2)]),
    ),
    "a vocabulary of texts to be adapted": (
        lambda: keras.Sequential([layers.TextVectorization(output_mode="count"), layers.Dense(2)]),
        r"layer 'text_vectorization\w*' \(TextVectorization\) has vocabulary=None.*Hashing",
        lambda: keras.Sequential(
            [layers.TextVectorization(output_mode="count", vocabulary=["a"]), layers.Dense(2)]
        ),
    ),
    "a stateful layer": (
        lambda: model_of(layers.LSTM(2, stateful=True), SEQUENCE, 2),
        r"\(LSTM\) has stateful=True.*Use stateful=False",
        lambda: model_of(layers.LSTM(2), SEQUENCE),
    ),
    "a stateful layer in two directions": (
        lambda: model_of(layers.Bidirectional(layers.GRU(2, stateful=True), name="both"), SEQUENCE, 2),
        r"^layer 'both' \(Bidirectional\) has stateful=True.*Use stateful=False",
        lambda: model_of(layers.Bidirectional(layers.GRU(2)), SEQUENCE),
    ),
    "stateful cells": (
        lambda: model_of(layers.RNN([layers.LSTMCell(2), layers.GRUCell(2)], stateful=True), SEQUENCE, 2),
        "Use stateful=False",
        lambda: model_of(layers.RNN([layers.LSTMCell(2), layers.GRUCell(2)]), SEQUENCE),
    ),
    "an activity regulariser": (
        lambda: model_of(layers.Dense(2, activity_regularizer="l2")),
        "activity_regularizer=L2: that adds a loss of its own on the data.*kernel_regularizer",
        lambda: model_of(layers.Dense(2, kernel_regularizer="l2")),
    ),
    "activity regularisation": (
        lambda: model_of(layers.ActivityRegularization(l2=0.1)),
        "kernel_regularizer",
        lambda: model_of(layers.Identity()),
    ),
    "eight bits": (
        lambda: model_of(quantised("float8")),
        "quantization_mode='float8': the largest values of the whole batch.*mixed_bfloat16",
        lambda: model_of(layers.Dense(2, dtype="mixed_bfloat16")),
    ),
    "a mean over the batch": (
        lambda: functional(lambda x: x - keras.ops.mean(x, axis=0, keepdims=True)),
        r"operation 'mean\w*' \(Mean\) has axis=\[0\]: .*axis=-1",
        lambda: functional(lambda x: x - keras.ops.mean(x, axis=1, keepdims=True)),
    ),
    "a maximum of everything": (
        lambda: functional(lambda x: x / keras.ops.max(x)),
        r"\(Max\) has axis=None",
        lambda: functional(lambda x: keras.ops.cross(keras.ops.squeeze(x[:, :3]), x[:, 1:])),
    ),
}

NOT_YET = {
    "quantised weights": (
        lambda: model_of(quantised("int8")),
        "quantization_mode='int8': .*not supported yet.*quantise afterwards",
        lambda: model_of(quantised("int8", trainable=False)),
    ),
    "spectral normalisation": (
        lambda: model_of(layers.SpectralNormalization(layers.Dense(2))),
        "not supported yet.*without the wrapper",
        lambda: model_of(layers.Dense(2, kernel_constraint="unit_norm")),
    ),
    "rematerialisation": (
        lambda: model_of(rematerialised("full")),
        r"RematScope\(mode='full'\): .*not supported yet.*outside keras.RematScope",
        lambda: model_of(rematerialised(None)),
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_what_breaks_the_guarantee_is_refused_with_a_way_out_and_its_neighbour_is_taken(rule):
    refused, message, taken = RULES[rule]
    with pytest.raises(NotPrivateError, match=message):
        check_model(refused())
    check_model(taken())


@pytest.mark.parametrize("rule", NOT_YET)
def test_what_is_not_covered_yet_is_told_apart(rule):
    refused, message, taken = NOT_YET[rule]
    with pytest.raises(NotSupportedError, match=message):
        check_model(refused())
    check_model(taken())


def test_a_mask_or_noise_that_does_not_see_the_data_is_taken():
    # One mask for all examples is drawn without looking at any.
    check_model(model_of(layers.Dropout(0.5, noise_shape=(1, 4))))
    check_model(model_of(layers.GaussianNoise(0.5)))


def test_all_problems_are_told_at_once_and_alike_ones_together():
    model = keras.Sequential(
        [
            layers.Input(IMAGE),
            layers.BatchNormalization(name="first"),
            layers.Conv2D(2, 2),
            layers.BatchNormalization(name="second"),
            layers.Flatten(),
            layers.SpectralNormalization(layers.Dense(2), name="spectral"),
            layers.Softmax(axis=0, name="softmax"),
        ]
    )
    with pytest.raises(NotPrivateError) as caught:
        check_model(model)
    lines = str(caught.value).splitlines()
    assert lines[0] == "3 things break the guarantee or are not supported yet:"
    assert lines[1].startswith(
        "- never: layers 'first', 'second' (BatchNormalization) have trainable=True: every example"
    )
    assert lines[2].startswith("- not yet: layer 'spectral' (SpectralNormalization): ")
    assert lines[3].startswith("- never: layer 'softmax' (Softmax) has axis=0: ")
    assert len(lines) == 4


def test_everything_inside_is_found_under_its_path():
    with pytest.raises(NotPrivateError, match=r"layer 'outer/inner/bn' \(BatchNormalization\)"):
        check_model(nested(layers.BatchNormalization(name="bn")))
    wrapped = layers.TimeDistributed(layers.BatchNormalization(name="bn"), name="each")
    with pytest.raises(NotPrivateError, match="layer 'each/bn'"):
        check_model(model_of(wrapped, SEQUENCE))
    pipeline = layers.Pipeline([layers.RandomFlip(), layers.CutMix(name="cut")], name="augment")
    with pytest.raises(NotPrivateError, match="layer 'augment/cut'"):
        check_model(model_of(pipeline, IMAGE))
    inputs = layers.Input((4,))
    inner = functional(lambda x: keras.ops.softmax(x, axis=0))
    with pytest.raises(NotPrivateError, match=r"operation 'inner/softmax\w*' \(Softmax\) has axis=0"):
        check_model(keras.Model(inputs, keras.Model(inner.input, inner.output, name="inner")(inputs)))


def test_a_model_without_anything_to_train_is_refused():
    frozen = keras.Sequential([layers.Input((4,)), layers.Dense(1, trainable=False)], name="frozen")
    with pytest.raises(ConfigError, match=r"model 'frozen' has no trainable weights.*Set trainable=True"):
        check_model(frozen)
    check_model(keras.Sequential([layers.Dense(1)]))


class AddsLoss(layers.Layer):
    def call(self, inputs):
        self.add_loss(tf.reduce_mean(inputs**2))
        return inputs


def sequential(*parts):
    return keras.Sequential([layers.Input((4,)), *parts])


def test_a_loss_that_is_added_by_a_call_is_refused():
    model = sequential(layers.Dense(3, kernel_regularizer="l2"), AddsLoss(), layers.Dense(1))
    check_model(model)
    model(np.ones((2, 4), "f"))
    with pytest.raises(
        NotPrivateError, match=r"adds a loss of its own on the data.*Move it into the compiled"
    ):
        check_added_losses(model)


def test_weight_regularisers_are_taken_and_not_clipped():
    def total(regularizer):
        keras.utils.set_random_seed(0)
        model = sequential(
            layers.Dense(3, kernel_regularizer=regularizer, bias_regularizer=regularizer),
            layers.Dense(1, trainable=False, kernel_regularizer=regularizer),
        )
        model(np.ones((2, 4), "f"))
        check_added_losses(model)
        found, _ = clipped_gradient_sum(
            model, "mse", np.ones((2, 4), "f"), np.ones((2, 1), "f"), l2_norm_clip=1e9
        )
        return found

    for regularised, plain in zip(total("l2"), total(None), strict=True):
        np.testing.assert_allclose(regularised, plain)
