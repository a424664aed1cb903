import functools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dpcore.clipping import clipped_gradient_sum, clipped_gradients, per_example
from dpcore.errors import ConfigError
from tests.dpcore.clipping import models

MODES = {
    "eager": lambda function: function,
    "graph": tf.function,
    "xla": lambda function: tf.function(function, jit_compile=True),
}
MSE = keras.losses.MeanSquaredError()

pytestmark = pytest.mark.filterwarnings("ignore:.*one example at a time.*:UserWarning")


def clipped(model, x, y, clip, mode="eager", **kwargs):
    run = MODES[mode](lambda x, y: clipped_gradient_sum(model, "mse", x, y, l2_norm_clip=clip, **kwargs))
    total, norms = run(*tf.nest.map_structure(tf.constant, (x, y)))
    return models.flat(total), norms.numpy()


@functools.cache
def example(name):
    """A model, data and the gradients of a loop over it."""
    model = models.build(name)
    x, y = models.data(model)
    return model, x, y, models.gradients_in_a_loop(model, MSE, x, y)


def chunks_of(monkeypatch, model, examples):
    monkeypatch.setattr(per_example, "_CHUNK_BYTES", examples * 4 * model.count_params())


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, "eager") for name in models.VECTORIZED | models.SEQUENTIAL if name not in ("conv2d", "lstm")]
    + [("dense", "graph"), ("gru", "graph"), ("conv2d", "xla"), ("lstm", "xla")],
)
def test_the_clipped_sum_equals_a_loop_over_examples(name, mode):
    model, x, y, expected = example(name)
    norms = np.linalg.norm(expected, axis=1)
    clip = float(np.median(norms))
    assert (norms < 0.99 * clip).any()
    assert (norms > 1.01 * clip).any()
    total, found_norms = clipped(model, x, y, clip, mode)
    np.testing.assert_allclose(found_norms, norms, rtol=1e-4)
    np.testing.assert_allclose(total, models.clipped_sum(expected, clip), rtol=1e-5, atol=1e-5)


