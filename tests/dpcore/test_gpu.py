"""What only a GPU can show: its arithmetic keeps the clip, and its steps are those of the CPU."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dpcore import DpSgdConfig, PrivateModel
from dpcore.clipping import clipped_gradient_sum
from dpcore.noise import NoiseSource
from dpcore.precision import full_float32
from tests.dpcore import test_noise
from tests.dpcore.clipping import models
from tests.dpcore.clipping.checks import clipped

pytestmark = pytest.mark.skipif(
    not tf.config.list_physical_devices("GPU"), reason="TensorFlow sees no GPU on this machine."
)
EVERY = sorted(models.VECTORIZED | models.SEQUENTIAL)
BOTH = pytest.mark.parametrize("jit_compile", [False, True], ids=["plain", "xla"])


@pytest.mark.parametrize("name", EVERY)
def test_the_clipped_sum_is_that_of_a_loop(name):
    model = models.build(name)
    x, y = models.data(model)
    with full_float32():
        expected = models.gradients_in_a_loop(model, keras.losses.MeanSquaredError(), x, y)
    clip = float(np.median(np.linalg.norm(expected, axis=1)))
    total, norms = clipped_gradient_sum(model, "mse", x, y, l2_norm_clip=clip)
    assert "GPU" in total[0].device
    np.testing.assert_allclose(norms, np.linalg.norm(expected, axis=1), rtol=1e-4)
    np.testing.assert_allclose(models.flat(total), models.clipped_sum(expected, clip), rtol=1e-4, atol=1e-4)


def cancelling():
    """A layer whose gradient is a small difference of large terms, one at each of 64 times."""
    model = keras.Sequential([layers.Input((64, 256)), layers.Dense(256, use_bias=False)])
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(8, 1, 256)), 64, axis=1) + 1e-3 * rng.normal(size=(8, 64, 256))
    signs = np.where(np.arange(64) % 2, 1.0, -1.0)[None, :, None] * rng.normal(size=(8, 1, 256))

    def losses(y, outputs, weights):
        return (
            tf.reduce_sum(tf.cast(outputs, tf.float32) * tf.constant(signs, tf.float32), axis=[1, 2])
            * weights
        )

    return model, tf.constant(x, tf.float32), losses


@BOTH
def test_no_example_adds_more_than_the_clip_where_terms_cancel(jit_compile):
    model, x, losses = cancelling()
    alone = np.eye(8, dtype=np.float32)
    with full_float32():
        added = [
            clipped(model, x, 0.1, weights=one, losses=losses, jit_compile=jit_compile)[0] for one in alone
        ]
    assert np.linalg.norm(added, axis=1).max() <= 0.1 * (1 + 1e-4)


@BOTH
def test_noise_on_the_gpu_is_normal_and_the_test_would_notice_if_not(jit_compile):
    sample = test_noise.noise(NoiseSource.from_system(), 2.0, 1.1, jit_compile=jit_compile)
    assert test_noise.p_value(sample, 2.2) > test_noise.CHANCE
    for wrong in (0.95, 1.05):
        assert test_noise.p_value(wrong * sample, 2.2) < test_noise.CHANCE


def fitted(device, noise_multiplier=0.0, **compiled):
    """The weights after three epochs, whose batches are the same on all devices."""
    keras.utils.set_random_seed(0)
    with tf.device(device):
        model = keras.Sequential(
            [
                layers.Input((8, 8, 1)),
                layers.Conv2D(4, 3, activation="relu"),
                layers.Flatten(),
                layers.Dense(3),
            ]
        )
        config = DpSgdConfig(l2_norm_clip=0.5, expected_batch_size=32, noise_multiplier=noise_multiplier)
        private = PrivateModel(model, config, seed=0)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        private.compile(keras.optimizers.SGD(0.5), loss, **compiled)
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(100, 8, 8, 1)).astype("float32"), rng.integers(3, size=100)
        private.fit(x, y, epochs=3, verbose=0)
    return models.flat(model.weights)


@BOTH
def test_a_fit_is_that_of_the_cpu(jit_compile):
    on_gpu = fitted("GPU", jit_compile=jit_compile)
    np.testing.assert_allclose(on_gpu, fitted("CPU", jit_compile=False), rtol=1e-3, atol=1e-4)


def test_the_same_noise_from_a_seed_goes_into_a_fit_on_either():
    noisy = fitted("GPU", 1.0, jit_compile=False)
    np.testing.assert_allclose(noisy, fitted("CPU", 1.0, jit_compile=False), rtol=1e-3, atol=1e-3)
    assert np.abs(noisy - fitted("GPU", 0.0, jit_compile=False)).max() > 0.05


@BOTH
def test_an_example_that_is_not_finite_adds_nothing(jit_compile):
    model = models.build("conv2d")
    x, _ = models.data(model)
    spoilt = x.copy()
    spoilt[2] = np.nan
    with full_float32():
        total, norms = clipped(model, tf.constant(spoilt), 0.1, jit_compile=jit_compile)
        weights = np.ones(len(x), np.float32)
        weights[2] = 0
        expected, _ = clipped(model, tf.constant(x), 0.1, weights=weights, jit_compile=jit_compile)
    assert not np.isfinite(norms[2])
    np.testing.assert_allclose(total, expected, atol=1e-5)
