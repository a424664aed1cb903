import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dpcore.clipping import clipped_gradient_sum
from dpcore.errors import NotPrivateError, NotSupportedError
from dpcore.validation import check_added_losses, check_model


def sequential(*parts, shape=(4,)):
    return keras.Sequential([layers.Input(shape), *parts])


def adapted():
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(size=(20, 4)))
    return layer


def inside(layer):
    inputs = layers.Input((4,))
    return keras.Model(inputs, sequential(layers.Dense(4), sequential(layer))(inputs))


class AddsLoss(layers.Layer):
    def call(self, inputs):
        self.add_loss(tf.reduce_mean(inputs**2))
        return inputs


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (
            lambda: sequential(layers.BatchNormalization(name="bn")),
            NotPrivateError,
            r"layer 'bn' \(BatchNormalization\).*statistics of the whole batch.*Use GroupNormalization",
        ),
        (lambda: inside(layers.BatchNormalization(name="bn")), NotPrivateError, "Use GroupNormalization"),
        (
            lambda: sequential(layers.TimeDistributed(layers.BatchNormalization(name="bn")), shape=(3, 4)),
            NotPrivateError,
            "Use GroupNormalization",
        ),
        (
            lambda: sequential(adapted()),
            NotPrivateError,
            r"\(Normalization\) takes its constants from adapt.*Normalization\(mean=..., variance=...\)",
        ),
        (lambda: sequential(layers.Normalization()), NotPrivateError, "adapt"),
        (lambda: sequential(layers.Discretization(num_bins=3)), NotPrivateError, r"bin_boundaries=\.\.\."),
        (lambda: sequential(layers.IntegerLookup()), NotPrivateError, r"IntegerLookup\(vocabulary=\.\.\.\)"),
        (
            lambda: keras.Sequential([layers.Input(batch_shape=(2, 3, 4)), layers.LSTM(2, stateful=True)]),
            NotPrivateError,
            r"\(LSTM\) is stateful.*Use stateful=False",
        ),
        (
            lambda: sequential(layers.SpectralNormalization(layers.Dense(2))),
            NotSupportedError,
            "updates its state at every call",
        ),
    ],
)
def test_layers_that_mix_examples_are_refused_with_a_way_out(model, error, message):
    with pytest.raises(error, match=message):
        check_model(model())


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.BatchNormalization(trainable=False),
        lambda: layers.Normalization(mean=[0.0] * 4, variance=[1.0] * 4),
        lambda: layers.Discretization(bin_boundaries=[0.0, 1.0]),
        lambda: layers.GroupNormalization(2),
        lambda: layers.LayerNormalization(),
        lambda: layers.Dropout(0.5),
    ],
)
def test_layers_that_do_not_are_taken(layer):
    check_model(sequential(layer()))
    check_model(inside(layer()))


def test_a_recurrent_layer_without_state_is_taken():
    check_model(sequential(layers.GRU(2), shape=(3, 4)))


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Dense(2, activity_regularizer="l2"),
        lambda: layers.ActivityRegularization(l2=0.1),
        AddsLoss,
    ],
)
def test_losses_on_the_data_are_refused(layer):
    model = sequential(layers.Dense(3, kernel_regularizer="l2"), layer(), layers.Dense(1))
    with pytest.raises(
        NotPrivateError, match=r"adds a loss of its own on the data.*Move it into the compiled"
    ):
        clipped_gradient_sum(model, "mse", np.ones((2, 4), "f"), np.ones((2, 1), "f"), l2_norm_clip=1.0)


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
