"""The public function: what it returns, and what it refuses."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dpcore.clipping import clipped_gradient_sum
from dpcore.errors import ConfigError, NotPrivateError
from tests.dpcore.clipping import models

MSE = keras.losses.MeanSquaredError()


def clipped(model, x, y, clip, loss="mse", **kwargs):
    total, norms = clipped_gradient_sum(model, loss, x, y, l2_norm_clip=clip, **kwargs)
    return models.flat(total), norms.numpy()


def test_each_example_is_clipped_and_not_the_sum():
    model = models.build("dense")
    x, y = models.data(model)
    expected = models.gradients_in_a_loop(model, MSE, x, y)
    clip = float(np.median(np.linalg.norm(expected, axis=1)))
    total, norms = clipped(model, x, y, clip)
    np.testing.assert_allclose(norms, np.linalg.norm(expected, axis=1), rtol=1e-4)
    np.testing.assert_allclose(total, models.clipped_sum(expected, clip), rtol=1e-5, atol=1e-5)
    clipped_late = models.clipped_sum(expected.sum(0, keepdims=True), clip)
    clipped_mean = models.clipped_sum(expected.mean(0, keepdims=True), clip) * len(expected)
    for wrong in (clipped_late, clipped_mean, expected.sum(0)):
        assert np.abs(total - wrong).max() > 1e-2


def test_weights_scale_the_loss_before_the_clip_and_zero_leaves_out():
    model = models.build("dense")
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


def test_weight_zero_leaves_out_even_what_is_not_finite():
    model = models.build("dense")
    x, y = models.data(model)
    expected = models.gradients_in_a_loop(model, MSE, x, y)
    x = np.concatenate([x[:5], np.full_like(x[5:], np.nan)])
    total, _ = clipped(model, x, y, 0.5, sample_weight=np.array([1, 1, 1, 1, 1, 0, 0], np.float32))
    np.testing.assert_allclose(total, models.clipped_sum(expected[:5], 0.5), atol=1e-5)


@pytest.mark.parametrize("name", ["dense", "conv2d", "custom"])
def test_an_empty_batch_gives_zeros(name):
    model = models.build(name)
    total, norms = clipped(model, *models.data(model, 0), 1.0)
    assert total.shape == (model.count_params(),)
    assert not total.any()
    assert norms.shape == (0,)


def test_gradients_of_zero_give_zero():
    model = models.build("dense")
    x, _ = models.data(model)
    total, norms = clipped(model, x, model(x).numpy(), 1.0)
    assert not total.any()
    assert not norms.any()


def test_float64_inputs_are_taken_as_keras_takes_them():
    model = models.build("dense")
    x, y = models.data(model)
    expected = models.clipped_sum(models.gradients_in_a_loop(model, MSE, x, y), 0.5)
    total, _ = clipped(model, x.astype(np.float64), y.astype(np.float64), 0.5)
    np.testing.assert_allclose(total, expected, atol=1e-5)


def test_a_model_that_cannot_be_book_kept_goes_one_at_a_time_to_the_same_result():
    first = layers.Dense(4, name="tied")
    inputs = layers.Input((4,))
    model = keras.Model(inputs, layers.Lambda(lambda x: x @ tf.transpose(first.kernel))(first(inputs)))
    x, y = models.data(model)
    expected = models.gradients_in_a_loop(model, MSE, x, y)
    clip = float(np.median(np.linalg.norm(expected, axis=1)))
    with pytest.warns(UserWarning, match="one example at a time.* because tied/kernel"):
        total, norms = clipped(model, x, y, clip)
    np.testing.assert_allclose(norms, np.linalg.norm(expected, axis=1), rtol=1e-4)
    np.testing.assert_allclose(total, models.clipped_sum(expected, clip), rtol=1e-4, atol=1e-5)


def test_the_notice_is_given_once_and_none_where_there_are_rules():
    model, ruled = models.build("custom"), models.build("dense")
    x, y = models.data(model, 2)
    with pytest.warns(UserWarning, match=r"layer 'custom.*' \(Custom\) has no rule"):
        clipped(model, x, y, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clipped(model, x, y, 1.0)
        clipped(ruled, *models.data(ruled, 2), 1.0)


def test_a_loss_or_a_layer_that_mixes_examples_is_refused():
    model = models.build("dense")
    x, y = models.data(model)
    with pytest.raises(NotPrivateError, match="loss"):
        clipped(model, x, y, 1.0, loss=lambda a, b: tf.reduce_mean(tf.square(a - b)))
    mixing = keras.Sequential(
        [layers.Input((5,)), layers.Dense(3), layers.Lambda(lambda x: x - tf.reduce_mean(x, 0))]
    )
    with pytest.raises(NotPrivateError, match=r"\(Lambda\)"):
        clipped(mixing, x, y, 1.0)


@pytest.mark.parametrize("clip", [0, -1.0, np.nan, np.inf])
def test_the_clip_must_be_a_positive_number(clip):
    model = models.build("dense")
    with pytest.raises(ConfigError, match="l2_norm_clip must be finite and > 0; got"):
        clipped(model, *models.data(model), clip)
