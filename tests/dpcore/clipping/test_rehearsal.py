"""What a few examples show before training: models that mix them, and rules that are wrong."""

import random
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from dpcore.clipping import book_keeping, one_by_one, rehearse
from dpcore.clipping.rehearsal import check_examples_are_apart
from dpcore.errors import NotPrivateError
from tests.dpcore.clipping.checks import example_losses, inputs_of, model_of


class Custom(layers.Layer):
    """A layer from a function of the inputs, with a weight that starts at zero."""

    def __init__(self, function, gated=False):
        super().__init__()
        self.function, self.gated = function, gated

    def build(self, shape):
        self.gate = self.add_weight(shape=(), initializer="zeros") if self.gated else 1.0

    def call(self, x):
        return x + self.gate * self.function(x)


class Subclassed(keras.Model):
    def __init__(self, function, size):
        super().__init__()
        self.first, self.last, self.function = (
            layers.Dense(4, name="first"),
            layers.Dense(size, name="last"),
            function,
        )

    def call(self, x):
        return self.last(self.function(self.first(x)))


MIXING = {
    "mean": lambda x: ops.mean(x, axis=0, keepdims=True) + 0 * x,
    "a little of the mean": lambda x: 1e-3 * ops.mean(x, axis=0, keepdims=True) + 0 * x,
    "softmax": lambda x: ops.softmax(x, axis=0),
    "cumulative sum": lambda x: ops.cumsum(x, axis=0),
    "cumulative sum from the end": lambda x: ops.flip(ops.cumsum(ops.flip(x, 0), axis=0), 0),
    "reversed": lambda x: ops.flip(x, axis=0),
    "moved by one": lambda x: ops.roll(x, 1, axis=0),
    "sorted": lambda x: ops.sort(x, axis=0),
    "largest": lambda x: x - ops.max(x, axis=0, keepdims=True),
    "attention": lambda x: ops.matmul(ops.softmax(ops.matmul(x, ops.transpose(x))), x),
    "moved by two": lambda x: ops.roll(x, 2, axis=0),
}


@pytest.mark.parametrize("name", MIXING)
def test_a_model_that_mixes_examples_is_refused_with_the_layer_named(name):
    with_lambda = keras.Sequential(
        [layers.Input((4,)), layers.Dense(3), layers.Lambda(MIXING[name], name="mix"), layers.Dense(2)]
    )
    with pytest.raises(NotPrivateError, match=r"what layer 'mix' \(Lambda\) makes of one example depends on"):
        check_examples_are_apart(with_lambda, inputs_of(with_lambda, 5))


@pytest.mark.parametrize("name", ["mean", "cumulative sum"])
def test_in_a_custom_layer_even_behind_a_gate_that_starts_at_zero(name):
    model = keras.Sequential(
        [layers.Input((4,)), layers.Dense(3), Custom(MIXING[name], gated=True), layers.Dense(2)]
    )
    with pytest.raises(NotPrivateError, match=r"\(Custom\)"):
        check_examples_are_apart(model, inputs_of(model, 5))


def test_in_the_code_of_a_model():
    model = Subclassed(MIXING["mean"], 2)
    x = tf.random.normal([5, 3])
    model(x)
    with pytest.raises(NotPrivateError, match=r"what layer 'last' \(Dense\) makes"):
        check_examples_are_apart(model, x)


def test_in_training_alone():
    class Batch(layers.Layer):
        def call(self, x, training=False):
            return x - ops.mean(x, axis=0) if training else x

    model = keras.Sequential([layers.Input((4,)), layers.Dropout(0.5), layers.Dense(3), Batch()])
    with pytest.raises(NotPrivateError, match=r"\(Batch\)"):
        check_examples_are_apart(model, inputs_of(model, 5))


@pytest.mark.parametrize("examples", [1, 2, 7])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_however_few_or_equal_the_examples_are(examples, value):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3), layers.Lambda(MIXING["mean"])])
    with pytest.raises(NotPrivateError, match=r"\(Lambda\)"):
        rehearse(model, example_losses, tf.fill([examples, 4], value), tf.zeros([examples]))


def test_in_the_gradient_alone():
    @tf.custom_gradient
    def normalised(x):
        return x, lambda gradient: gradient / tf.norm(gradient)

    model = keras.Sequential(
        [layers.Input((4,)), layers.Dense(3), layers.Lambda(normalised), layers.Dense(2)]
    )
    with pytest.warns(UserWarning, match="one example at a time.*do not account for the gradients of"):
        method = rehearse(model, example_losses, inputs_of(model, 5), tf.zeros([5]))
    assert method is one_by_one.clipped_gradients


def time_major(x):
    return ops.transpose(ops.cumsum(ops.transpose(x, (1, 0, 2)), axis=0), (1, 0, 2))


def noisy(x):
    return x + random.gauss(0, 1)


