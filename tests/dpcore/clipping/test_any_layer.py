"""Layers without a rule, layers with a rule of one's own, and rules that are wrong."""

import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from dpcore.clipping import book_keeping, one_by_one, register_rule, rehearse
from dpcore.clipping.rules import registry
from tests.dpcore.clipping.checks import check, example_losses, inputs_of, model_of, precision, randomize
from tests.dpcore.clipping.models import Custom


class Attention(layers.Layer):
    """Written by hand, with everything that tf.vectorized_map has trouble with."""

    def build(self, shape):
        size = shape[-1]
        self.q, self.k, self.v = (self.add_weight(shape=(size, size), name=n) for n in "qkv")
        self.table = self.add_weight(shape=(5, size), name="table")

    def call(self, x):
        scores = tf.matmul(tf.matmul(x, self.q), tf.matmul(x, self.k), transpose_b=True)
        x = tf.matmul(tf.nn.softmax(scores), tf.matmul(x, self.v))
        x += ops.take(self.table, ops.argmax(x, axis=-1) % 5, axis=0)
        return tf.while_loop(
            lambda i, _: i < 2, lambda i, x: (i + 1, tf.tanh(ops.einsum("btd,de->bte", x, self.q))), (0, x)
        )[1]


class Gated(layers.Layer):
    """With a weight of its own and layers inside that have rules, masks and different ways of training."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attention, self.inside = layers.MultiHeadAttention(2, 3), layers.Dense(4)
        self.twice = Twice()
        self.supports_masking = True

    def build(self, shape):
        self.gate = self.add_weight(shape=(4,), name="gate")
        self.attention.build(shape, shape)
        self.inside.build(shape)

    def call(self, x):
        return self.gate * self.twice(self.inside(self.attention(x, x)))


class Twice(layers.Layer):
    """Another function in training."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, x, training=False):
        return ops.tanh(x) if training else x


class Several(layers.Layer):
    """Several inputs and outputs, of which one is not used and one is a dictionary's."""

    def build(self, shape):
        self.w = self.add_weight(shape=(4,), name="w")

    def call(self, pair, scale=1.0):
        a, b = pair
        return {"a": a * self.w * scale, "b": ops.sum(b, axis=1) * self.w, "idle": self.w * a[:, :1]}


def several(a, b):
    outputs = Several()([a, b])
    return outputs["a"], ops.tanh(outputs["b"])


class Standardized(layers.Conv2D):
    """The subclass that the Keras documentation shows: the kernel is normalised before it is used."""

    def convolution_op(self, inputs, kernel):
        mean, variance = ops.moments(kernel, axes=(0, 1, 2), keepdims=True)
        return super().convolution_op(inputs, (kernel - mean) / ops.sqrt(variance + 1e-3))


class Doubled(layers.Dense):
    @property
    def kernel(self):
        return 2 * self._kernel


class Named(layers.Dense):
    def __init__(self, units, note="", **kwargs):
        super().__init__(units, **kwargs)
        self.note = note

    def get_config(self):
        return {**super().get_config(), "note": self.note}


GENERAL = {
    "scale": (lambda x: Custom()(x), (4,)),
    "attention by hand": (lambda x: Attention()(x), (3, 4)),
    "layers inside": (lambda x: Gated()(layers.Masking()(x)), (3, 4)),
    "several outputs": (several, (4,), (3, 4)),
    "a subclass of a convolution": (lambda x: Standardized(3, 2)(x), (4, 3, 2)),
    "a subclass of a dense layer": (lambda x: Doubled(3)(x), (4,)),
    "a recurrent cell": (lambda x: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)])(x), (3, 4)),
    "scaled attention": (lambda x: layers.Attention(use_scale=True)([x, x]), (3, 4)),
    "additive attention": (lambda x: layers.AdditiveAttention()([x, x]), (3, 4)),
    "spectrogram": (lambda x: layers.STFTSpectrogram("real", 4, 2, 4)(x), (10, 1)),
    "convolution and recurrence": (lambda x: layers.ConvLSTM1D(2, 2)(x), (3, 4, 2)),
}


@pytest.mark.parametrize("name", GENERAL)
def test_a_layer_without_a_rule_is_exact_and_says_what_it_costs(name):
    with precision("float64"):
        make, *shapes = GENERAL[name]
        model = model_of(lambda *x: [make(*x), layers.Dense(2)(x[0])], *shapes)
        x = inputs_of(model)
        if name == "layers inside":
            x = [tf.concat([x[0][:, :2], x[0][:, 2:] * [[[1.0]], [[0.0]], [[0.0]], [[1.0]]]], axis=1)]
        with pytest.warns(
            UserWarning, match=r"layer '.*' \(.*\) has no rule .* \d+ numbers for each example"
        ):
            check(model, x)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check(model, x)


