import itertools

import dp_accounting
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from dpcore.errors import ConfigError
from dpcore.sampling import PoissonSampler, poisson_batches, sampling_rng

EXAMPLES, EXPECTED, STEPS = 200, 20, 4000
SAMPLER = PoissonSampler(num_examples=EXAMPLES, expected_batch_size=EXPECTED)


def inclusions(draw):
    """Which example is in which step: ``[steps, examples]``."""
    result = np.zeros((STEPS, EXAMPLES), bool)
    for step in range(STEPS):
        result[step, draw()] = True
    return result


def two_sided(statistic, freedom):
    return 2 * min(stats.chi2.cdf(statistic, freedom), stats.chi2.sf(statistic, freedom))


def p_value(included, probability):
    """How likely a Poisson sampler is to look like this: per example, per step, and in pairs of steps."""
    variance = probability * (1 - probability)
    per_example = ((included.sum(0) - STEPS * probability) ** 2).sum() / (STEPS * variance)
    per_step = ((included.sum(1) - EXAMPLES * probability) ** 2).sum() / (EXAMPLES * variance)
    again = (included[1:] & included[:-1]).sum()
    return min(
        two_sided(per_example, EXAMPLES),
        two_sided(per_step, STEPS),
        stats.binomtest(int(again), EXAMPLES * (STEPS - 1), probability**2).pvalue,
    )


def shuffled(rng):
    """Epochs of fixed batches of a shuffled data set: what must never be accounted as Poisson."""
    while True:
        yield from rng.permutation(EXAMPLES).reshape(-1, EXPECTED)


def test_batches_are_poisson_samples_and_the_test_would_notice_if_not():
    rng = sampling_rng(0)
    assert p_value(inclusions(lambda: SAMPLER.draw(rng)), SAMPLER.sampling_probability) > 1e-3
    others = {
        "0.95x": lambda: np.flatnonzero(rng.random(EXAMPLES) < 0.95 * SAMPLER.sampling_probability),
        "1.05x": lambda: np.flatnonzero(rng.random(EXAMPLES) < 1.05 * SAMPLER.sampling_probability),
        "fixed size": lambda: rng.choice(EXAMPLES, EXPECTED, replace=False),
        "shuffled": shuffled(rng).__next__,
        "weighted": lambda: np.flatnonzero(rng.random(EXAMPLES) < np.repeat([0.05, 0.15], EXAMPLES // 2)),
    }
    for name, draw in others.items():
        assert p_value(inclusions(draw), SAMPLER.sampling_probability) < 1e-6, name


@pytest.mark.parametrize("noise_multiplier", [0.0, 1.1])
def test_the_event_says_how_batches_are_drawn(noise_multiplier):
    assert SAMPLER.event(noise_multiplier) == dp_accounting.PoissonSampledDpEvent(
        0.1, dp_accounting.GaussianDpEvent(noise_multiplier)
    )


def test_the_whole_data_set_is_a_batch_when_as_much_is_expected():
    sampler = PoissonSampler(num_examples=5, expected_batch_size=5)
    assert sampler.sampling_probability == 1
    np.testing.assert_array_equal(sampler.draw(sampling_rng(0)), np.arange(5))


@pytest.mark.parametrize(
    ("examples", "expected", "steps"), [(200, 20, 10), (201, 20, 11), (5, 5, 1), (5, 1, 5), (7, 3, 3)]
)
def test_steps_per_epoch(examples, expected, steps):
    assert PoissonSampler(num_examples=examples, expected_batch_size=expected).steps_per_epoch == steps


@pytest.mark.parametrize(
    ("examples", "expected", "message"),
    [
        (0, 1, "num_examples must be >= 1; got 0"),
        (5, 6, "must not exceed the number of training examples; got 6 and 5"),
        (5, 0, r"sampling_probability must lie in \(0, 1\]; got 0"),
        (5, -1, r"sampling_probability must lie in \(0, 1\]; got -0.2"),
    ],
)
def test_bad_sizes_are_refused(examples, expected, message):
    with pytest.raises(ConfigError, match=message):
        PoissonSampler(num_examples=examples, expected_batch_size=expected)


@pytest.mark.parametrize("expected", [1, 7, 8, 20, 100])
def test_padding_only_adds_rows(expected):
    sampler = PoissonSampler(num_examples=EXAMPLES, expected_batch_size=expected)
    plain, padded = sampling_rng(3), sampling_rng(3)
    for _ in range(50):
        indices, real = sampler.padded(padded)
        np.testing.assert_array_equal(indices[real], sampler.draw(plain))
        assert len(indices) == len(real) >= 1
        assert len(indices) % max(1, expected // 8) == 0
        np.testing.assert_array_equal(real, np.sort(real)[::-1])


def test_the_same_seed_draws_the_same_and_the_system_never():
    def first(rng):
        return SAMPLER.draw(rng).tolist()

    assert first(sampling_rng(7)) == first(sampling_rng(7))
    assert len({tuple(first(sampling_rng())) for _ in range(20)}) == 20
    rng = sampling_rng(7)
    assert first(rng) != first(rng)


def test_batches_hold_the_drawn_rows_and_zeros():
    arrays = (
        {
            "a": np.arange(1, 41, dtype=np.float32).reshape(20, 2),
            "b": np.array([f"row {i}" for i in range(20)]),
        },
        np.arange(1, 21),
        np.ones(20, np.float32),
    )
    sampler = PoissonSampler(num_examples=20, expected_batch_size=10)
    same = sampling_rng(1)
    for x, y, weight in itertools.islice(poisson_batches(arrays, sampler, sampling_rng(1)), 20):
        drawn = sampler.draw(same)
        np.testing.assert_array_equal(y[: len(drawn)], drawn + 1)
        np.testing.assert_array_equal(x["a"][: len(drawn)], arrays[0]["a"][drawn])
        assert [name.decode() for name in x["b"].numpy()[: len(drawn)]] == [f"row {i}" for i in drawn]
        np.testing.assert_array_equal(weight.numpy(), np.arange(len(weight)) < len(drawn))
        assert not x["a"].numpy()[len(drawn) :].any()
        assert not y.numpy()[len(drawn) :].any()
        assert not any(x["b"].numpy()[len(drawn) :])


def test_a_batch_without_examples_is_one_row_without_weight():
    sampler = PoissonSampler(num_examples=10_000, expected_batch_size=1)
    arrays = (np.ones((10_000, 1), np.float32), np.ones(10_000, np.float32))
    batches = list(itertools.islice(poisson_batches(arrays, sampler, sampling_rng(0)), 20))
    empty = [
        (x.numpy().tolist(), weight.numpy().tolist())
        for x, weight in batches
        if not tf.reduce_any(weight > 0)
    ]
    assert 2 < len(empty) < 15
    assert all(batch == ([[0.0]], [0.0]) for batch in empty)


def test_two_passes_over_the_batches_differ():
    batches = poisson_batches((np.arange(200),), SAMPLER, sampling_rng(0))
    first, second = ([row[0].numpy().tolist() for row in batches.take(3)] for _ in range(2))
    assert first != second


def test_no_tuning_thread_is_left_behind_for_the_garbage_collector_to_wait_for():
    assert poisson_batches((np.arange(200),), SAMPLER, sampling_rng(0)).options().autotune.enabled is False
