import math

import dp_accounting
import numpy as np
import pytest
from dp_accounting import NeighboringRelation
from scipy import stats

from dpcore import accounting, ledger
from dpcore import randomized_response as rr
from dpcore.errors import ConfigError, LedgerError
from dpcore.ledger import Charge

N = 40_000


def answers(truth, epsilon, k, n=N, seed=0):
    """How often each value is answered to the same truth, with coins from a test seed."""
    coins = np.random.default_rng(seed).bytes(rr.RANDOM_BYTES * n)
    told = [
        rr.answer(
            truth,
            epsilon=epsilon,
            num_values=k,
            random_bytes=coins[start : start + rr.RANDOM_BYTES],
        )
        for start in range(0, len(coins), rr.RANDOM_BYTES)
    ]
    return np.bincount(told, minlength=k)


def fits(observed, truth, probability):
    """The p-value of a chi-square test for this probability of the truth, the others equally likely."""
    k, n = len(observed), observed.sum()
    expected = np.full(k, n * (1 - probability) / (k - 1))
    expected[truth] = n * probability
    return stats.chisquare(observed, expected).pvalue


@pytest.mark.parametrize(("epsilon", "k"), [(1.0, 2), (0.5, 4), (3.0, 5)])
def test_the_truth_is_told_as_often_as_stated_and_the_test_would_notice_if_not(epsilon, k):
    observed = answers(1, epsilon, k)
    p = rr.truth_probability(epsilon, k)
    assert p == pytest.approx(math.exp(epsilon) / (math.exp(epsilon) + k - 1))
    assert fits(observed, 1, p) > 1e-3
    for wrong in (0.95, 1.05):
        assert fits(observed, 1, min(p * wrong, 0.999)) < 1e-6


def test_an_answer_that_is_none_of_the_values_is_uniform():
    assert stats.chisquare(answers(None, 1.0, 3)).pvalue > 1e-3
    # So it lies between any two values: no factor above e^epsilon either way.
    p = rr.truth_probability(1.0, 3)
    assert max(p * 3, (1 / 3) / ((1 - p) / 2)) <= math.e


def test_coins_come_from_the_operating_system():
    told = [rr.answer(0, epsilon=0.1, num_values=1000) for _ in range(30)]
    assert len(set(told)) > 20


def test_the_event_is_the_mechanism():
    event = rr.event(1.5, 4)
    p, k = event.noise_parameter, event.num_buckets
    assert 1 - p + p / k == pytest.approx(rr.truth_probability(1.5, 4))
    pure = dp_accounting.pld.PLDAccountant(neighboring_relation=NeighboringRelation.REPLACE_ONE)
    assert pure.compose(event).get_epsilon(0) == pytest.approx(1.5, abs=1e-3)


def test_charges_compose_over_columns_and_survive_the_file():
    charges = [rr.charge(e, 2, attempt="a", privacy_unit="row's values") for e in (1.0, 0.5)]
    read = ledger.loads(ledger.of(charges).dumps())
    bounds = accounting.epsilon_bounds(read, 1e-9)
    assert bounds.pld == pytest.approx(1.5, abs=2e-3)
    assert bounds.agree


def test_local_charges_do_not_mix_with_those_of_training():
    step = dp_accounting.PoissonSampledDpEvent(0.01, dp_accounting.GaussianDpEvent(1.0))
    mixed = ledger.of([Charge(event=step, attempt="a"), rr.charge(1.0, 2, attempt="a", privacy_unit="row")])
    with pytest.raises(LedgerError, match="must share one neighboring_relation"):
        accounting.epsilon_bounds(mixed, 1e-5)


def test_estimates_are_unbiased_and_their_errors_true():
    truth = {"no": 3000, "yes": 900, "": 100}
    epsilon, runs = 1.0, 300
    p = rr.truth_probability(epsilon, 3)
    rng = np.random.default_rng(1)
    channel = np.full((3, 3), (1 - p) / 2) + np.eye(3) * (p - (1 - p) / 2)
    seen = [
        sum(rng.multinomial(n, row) for n, row in zip(truth.values(), channel, strict=True))
        for _ in range(runs)
    ]
    found = [rr.estimate_counts(dict(zip(truth, map(int, one), strict=True)), epsilon) for one in seen]
    for value, count in truth.items():
        z = np.array([(one[value].count - count) / one[value].standard_error for one in found])
        assert abs(z.mean()) < 4 / math.sqrt(runs)
        assert 0.85 < z.std() < 1.15
        assert (abs(z) < 1.96).mean() == pytest.approx(0.95, abs=0.045)
    assert sum(one.count for one in found[0].values()) == pytest.approx(4000)
    # The observed counts themselves are far off: the estimate is needed.
    assert np.mean([one[2] for one in seen]) > 5 * truth[""]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rr.event(0.0, 2), "epsilon must be finite and > 0; got 0.0"),
        (lambda: rr.event(math.nan, 2), "epsilon must be finite and > 0; got nan"),
        (lambda: rr.event(21.0, 2), "epsilon must be at most 20.0"),
        (lambda: rr.event(1.0, 1), "at least two values; got 1"),
        (lambda: rr.estimate_counts({"a": 3}, 1.0), "at least two values; got 1"),
        (lambda: rr.estimate_counts({"a": 3, "b": -1}, 1.0), "must be >= 0"),
        (lambda: rr.answer(2, epsilon=1.0, num_values=2), "truth must be an index below 2"),
        (lambda: rr.answer(0, epsilon=1.0, num_values=2, random_bytes=b"x"), "must be 32 bytes; got 1"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ConfigError, match=message):
        call()