def test_a_subclass_that_only_takes_other_arguments_keeps_the_rule():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(model_of(lambda x: Named(3, note="mine")(x), (4,)))


class Dithered(layers.Layer):
    def __init__(self, seeds):
        super().__init__()
        self.seeds = seeds

    def build(self, shape):
        self.w = self.add_weight(shape=(4,))

    def call(self, x):
        return self.w * (x + keras.random.normal(ops.shape(x), seed=self.seeds))


@pytest.mark.parametrize("seeded", [True, False])
def test_a_layer_that_draws_random_numbers_goes_one_by_one(seeded):
    model = model_of(lambda x: Dithered(keras.random.SeedGenerator(0) if seeded else None)(x), (4,))
    with pytest.warns(UserWarning, match=r"because layer 'dithered.*' \(Dithered\) .* draws random numbers"):
        method = rehearse(model, example_losses, inputs_of(model), tf.zeros([4]))
    assert method is one_by_one.clipped_gradients


@pytest.fixture
def _own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_FORWARDS", dict(registry._FORWARDS))


@pytest.mark.usefixtures("_own_registry")
def test_a_rule_of_ones_own():
    @register_rule(Custom)
    def scale(layer, gradient, inputs):
        return [(layer.scale, gradient * inputs)]

    model = model_of(lambda x: Custom()(layers.Dense(3)(x)), (4,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(model)
        method = rehearse(model, example_losses, inputs_of(model), tf.zeros([4]))
    assert method is book_keeping.clipped_gradients


@pytest.mark.usefixtures("_own_registry")
@pytest.mark.parametrize("wrong", [1.02, 0.0, -1.0, "nothing"])
def test_a_rule_that_is_wrong_is_not_used(wrong):
    @register_rule(Custom)
    def scale(layer, gradient, inputs):
        return [] if wrong == "nothing" else [(layer.scale, wrong * gradient * inputs)]

    model = model_of(lambda x: Custom(name="mine")(layers.Dense(3)(x)), (4,))
    with pytest.warns(UserWarning, match="do not account for the gradients of mine/"):
        method = rehearse(model, example_losses, inputs_of(model), tf.zeros([4]))
    assert method is one_by_one.clipped_gradients


@pytest.mark.usefixtures("_own_registry")
def test_a_rule_that_is_wrong_about_a_small_part_of_the_gradient_is_not_used():
    @register_rule(Custom)
    def scale(layer, gradient, inputs):
        return [(layer.scale, 1.1 * gradient * inputs)]

    model = model_of(lambda x: [Custom(name="mine")(x / 30), layers.Dense(3)(x)], (4,))
    with pytest.warns(UserWarning, match="do not account for the gradients of mine/"):
        rehearse(model, example_losses, inputs_of(model), tf.zeros([4]))


@pytest.mark.usefixtures("_own_registry")
def test_a_rule_whose_gradients_have_lost_the_examples_is_not_used():
    @register_rule(Custom)
    def scale(layer, gradient, inputs):
        return [(layer.scale, tf.reduce_sum(gradient * inputs, axis=0, keepdims=True))]

    model = model_of(lambda x: Custom()(x), (4,))
    with pytest.warns(UserWarning, match="first axis of what layer .* returns does not hold the examples"):
        rehearse(model, example_losses, inputs_of(model), tf.zeros([4]))


def test_the_layer_is_as_it_was_afterwards():
    layer = Gated()
    model = model_of(lambda x: layer(x), (3, 4))
    before = set(vars(layer)), layer.gate.value
    check(model)
    assert (set(vars(layer)), layer.gate.value) == before
    randomize(model)
    np.testing.assert_array_equal(layer.gate, layer.gate.value)


@pytest.fixture(scope="module", autouse=True)
def alone():
    """A process of its own, started first and asked last: it runs beside the other tests."""
    code = (
        "from tests.dpcore.clipping.test_any_layer import *\n"
        "model = model_of(lambda x: Attention()(x), (37, 30))\n"
        "check(model, inputs_of(model, 16), rtol=1e-3)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def test_attention_by_hand_does_not_break_the_process(alone):
    """tf.vectorized_map ends it with a segmentation fault."""
    _, errors = alone.communicate()
    assert alone.returncode == 0, errors[-2000:]
