"""Training steps: without a clip, in batches of any size, compiled, eager, and in half precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dpcore.clipping import book_keeping, rehearse
from tests.dpcore.clipping import models
from tests.dpcore.clipping.checks import clipped, example_losses, in_a_loop, inputs_of, model_of

HUGE = 1e20


def dropped(x):
    x = layers.Dropout(0.5)(layers.Dense(8, activation="tanh")(x))
    x = layers.MultiHeadAttention(2, 3, dropout=0.3)(layers.GaussianNoise(0.3)(x), x)
    return layers.Dense(2)(layers.SpatialDropout1D(0.3)(x))


def recurrent(x):
    return layers.GRU(3, dropout=0.3)(layers.Conv1D(3, 2)(x))


def ordinary(model, losses, x):
    values = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(losses(None, model(x, training=True), tf.ones([len(x[0])])))
    return tape.gradient(total, values, unconnected_gradients="zero")


@pytest.mark.parametrize("make", [dropped, recurrent])
def test_without_a_clip_it_is_the_gradient_of_the_sum_with_the_same_dropout(make):
    model = model_of(make, (4, 3))
    x = inputs_of(model, 6)
    seeds = [v for v in model.variables if "seed_generator" in v.path]
    before = [seed.numpy() for seed in seeds]
    total, _ = clipped(model, x, HUGE)
    assert any((seed.numpy() != value).any() for seed, value in zip(seeds, before, strict=True))
    for seed, value in zip(seeds, before, strict=True):
        seed.assign(value)
    expected = models.flat(map(tf.convert_to_tensor, tf.function(ordinary)(model, example_losses, x)))
    np.testing.assert_allclose(total, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    for seed in seeds:
        seed.assign(seed + 1)
    other, _ = clipped(model, x, HUGE)
    assert np.linalg.norm(other - total) > 0.05 * np.linalg.norm(total), "nothing was dropped"


def test_dropout_draws_a_mask_for_every_example():
    model = keras.Sequential([layers.Input((32,)), layers.Dropout(0.5, seed=0), layers.Dense(1)])
    _, norms = clipped(model, tf.ones([20, 32]), 1.0)
    assert len(np.unique(norms.round(4))) > 5


class Counted(layers.Layer):
    traces = 0

    def call(self, x):
        type(self).traces += 1
        return x


def everything(x, ids):
    x = layers.LayerNormalization()(layers.Dense(4, activation="tanh")(Counted()(x)))
    x = layers.Conv1D(3, 2, padding="same")(x) + layers.Embedding(8, 3)(ids)
    x = layers.MultiHeadAttention(2, 3)(x, x)
    return layers.Dense(2)(layers.Flatten()(x))


def everything_model():
    inputs = [layers.Input((5, 2)), layers.Input((5,), dtype="int32")]
    return keras.Model(inputs, everything(*inputs))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_batches_of_other_sizes_need_no_other_trace(jit_compile):
    model = everything_model()
    run = tf.function(
        lambda x, w: book_keeping.clipped_gradients(model, example_losses, x, w, w, l2_norm_clip=0.3)[:2],
        input_signature=[
            [tf.TensorSpec([None, 5, 2]), tf.TensorSpec([None, 5], tf.int32)],
            tf.TensorSpec([None]),
        ],
        jit_compile=jit_compile,
    )
    run(inputs_of(model, 3), tf.ones([3]))
    Counted.traces = 0
    for examples in (2, 1, 6):
        x = inputs_of(model, examples)
        total, norms = run(x, tf.ones([examples]))
        assert not Counted.traces
        assert norms.shape == (examples,)
    expected = in_a_loop(model, x)
    np.testing.assert_allclose(models.flat(total), models.clipped_sum(expected, 0.3), atol=1e-5)


@pytest.mark.parametrize("name", ["conv2d", "branches", "custom"])
@pytest.mark.filterwarnings("ignore:.*has no rule")
def test_xla_gives_the_same(name):
    model = models.build(name)
    x, _ = models.data(model)
    x = tf.nest.map_structure(tf.constant, x)
    total, norms = clipped(model, x, 0.1)
    compiled, compiled_norms = clipped(model, x, 0.1, jit_compile=True)
    np.testing.assert_allclose(compiled, total, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(compiled_norms, norms, rtol=1e-4)


HALF = {"mixed_float16": 1e-2, "mixed_bfloat16": 8e-2}


def in_precision(dtype):
    def make(x):
        x = layers.Conv1D(4, 2, activation="tanh", dtype=dtype)(x)
        x = layers.LayerNormalization(epsilon=0.1, dtype=dtype)(layers.Dense(6, dtype=dtype)(x))
        x = layers.MultiHeadAttention(2, 3, dtype=dtype)(x, x)
        return layers.Dense(2, dtype=dtype)(layers.Flatten(dtype=dtype)(x))

    return model_of(make, (5, 3))


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_within_rounding(dtype):
    model, exact = in_precision(dtype), in_precision("float32")
    x = inputs_of(model, 6)
    expected = in_a_loop(exact, x)
    clip = float(np.median(np.linalg.norm(expected, axis=1)))
    total, norms = clipped(model, x, clip)
    wanted = models.clipped_sum(expected, clip)
    np.testing.assert_allclose(norms, np.linalg.norm(expected, axis=1), rtol=HALF[dtype])
    assert 0 < np.linalg.norm(total - wanted) <= HALF[dtype] * np.linalg.norm(wanted)


def test_a_loss_scale_keeps_small_gradients_alive():
    def small(y, outputs, weights):
        return 1e-8 * example_losses(y, outputs, weights)

    model, exact = in_precision("mixed_float16"), in_precision("float32")
    x = inputs_of(model, 6)
    expected = models.clipped_sum(in_a_loop(exact, x, losses=small), 1.0)
    lost, _ = clipped(model, x, 1.0, losses=small)
    kept, norms = clipped(model, x, 1.0, losses=small, loss_scale=2.0**20)
    assert np.linalg.norm(lost - expected) > 0.3 * np.linalg.norm(expected)
    assert np.linalg.norm(kept - expected) < 0.02 * np.linalg.norm(expected)
    clip = float(np.median(norms))
    total, _ = clipped(model, x, clip, losses=small, loss_scale=2.0**20)
    wanted = models.clipped_sum(in_a_loop(exact, x, losses=small), clip)
    assert np.linalg.norm(total - wanted) < 0.02 * np.linalg.norm(wanted)


def test_eagerly_examples_are_taken_one_at_a_time():
    model = everything_model()
    x = inputs_of(model, 4)
    total, norms = clipped(model, x, 0.3)
    tf.config.run_functions_eagerly(True)
    try:
        with pytest.warns(UserWarning, match="one example at a time.*because outside a tf.function"):
            method = rehearse(model, example_losses, x, tf.zeros([4]))
        eager, eager_norms = clipped(model, x, 0.3, method=method)
    finally:
        tf.config.run_functions_eagerly(False)
    np.testing.assert_allclose(eager, total, atol=1e-5)
    np.testing.assert_allclose(eager_norms, norms, rtol=1e-4)
