import numpy as np
import pytest
import tensorflow as tf

from dpcore.clipping.clip import clip_factors, global_norms


@pytest.mark.parametrize(
    ("norm", "factor"),
    [
        (0.0, 1.0),
        (1e-38, 1.0),
        (1.999, 1.0),
        (2.0, 1.0),
        (4.0, 0.5),
        (2e30, 1e-30),
        (np.inf, 0.0),
        (-np.inf, 0.0),
        (np.nan, 0.0),
    ],
)
def test_factors(norm, factor):
    found = clip_factors(tf.constant([norm, 1.0], tf.float32), 2.0).numpy()
    np.testing.assert_allclose(found, [factor, 1.0], rtol=1e-6)


def test_factors_of_an_empty_batch():
    assert clip_factors(tf.zeros([0]), 1.0).shape == (0,)


def test_a_clipped_norm_never_exceeds_the_clip():
    norms = np.random.default_rng(0).lognormal(0, 10, 10_000).astype(np.float32)
    after = norms.astype(np.float64) * clip_factors(tf.constant(norms), 0.3).numpy()
    assert after.max() <= 0.3 * (1 + 1e-6)


def test_norms_run_over_all_variables_together():
    gradients = [tf.constant([[3.0, 0.0], [0.0, 0.0]]), tf.constant([4.0, 2.0]), tf.zeros([2, 1, 3])]
    np.testing.assert_allclose(global_norms(gradients), [5.0, 2.0])


def test_norms_of_half_precision_gradients_do_not_overflow():
    gradients = [tf.fill([1, 4], tf.constant(1e4, tf.float16))]
    np.testing.assert_allclose(global_norms(gradients), [2e4], rtol=1e-3)