def test_each_example_is_clipped_and_not_the_sum():
    model, x, y, expected = example("dense")
    clip = float(np.median(np.linalg.norm(expected, axis=1)))
    total, _ = clipped(model, x, y, clip)
    clipped_late = models.clipped_sum(expected.sum(0, keepdims=True), clip)
    clipped_mean = models.clipped_sum(expected.mean(0, keepdims=True), clip) * len(expected)
    for wrong in (clipped_late, clipped_mean, expected.sum(0)):
        assert np.abs(total - wrong).max() > 1e-2


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [("dense", "eager", 2), ("dense", "graph", 3), ("dense", "xla", 3), ("branches", "graph", 5)],
)
def test_chunks_change_nothing(monkeypatch, name, mode, size):
    model, x, y, expected = example(name)
    assert models.EXAMPLES % size, "the last chunk must be ragged"
    chunks_of(monkeypatch, model, size)
    total, norms = clipped(model, x, y, 0.5, mode)
    np.testing.assert_allclose(total, models.clipped_sum(expected, 0.5), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(norms, np.linalg.norm(expected, axis=1), rtol=1e-4)


def test_no_more_than_a_chunk_is_vectorised_at_once(monkeypatch):
    model = models.build("dense")
    x, y = models.data(model)
    sizes = []
    real = tf.vectorized_map

    def spy(function, elems, **kwargs):
        sizes.append(tf.nest.flatten(elems)[0].shape[0])
        return real(function, elems, **kwargs)

    monkeypatch.setattr(tf, "vectorized_map", spy)
    clipped(model, x, y, 0.5)
    assert set(sizes) == {models.EXAMPLES}
    sizes.clear()
    chunks_of(monkeypatch, model, 3)
    clipped(model, x, y, 0.5)
    assert set(sizes) == {3}


@pytest.mark.parametrize(("name", "mode"), [("dense", "xla"), ("custom", "graph")])
def test_one_graph_serves_batches_of_every_size(monkeypatch, name, mode):
    model = models.build(name)
    chunks_of(monkeypatch, model, 3)
    run = tf.function(
        lambda x, y: clipped_gradient_sum(model, "mse", x, y, l2_norm_clip=0.5),
        input_signature=[tf.TensorSpec([None, 5]), tf.TensorSpec([None, model.output_shape[1]])],
        jit_compile=mode == "xla",
    )
    for examples in (2, 7):
        x, y = models.data(model, examples)
        expected = models.clipped_sum(models.gradients_in_a_loop(model, MSE, x, y), 0.5)
        total, norms = run(x, y)
        np.testing.assert_allclose(models.flat(total), expected, rtol=1e-5, atol=1e-5)
        assert norms.shape == (examples,)


@pytest.mark.parametrize("name", ["dense", "conv2d", "custom"])
def test_an_empty_batch_gives_zeros(name):
    model = models.build(name)
    x, y = models.data(model, 0)
    total, norms = clipped(model, x, y, 1.0)
    assert total.shape == (model.count_params(),)
    assert not total.any()
    assert norms.shape == (0,)


def test_an_empty_batch_of_unknown_size_gives_zeros():
    model = models.build("dense")
    run = tf.function(
        lambda x, y: clipped_gradient_sum(model, "mse", x, y, l2_norm_clip=1.0),
        input_signature=[tf.TensorSpec([None, 5]), tf.TensorSpec([None, 3])],
    )
    total, norms = run(*models.data(model, 0))
    assert not models.flat(total).any()
    assert norms.shape == (0,)


def test_two_inputs_as_a_list_and_two_outputs():
    a, b = layers.Input((3,)), layers.Input((2,))
    joined = layers.Dense(4, activation="tanh")(layers.Concatenate()([a, b]))
    keras.utils.set_random_seed(2)
    model = keras.Model([a, b], [layers.Dense(1)(joined), layers.Dense(2)(joined)])
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(5, n)).astype("f") for n in (3, 2)]
    y = [rng.normal(size=(5, n)).astype("f") for n in (1, 2)]

    def loss(y_true, y_pred):
        return MSE(y_true[0], y_pred[0]) + 3 * MSE(y_true[1], y_pred[1])

    expected = models.gradients_in_a_loop(model, loss, x, y)
    result = clipped_gradients(
        model,
        lambda x1, y1, outputs, w1: loss(y1, outputs),
        *tf.nest.map_structure(tf.constant, (x, y)),
        tf.ones([5]),
        l2_norm_clip=0.7,
    )
    np.testing.assert_allclose(models.flat(result.sum), models.clipped_sum(expected, 0.7), atol=1e-5)
    assert [output.shape for output in result.outputs] == [(5, 1), (5, 2)]
    np.testing.assert_allclose(
        result.losses, [loss(models.rows(y, [i]), model(models.rows(x, [i]))) for i in range(5)], rtol=1e-5
    )


@pytest.mark.parametrize("name", ["dense", "custom"])
def test_weights_scale_the_loss_before_the_clip_and_zero_leaves_out(name):
    model = models.build(name)
    x, y = models.data(model)
    weights = np.array([0, 0.1, 1, 5, 0, 2, 0.01], np.float32)
    expected = models.gradients_in_a_loop(model, MSE, x, y, weights)
    clip = float(np.median(np.linalg.norm(expected, axis=1)))
    total, _ = clipped(model, x, y, clip, sample_weight=weights)
    np.testing.assert_allclose(total, models.clipped_sum(expected, clip), atol=1e-5)
    unweighted = models.gradients_in_a_loop(model, MSE, x, y)
    norms = np.linalg.norm(unweighted, axis=1, keepdims=True)
    scaled_late = (weights[:, None] * unweighted * np.minimum(1, clip / norms)).sum(0)
    assert np.abs(total - scaled_late).max() > 1e-2


@pytest.mark.parametrize("name", ["dense", "custom"])
@pytest.mark.parametrize("where", ["x", "y"])
def test_an_example_without_a_finite_gradient_contributes_nothing(name, where):
    model, x, y, expected = example(name)
    x, y = x.copy(), y.copy()
    bad, others = [0, 2, 3, 5], [1, 4, 6]
    {"x": x, "y": y}[where][bad] = np.array([np.nan, np.inf, -np.inf, 1e30], np.float32)[:, None]
    total, norms = clipped(model, x, y, 0.5)
    assert not np.isfinite(norms[bad]).any()
    np.testing.assert_allclose(total, models.clipped_sum(expected[others], 0.5), atol=1e-5)


