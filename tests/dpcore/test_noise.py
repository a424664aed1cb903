import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from dpcore.errors import ConfigError
from dpcore.noise import ClippedSum, NoiseSource, add_gaussian_noise

SIZE = 200_000


def noise(source, clip=1.0, noise_multiplier=1.0, size=SIZE):
    (noised,) = add_gaussian_noise(
        ClippedSum([tf.zeros([size])], clip), noise_multiplier=noise_multiplier, source=source
    )
    return noised.numpy()


def p_value(sample, stddev):
    """How likely N(0, stddev^2) is to look like this: as a whole, in its variance and in its tails."""
    scaled = sample / stddev
    energy = float((scaled.astype(np.float64) ** 2).sum())
    values = [
        stats.kstest(scaled, "norm").pvalue,
        2 * min(stats.chi2.cdf(energy, len(scaled)), stats.chi2.sf(energy, len(scaled))),
    ]
    values += [
        stats.binomtest(int((scaled > bound).sum()), len(scaled), stats.norm.sf(bound)).pvalue
        for bound in (2, 3, 4)
    ]
    values += [
        stats.binomtest(int((scaled < -bound).sum()), len(scaled), stats.norm.sf(bound)).pvalue
        for bound in (2, 3, 4)
    ]
    return min(values)


@pytest.mark.parametrize(("clip", "noise_multiplier"), [(1.0, 1.0), (0.1, 1.1), (3.0, 0.5), (50.0, 8.0)])
def test_noise_is_normal_with_clip_times_multiplier_and_the_test_would_notice_if_not(clip, noise_multiplier):
    sample = noise(NoiseSource.from_seed(1), clip, noise_multiplier)
    stddev = clip * noise_multiplier
    assert p_value(sample, stddev) > 1e-3
    for wrong in (0.95, 1.05):
        assert p_value(wrong * sample, stddev) < 1e-6
    assert p_value(sample + 0.05 * stddev, stddev) < 1e-6
    assert p_value(np.clip(sample, -2.9 * stddev, 2.9 * stddev), stddev) < 1e-6


def test_noise_from_the_system_is_normal():
    assert p_value(noise(NoiseSource.from_system()), 1.0) > 1e-7


def test_noise_is_added_to_the_sum_and_no_noise_changes_nothing():
    values = [tf.constant([[1.0, -2.0]]), tf.constant(3.0)]
    same = add_gaussian_noise(ClippedSum(values, 2.0), noise_multiplier=0, source=NoiseSource.from_seed(1))
    assert [value.numpy().tolist() for value in same] == [[[1.0, -2.0]], 3.0]
    source = NoiseSource.from_seed(1)
    zero = noise(NoiseSource.from_seed(1), size=4)
    (noised,) = add_gaussian_noise(ClippedSum([tf.fill([4], 10.0)], 1.0), noise_multiplier=1, source=source)
    np.testing.assert_allclose(noised, 10 + zero, rtol=1e-6)


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function, lambda f: tf.function(f, jit_compile=True)])
def test_noise_is_independent_across_variables_steps_and_sources(wrap):
    size = 50_000
    source = NoiseSource.from_system()

    def step():
        clipped = ClippedSum([tf.zeros([size]), tf.zeros([size // 10, 10])], 1.0)
        return add_gaussian_noise(clipped, noise_multiplier=1.0, source=source)

    run = wrap(step)
    draws = [value.numpy().ravel() for _ in range(3) for value in run()]
    draws.append(noise(NoiseSource.from_system(), size=size))
    correlations = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlations).max() < 6 / math.sqrt(size)
    assert np.corrcoef(draws[0], draws[0])[0, 1] > 0.99, "a repeated draw would be noticed"


def test_sources_from_the_system_are_all_different_and_not_seeded():
    sources = [NoiseSource.from_system() for _ in range(20)]
    assert len({tuple(noise(source, size=2)) for source in sources}) == 20
    assert not any(source.seeded for source in sources)
    for word in np.array(
        [source.generator.state for source in (NoiseSource.from_system() for _ in range(20))]
    ).T:
        assert len(set(word)) == 20, "key and both halves of the counter are drawn"


def test_sources_from_a_seed_repeat_and_say_so():
    first, second, other = (NoiseSource.from_seed(seed) for seed in (1, 1, 2))
    assert first.seeded
    np.testing.assert_array_equal(noise(first, size=8), noise(second, size=8))
    assert (noise(first, size=8) != noise(other, size=8)).all()


@pytest.mark.parametrize("dtype", [tf.float64, tf.bfloat16])
def test_noise_takes_the_type_of_the_sum(dtype):
    (noised,) = add_gaussian_noise(
        ClippedSum([tf.zeros([3], dtype)], 1.0), noise_multiplier=1.0, source=NoiseSource.from_seed(0)
    )
    assert noised.dtype == dtype
    assert (noised != 0).numpy().all()


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_a_bad_noise_multiplier_is_refused(bad):
    with pytest.raises(ConfigError, match="noise_multiplier must be finite and >= 0; got"):
        noise(NoiseSource.from_seed(0), noise_multiplier=bad)