APART = {
    "dropout": (lambda x: layers.Dropout(0.5)(layers.Dense(3)(x)), (4,)),
    "noise": (lambda x: layers.GaussianNoise(0.5)(layers.GaussianDropout(0.2)(layers.Dense(3)(x))), (4,)),
    "attention": (lambda x: layers.MultiHeadAttention(2, 3, dropout=0.2)(x, x), (5, 4)),
    "recurrent": (lambda x: layers.LSTM(3, recurrent_dropout=0.2)(x), (5, 4)),
    "time major": (lambda x: layers.Lambda(time_major)(layers.Dense(3)(x)), (5, 4)),
    "convolution": (lambda x: layers.Conv2D(3, 3, padding="same")(x), (6, 6, 3)),
    "softmax over time": (lambda x: layers.Softmax(axis=1)(layers.Dense(3)(x)), (5, 4)),
    "augmentation": (lambda x: layers.Conv2D(2, 2)(layers.RandomTranslation(0.3, 0.3)(x)), (6, 6, 3)),
}


@pytest.mark.parametrize("name", APART)
def test_models_that_do_not_mix_are_taken(name):
    make, shape = APART[name]
    model = model_of(make, shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method = rehearse(model, example_losses, inputs_of(model, 6), tf.zeros([6]))
    assert method is book_keeping.clipped_gradients


def test_randomness_that_keras_does_not_know_of_is_not_mixing():
    model = model_of(lambda x: layers.Lambda(lambda x: x + random.gauss(0, 1))(layers.Dense(3)(x)), (4,))
    check_examples_are_apart(model, inputs_of(model, 5))


def test_the_model_is_left_as_it_was():
    model = model_of(lambda x: layers.Dropout(0.5)(layers.Dense(3)(x)), (4,))
    before = [variable.numpy() for variable in model.variables]
    values = [variable.value for variable in model.variables]
    attributes = {layer.name: set(vars(layer)) for layer in model.layers}
    check_examples_are_apart(model, inputs_of(model, 5))
    rehearse(model, example_losses, inputs_of(model, 5), tf.zeros([5]))
    for variable, number, value in zip(model.variables, before, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), number)
        assert variable.value is value
    assert {layer.name: set(vars(layer)) for layer in model.layers} == attributes


def notice_about(model, match, losses=example_losses, x=None):
    x = inputs_of(model, 5) if x is None else x
    with pytest.warns(UserWarning, match=f"one example at a time, which is exact but slow, because {match}"):
        assert rehearse(model, losses, x, tf.zeros([5])) is one_by_one.clipped_gradients


def test_a_weight_that_is_used_by_hand_outside_its_layer_is_named():
    inputs = layers.Input((4,))
    first = layers.Dense(4, name="tied")
    model = keras.Model(inputs, layers.Lambda(lambda x: x @ ops.transpose(first.kernel))(first(inputs)))
    notice_about(model, "tied/kernel: used outside the layer that answers for it")


def test_even_where_nothing_shows_because_a_gate_starts_at_zero():
    first = layers.Dense(4, name="tied")
    inputs = layers.Input((4,))
    by_hand = layers.Lambda(lambda x: x @ first.kernel)(first(inputs))
    model = keras.Model(inputs, layers.Dense(2, kernel_initializer="zeros")(by_hand))
    notice_about(model, "tied/kernel: used outside")


@pytest.mark.parametrize("where", ["tf.function", "loop", "branch", "map"])
def test_a_layer_that_is_called_where_it_cannot_be_recorded(where):
    dense = layers.Dense(4, name="inside")
    calls = {
        "tf.function": tf.function(lambda x: dense(x)),
        "loop": lambda x: tf.while_loop(lambda i, x: i < 2, lambda i, x: (i + 1, dense(x)), (0, x))[1],
        "branch": lambda x: tf.cond(tf.shape(x)[1] > 1, lambda: dense(x), lambda: x),
        "map": lambda x: tf.map_fn(lambda one: dense(one[None])[0], x),
    }

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = dense

        def call(self, x):
            return calls[where](x)

    dense.build((None, 4))
    model = Model()
    x = tf.random.normal([5, 4])
    model(x)
    notice_about(model, "layer 'inside' is called inside a loop, a branch or a tf.function of its own", x=x)


def test_a_layer_that_takes_time_for_examples():
    def merged(x):
        flat = layers.Dense(3, name="flat")(ops.reshape(x, (-1, 4)))
        return ops.reshape(flat, (-1, 5, 3))

    model = model_of(merged, (5, 4))
    notice_about(model, "the first axis of what layer flat returns does not hold the examples")


def test_gradients_that_are_not_finite_show_nothing():
    model = model_of(lambda x: layers.Dense(3)(x), (4,))
    notice_about(model, "the gradients of the first examples are not finite", x=[tf.fill([5, 4], np.nan)])
    some = tf.concat([tf.fill([2, 4], np.nan), tf.random.normal([3, 4])], axis=0)
    assert rehearse(model, example_losses, [some], tf.zeros([5])) is book_keeping.clipped_gradients