def test_weight_zero_leaves_out_even_what_is_not_finite():
    model, x, y, expected = example("dense")
    x = np.concatenate([x[:5], np.full_like(x[5:], np.nan)])
    total, _ = clipped(model, x, y, 0.5, sample_weight=np.array([1, 1, 1, 1, 1, 0, 0], np.float32))
    np.testing.assert_allclose(total, models.clipped_sum(expected[:5], 0.5), atol=1e-5)


@pytest.mark.parametrize("name", ["dense", "custom"])
def test_weight_zero_leaves_out_even_where_the_loss_does_not_look_at_weights(name):
    model, x, y, expected = example(name)
    result = clipped_gradients(
        model,
        lambda x1, y1, outputs, w1: MSE(y1, outputs),
        *tf.nest.map_structure(tf.constant, (x, y)),
        tf.constant([[1.0, 0.0]] * 4 + [[0.0, 0.0]] * 3),
        l2_norm_clip=0.5,
    )
    np.testing.assert_allclose(models.flat(result.sum), models.clipped_sum(expected[:4], 0.5), atol=1e-5)


@pytest.mark.parametrize("name", ["dense", "custom"])
def test_gradients_of_zero_give_zero(name):
    model = models.build(name)
    x, _ = models.data(model)
    total, norms = clipped(model, x, model(x).numpy(), 1.0)
    assert not total.any()
    assert not norms.any()


def test_a_weight_that_the_loss_does_not_reach_gets_zero():
    inputs = layers.Input((3,))
    model = keras.Model(inputs, [layers.Dense(1)(inputs), layers.Dense(1, name="idle")(inputs)])
    result = clipped_gradients(
        model,
        lambda x1, y1, outputs, w1: MSE(y1, outputs[0]),
        tf.ones([2, 3]),
        tf.ones([2, 1]),
        tf.ones([2]),
        l2_norm_clip=1.0,
    )
    assert not models.flat(result.sum[2:]).any()
    assert models.flat(result.sum[:2]).any()


@pytest.mark.parametrize("seed", range(3))
def test_one_example_more_changes_the_sum_by_at_most_the_clip(seed):
    rng = np.random.default_rng(seed)
    model = models.build(["normalised", "custom", "embedding"][seed])
    x, y = models.data(model, 4, seed)
    y *= rng.lognormal(0, 3, (4, 1))
    clip = float(rng.lognormal(0, 1))
    run = tf.function(
        lambda weights: clipped_gradient_sum(model, "mse", x, y, l2_norm_clip=clip, sample_weight=weights)
    )
    whole, norms = run(tf.ones([4]))
    for i in range(4):
        rest, _ = run(1 - tf.one_hot(i, 4))
        change = np.linalg.norm(models.flat(whole) - models.flat(rest))
        assert change <= clip * (1 + 1e-5)
        assert change == pytest.approx(min(float(norms[i]), clip), rel=1e-3, abs=1e-6)


def test_dropout_draws_a_mask_for_every_example():
    model = keras.Sequential([layers.Input((32,)), layers.Dropout(0.5, seed=0), layers.Dense(1)])
    x = np.ones((20, 32), np.float32)
    y = np.full((20, 1), 100, np.float32)
    _, norms = clipped(model, x, y, 1.0)
    assert len(np.unique(norms.round(3))) > 5


def test_float64_inputs_are_taken_as_keras_takes_them():
    model, x, y, expected = example("dense")
    total, _ = clipped(model, x.astype(np.float64), y.astype(np.float64), 0.5)
    np.testing.assert_allclose(total, models.clipped_sum(expected, 0.5), atol=1e-5)


def test_going_one_at_a_time_is_said_once_and_names_the_layer():
    model = models.build("custom")
    x, y = models.data(model, 2)
    with pytest.warns(UserWarning, match=r"one example at a time.*custom.* \(Custom\)"):
        clipped(model, x, y, 1.0)
    vectorized = models.build("dense")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clipped(model, x, y, 1.0)
        clipped(vectorized, *models.data(vectorized, 2), 1.0)


@pytest.mark.parametrize("clip", [0, -1.0, np.nan, np.inf])
def test_the_clip_must_be_a_positive_number(clip):
    model = models.build("dense")
    with pytest.raises(ConfigError, match="l2_norm_clip must be finite and > 0; got"):
        clipped(model, *models.data(model), clip)
