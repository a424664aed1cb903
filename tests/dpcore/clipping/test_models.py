"""Whole models: shared, frozen, nested and subclassed layers, masks and weights, against a loop."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from dpcore.clipping import book_keeping
from tests.dpcore.clipping import models
from tests.dpcore.clipping.checks import (
    check,
    clipped,
    example_losses,
    in_a_loop,
    inputs_of,
    model_of,
    precision,
    randomize,
)


def through_time(x):
    """A recurrent network by hand: one layer for every step."""
    step, join = layers.Dense(3, activation="tanh"), layers.Concatenate()
    state = layers.Dense(3)(x[:, 0])
    for t in range(3):
        state = step(join([state, x[:, t]]))
    return state


def called_twice(x):
    inner = keras.Sequential(
        [layers.Input((4,)), layers.Dense(4, activation="tanh"), layers.LayerNormalization()]
    )
    return inner(inner(x))


def on_two_inputs(a, b):
    shared = layers.Dense(3, activation="tanh")
    return [shared(a), shared(b), layers.Dense(2)(layers.Dot(axes=1)([shared(a), shared(b)]))]


def of_different_lengths(a, b):
    shared = layers.Dense(3, activation="tanh")
    return [shared(a), shared(b)]


def same_convolution_on_two_sizes(a, b):
    shared = layers.Conv2D(2, 2)
    return [shared(a), shared(b)]


def frozen(x):
    first, second = layers.Dense(3, trainable=False), layers.Dense(3)
    x = second(first(x))
    second.bias.trainable = False
    return layers.LayerNormalization(trainable=False)(layers.Dense(2)(x))


def nested(x):
    inputs = layers.Input((4,))
    inner = keras.Model(inputs, [layers.Dense(3)(inputs), layers.Dense(2)(inputs)], name="inner")
    a, b = keras.Sequential([layers.Dense(4), inner], name="outer")(x)
    return {"a": a, "b": layers.Dense(2)(b)}


def masked(ids):
    x = layers.Embedding(8, 4, mask_zero=True)(ids)
    x = layers.MultiHeadAttention(2, 3)(x, x)
    return layers.GlobalAveragePooling1D()(layers.Dense(3)(x))


def cross(a, b):
    return layers.MultiHeadAttention(2, 3)(a, layers.Masking()(b))


class Positions(layers.Layer):
    """Positions that all examples share, with or without an axis for the examples."""

    def __init__(self, expanded):
        super().__init__()
        self.expanded, self.table = expanded, layers.Embedding(6, 4)
        self.scale = layers.Dense(4, activation="tanh")

    def build(self, shape):
        self.table.build()
        self.scale.build(shape)

    def call(self, x):
        positions = ops.arange(x.shape[1])
        return x + self.scale(self.table(positions[None] if self.expanded else positions))


class Tokens(keras.Model):
    """With a weight of its own, a layer that is never called, and one that the loss does not see."""

    def __init__(self):
        super().__init__()
        self.dense, self.head = layers.Dense(4, activation="tanh"), layers.Dense(2)
        self.idle, self.unseen = layers.Dense(2, name="idle"), layers.Dense(2, name="unseen")

    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, 4), name="token")
        for layer in (self.dense, self.head, self.idle, self.unseen):
            layer.build((None, None, 4))

    def call(self, x, training=False):
        self.unseen(x)
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, 4))
        return self.head(ops.concatenate([token, self.dense(x)], axis=1))


MODELS = {
    "through time": (through_time, (3, 4)),
    "called twice": (called_twice, (4,)),
    "on two inputs": (on_two_inputs, (4,), (4,)),
    "of different lengths": (of_different_lengths, (2, 4), (5, 4)),
    "same convolution on two sizes": (same_convolution_on_two_sizes, (4, 4, 2), (3, 5, 2)),
    "frozen": (frozen, (4,)),
    "nested": (nested, (4,)),
    "cross attention": (cross, (3, 4), (5, 2)),
    "positions": (lambda x: Positions(expanded=False)(x), (5, 4)),
    "expanded positions": (lambda x: Positions(expanded=True)(x), (5, 4)),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    with precision("float64"):
        make, *shapes = MODELS[name]
        check(model_of(make, *shapes))


@pytest.mark.filterwarnings("ignore:.*has no rule")
def test_a_subclassed_model_with_weights_of_its_own():
    with precision("float64"):
        model = Tokens()
        model(tf.zeros([1, 3, 4]))
        randomize(model)
        x = tf.constant(np.random.default_rng(0).normal(size=(4, 3, 4)))
        check(model, x)
        total, _ = clipped(model, x, 1.0)
        size = sum(
            v.shape.num_elements()
            for v in model.trainable_variables
            if "idle" in v.path or "unseen" in v.path
        )
        assert (total == 0).sum() >= size == 20


def test_masks_of_keras():
    with precision("float64"):
        model = model_of(masked, (6,), dtype="int32")
        ids = np.random.default_rng(0).integers(1, 8, (4, 6)) * (np.arange(6) < [[6], [2], [1], [4]])
        check(model, [tf.constant(ids, tf.int32)])


@pytest.mark.parametrize("shape", [(4,), (4, 3)])
def test_sample_weights(shape):
    def losses(y, outputs, weights):
        values = tf.square(outputs) + outputs
        while weights.shape.rank < values.shape.rank:
            weights = weights[..., None]
        return tf.reduce_sum(values * tf.cast(weights, values.dtype), axis=[1, 2])

    weights = np.random.default_rng(0).uniform(0.1, 3, shape)
    with precision("float64"):
        check(model_of(lambda x: layers.Dense(2)(x), (3, 4)), weights=weights, losses=losses)


@pytest.mark.parametrize("name", models.VECTORIZED | models.SEQUENTIAL)
@pytest.mark.filterwarnings("ignore:.*has no rule")
def test_models_of_the_table(name):
    model = models.build(name)
    randomize(model)
    check(model, inputs_of(model, models.EXAMPLES), rtol=3e-5)


SHARED = {
    "dense": (lambda x: layers.Dense(3)(x), (4,)),
    "dense, ghost norm": (lambda x: layers.Dense(30)(x), (2, 40)),
    "dense, multiplied out": (lambda x: layers.Dense(2)(x), (40, 2)),
    "shared": (through_time, (3, 4)),
    "convolution": (lambda x: layers.Conv2D(3, 2)(x), (4, 4, 1)),
}


@pytest.mark.parametrize("name", [*SHARED, "tied"])
def test_one_example_more_or_less_moves_the_sum_by_at_most_the_clip(name):
    if name == "tied":
        model = model_of(tied, (4,), dtype="int32")
    else:
        make, shape = SHARED[name]
        model = model_of(make, shape)
    x = inputs_of(model, 5)
    clip = float(np.median(np.linalg.norm(in_a_loop(model, x), axis=1)))
    run = sums_of(model, x, clip)
    whole, norms = run(tf.ones([5]))
    for i in range(5):
        rest, _ = run(1 - tf.one_hot(i, 5))
        change = np.linalg.norm(models.flat(whole) - models.flat(rest))
        assert change <= clip * (1 + 1e-5)
        assert change == pytest.approx(min(norms[i].numpy(), clip), rel=1e-3)


def tied(ids):
    embedding = layers.ReversibleEmbedding(8, 3)
    return embedding(layers.Dense(3)(embedding(ids)), reverse=True)


def sums_of(model, x, clip, **options):
    return tf.function(
        lambda w: book_keeping.clipped_gradients(
            model, example_losses, x, tf.zeros_like(w), w, l2_norm_clip=clip, **options
        )[:2]
    )


@pytest.mark.parametrize("name", [*SHARED, "tied"])
@pytest.mark.parametrize("weight", [1.0, 0.0], ids=["bad examples", "padding"])
def test_what_is_not_finite_contributes_nothing_and_spoils_nothing(name, weight):
    if name == "tied":
        model = model_of(
            lambda x: tied(ops.cast(x > 0, "int32") + 1) * ops.sum(x, axis=1)[:, None, None], (4,)
        )
    else:
        make, shape = SHARED[name]
        model = model_of(make, shape)
    x = inputs_of(model, 6)
    expected = in_a_loop(model, [t[3:] for t in x])
    poison = tf.constant([np.nan, np.inf, 1e30, 0, 0, 0])
    bad = [t + tf.reshape(poison, [-1] + [1] * (t.shape.rank - 1)) for t in x]
    weights = tf.constant([weight] * 3 + [1.0] * 3)
    total, norms = clipped(model, bad, 0.5, weights=weights)
    np.testing.assert_allclose(total, models.clipped_sum(expected, 0.5), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(norms[3:], np.linalg.norm(expected, axis=1), rtol=1e-4)


def test_a_batch_of_bad_examples_and_an_empty_one_give_zeros():
    model = model_of(lambda x: layers.Dense(3)(layers.LayerNormalization()(layers.Dense(2)(x))), (4, 2))
    total, _ = clipped(model, [tf.fill([3, 4, 2], np.nan)], 1.0)
    assert not total.any()
    total, norms = clipped(model, [tf.zeros([0, 4, 2])], 1.0)
    assert not total.any()
    assert norms.shape == (0,)
