import functools
import math
import re

import dp_accounting
import numpy as np
import pytest
from dp_accounting import NeighboringRelation
from dp_accounting.pld import PLDAccountant
from scipy import integrate, optimize, special, stats

from dpcore import accounting, ledger
from dpcore.accounting import (
    EpsilonBounds,
    calibrate_noise,
    dp_sgd_epsilon,
    dp_sgd_event,
    epsilon,
    epsilon_bounds,
    rounded_up,
    statement,
)
from dpcore.errors import AccountingError, ConfigError, LedgerError
from dpcore.ledger import Charge, DeclaredPublic, Settled

GAUSSIAN = dp_accounting.GaussianDpEvent(30.0)
STEP = dp_accounting.PoissonSampledDpEvent(0.01, dp_accounting.GaussianDpEvent(4.0))


@functools.cache
def bounds(q, sigma, steps, delta):
    return dp_sgd_epsilon(sampling_probability=q, noise_multiplier=sigma, steps=steps, target_delta=delta)


def charged(event=STEP, **fields):
    return Charge(**({"event": event, "attempt": "a", "count": 100, "l2_norm_clip": 0.5} | fields))


# --- values that others have published --------------------------------------------------------------------

# (sigma, q, steps) -> epsilon at delta 1e-6, as computed by Microsoft's PRV accountant (Gopi et al. 2021,
# https://arxiv.org/abs/2106.02848) and kept in Opacus, opacus/tests/prv_accountant.py. They are upper bounds
# with an error of up to 0.01.
PRV = {
    (1.5, 0.001, 100000): 1.0152880750276,
    (3.0, 0.2, 100): 3.3812205101118,
    (1.5, 0.05, 100): 1.9538531356842,
    (3.0, 0.001, 100000): 0.4436717208808,
}

# (q, sigma, steps, delta) -> epsilon by RDP, from TensorFlow Privacy,
# privacy/analysis/compute_dp_sgd_privacy_test.py.
TENSORFLOW_PRIVACY_RDP = {
    (150 / 60_000, 1.3, 6_000, 1e-5): 0.7242234026,
    (100 / 100_000, 1.0, 30_000, 1e-7): 1.4154988495,
    (0.01, 0.7, 120, 1e-5): 3.2392676,
    (1.0, 0.7, 2, 1e-5): 10.8602036,
}

# As above, by PLD.
TENSORFLOW_PRIVACY_PLD = {(0.01, 0.7, 120, 1e-5): 2.4612381, (1.0, 0.7, 2, 1e-5): 10.1224946}

# (epsilon, q, sigma, steps) -> delta, from the Fourier accountant (Koskela et al. 2020,
# https://arxiv.org/abs/1906.03049), DPBayes/PLD-Accountant, tests/test_compute_delta.py.
FOURIER = {
    (1.0, 0.01, 2.0, 10_000): 0.010224911,
    (0.8, 0.01, 2.0, 10_000): 0.022850340,
    (1.0, 0.02, 2.0, 10_000): 0.149917330,
}


@pytest.mark.parametrize(("sigma", "q", "steps"), PRV)
def test_pld_agrees_with_the_prv_accountant(sigma, q, steps):
    found = bounds(q, sigma, steps, 1e-6).pld
    published = PRV[sigma, q, steps]
    assert 0.999 * found <= published <= 1.001 * found + 0.011
    assert bounds(q, 0.95 * sigma, steps, 1e-6).pld > 1.02 * published
    assert bounds(q, 1.05 * sigma, steps, 1e-6).pld < 0.98 * published


@pytest.mark.parametrize(("q", "sigma", "steps", "delta"), TENSORFLOW_PRIVACY_RDP)
def test_rdp_agrees_with_tensorflow_privacy(q, sigma, steps, delta):
    published = TENSORFLOW_PRIVACY_RDP[q, sigma, steps, delta]
    assert bounds(q, sigma, steps, delta).rdp == pytest.approx(published, rel=1e-6)


@pytest.mark.parametrize(("q", "sigma", "steps", "delta"), TENSORFLOW_PRIVACY_PLD)
def test_pld_agrees_with_tensorflow_privacy(q, sigma, steps, delta):
    published = TENSORFLOW_PRIVACY_PLD[q, sigma, steps, delta]
    assert bounds(q, sigma, steps, delta).pld == pytest.approx(published, rel=1e-6)


def test_rdp_agrees_with_opacus():
    """opacus/tests/accountants_test.py; its grid of orders is another one."""
    assert bounds(0.04, 1.5, 2250, 1e-5).rdp == pytest.approx(7.32911117143, rel=1e-3)


@pytest.mark.parametrize(("target", "q", "sigma", "steps"), FOURIER)
def test_pld_agrees_with_the_fourier_accountant(target, q, sigma, steps):
    assert bounds(q, sigma, steps, FOURIER[target, q, sigma, steps]).pld == pytest.approx(target, rel=1e-3)


def moments_accountant(q, sigma, steps, delta):
    """Abadi et al. 2016, theorem 2: epsilon from the log moments up to order 32."""
    orders = np.arange(2, 33)
    log_moments = [
        special.logsumexp(
            [
                math.log(math.comb(a, k) * q**k * (1 - q) ** (a - k)) + k * (k - 1) / (2 * sigma**2)
                for k in range(a + 1)
            ]
        )
        for a in orders
    ]
    return min((steps * np.array(log_moments) - math.log(delta)) / (orders - 1))


def test_the_moments_accountant_of_the_dp_sgd_paper_is_improved_upon():
    """Abadi et al. 2016, https://arxiv.org/abs/1607.00133, figure 2: q=.01, sigma=4, T=1e4 costs 1.26."""
    paper = moments_accountant(0.01, 4, 10_000, 1e-5)
    assert round(paper, 2) == 1.26
    found = bounds(0.01, 4, 10_000, 1e-5)
    assert 0.75 * paper < found.pld < found.rdp < paper


# --- closed forms and integrals ---------------------------------------------------------------------------


def gaussian_delta(epsilon, mu):
    """The analytic Gaussian mechanism: Balle and Wang 2018, https://arxiv.org/abs/1805.06530, theorem 8."""
    tail = stats.norm.logcdf(-epsilon / mu - mu / 2)
    return stats.norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon + tail)


@pytest.mark.parametrize(
    ("sigma", "steps", "delta"), [(1.0, 1, 1e-5), (5.0, 30, 1e-5), (100.0, 10_000, 1e-8)]
)
def test_without_sampling_epsilon_is_that_of_the_analytic_gaussian_mechanism(sigma, steps, delta):
    mu = math.sqrt(steps) / sigma
    exact = optimize.brentq(lambda e: gaussian_delta(e, mu) - delta, 0, 100, xtol=1e-12)
    assert exact == pytest.approx(dp_accounting.get_epsilon_gaussian(1 / mu, delta), rel=1e-6)
    found = bounds(1.0, sigma, steps, delta)
    assert exact <= found.pld <= exact * 1.001 + 1e-3
    assert exact <= found.rdp <= exact * 1.15


def hockey_stick(q, sigma, epsilon):
    """delta(epsilon) of one step, by integrating [p - e^epsilon p']_+ in both directions."""

    def without(x):
        return stats.norm.pdf(x, 0, sigma)

    def with_one(x):
        return (1 - q) * without(x) + q * stats.norm.pdf(x, 1, sigma)

    def divergence(p, other):
        grid = np.linspace(-12 * sigma, 1 + 12 * sigma, 40_001)
        return integrate.simpson(np.maximum(p(grid) - math.exp(epsilon) * other(grid), 0), x=grid)

    return max(divergence(with_one, without), divergence(without, with_one))


@pytest.mark.parametrize(
    ("q", "sigma", "target"), [(0.01, 0.8, 0.1), (0.1, 1.0, 0.5), (0.5, 2.0, 0.5), (0.9, 2.0, 0.1)]
)
def test_one_step_agrees_with_the_integral_of_the_hockey_stick_divergence(q, sigma, target):
    delta = hockey_stick(q, sigma, target)
    assert delta > 1e-6
    found = bounds(q, sigma, 1, delta)
    assert target - 1e-5 <= found.pld <= target + 2e-3
    assert found.rdp >= target


@pytest.mark.parametrize(("q", "sigma", "delta"), [(0.01, 2.0, 1e-7), (0.2, 4.0, 1e-3), (1.0, 30.0, 1e-5)])
def test_pld_is_at_most_rdp_and_both_grow_with_the_steps(q, sigma, delta):
    few, many = bounds(q, sigma, 10, delta), bounds(q, sigma, 400, delta)
    for found in (few, many):
        assert found.agree
        assert found.epsilon == found.pld <= found.rdp
    assert few.pld < many.pld
    assert few.rdp < many.rdp


# --- a ledger's epsilon -----------------------------------------------------------------------------------


def test_a_ledger_costs_what_its_charges_cost_together():
    split = ledger.of([charged(count=60), charged(count=40, attempt="b"), Settled(attempt="b")])
    assert epsilon_bounds(split, 1e-5) == bounds(0.01, 4.0, 100, 1e-5)
    assert epsilon(split, 1e-5) == bounds(0.01, 4.0, 100, 1e-5).pld


def test_another_mechanism_costs_more():
    alone = epsilon(ledger.of([charged()]), 1e-5)
    assert (
        epsilon(ledger.of([charged(), charged(dp_accounting.GaussianDpEvent(20.0), count=1)]), 1e-5) > alone
    )


@pytest.mark.parametrize(
    "event",
    [
        dp_accounting.NonPrivateDpEvent(),
        dp_accounting.GaussianDpEvent(0.0),
        dp_accounting.PoissonSampledDpEvent(0.01, dp_accounting.GaussianDpEvent(0.0)),
        dp_accounting.ComposedDpEvent([STEP, dp_accounting.NonPrivateDpEvent()]),
    ],
)
def test_without_noise_epsilon_is_infinite(event):
    found = epsilon_bounds(ledger.of([charged(), charged(event, count=1)]), 1e-5)
    assert (found.pld, found.rdp, found.epsilon) == (math.inf, math.inf, math.inf)


@pytest.mark.parametrize(
    ("event", "relation"),
    [
        (dp_accounting.UnsupportedDpEvent(), NeighboringRelation.ADD_OR_REMOVE_ONE),
        (dp_accounting.SingleEpochTreeAggregationDpEvent(1.0, 10), None),
        (STEP, NeighboringRelation.REPLACE_ONE),
        (dp_accounting.PoissonSampledDpEvent(0.1, dp_accounting.NonPrivateDpEvent()), None),
        (dp_accounting.PoissonSampledDpEvent(1.5, dp_accounting.GaussianDpEvent(1.0)), None),
        (dp_accounting.PoissonSampledDpEvent(-0.1, dp_accounting.GaussianDpEvent(1.0)), None),
        (dp_accounting.GaussianDpEvent(-1.0), None),
    ],
)
def test_what_cannot_be_accounted_for_is_an_error_and_never_zero(event, relation):
    relation = relation or NeighboringRelation.ADD_OR_REMOVE_ONE
    mixed = ledger.of([charged(event, neighboring_relation=relation)])
    for ask in (epsilon_bounds, epsilon, statement):
        with pytest.raises(AccountingError, match="Accountant cannot account for this ledger"):
            ask(mixed, 1e-5)


@pytest.mark.parametrize("value", [math.nan, -0.1])
def test_an_accountant_that_returns_nonsense_is_an_error(monkeypatch, value):
    monkeypatch.setattr(PLDAccountant, "get_epsilon", lambda *_: value)
    with pytest.raises(AccountingError, match=f"PLDAccountant returned epsilon={value}; it must be >= 0"):
        bounds(0.01, 4.0, 10, 1e-5)


@pytest.mark.parametrize("delta", [0, 1, -1e-5, 1.5, math.nan, math.inf])
def test_delta_must_lie_between_0_and_1(delta):
    for ask in (epsilon_bounds, epsilon, statement):
        with pytest.raises(ConfigError, match="target_delta must lie strictly between 0 and 1; got"):
            ask(ledger.of([charged()]), delta)
    with pytest.raises(ConfigError, match="target_delta must lie strictly between 0 and 1; got"):
        bounds(0.01, 4.0, 10, delta)


def test_ledgers_without_one_adjacency_have_no_epsilon():
    mixed = [charged(), charged(neighboring_relation=NeighboringRelation.REPLACE_ONE)]
    for entries in ([], mixed, [DeclaredPublic(what="a", why="b")]):
        with pytest.raises(LedgerError, match="must share one neighboring_relation"):
            epsilon(ledger.of(entries), 1e-5)


@pytest.mark.parametrize(
    ("pld", "rdp", "agree", "reported"),
    [
        (1.0, 1.2, True, 1.0),
        (1.0, 1.0, True, 1.0),
        (1.01, 1.0, True, 1.0),
        (1.1, 1.0, False, 1.1),
        (0.0, 2.0, False, 2.0),
        (0.0, 0.01, True, 0.0),
        (math.inf, math.inf, True, math.inf),
        (math.inf, 1.0, False, math.inf),
        (1.0, math.inf, False, math.inf),
    ],
)
def test_of_two_bounds_that_contradict_each_other_the_larger_is_reported(pld, rdp, agree, reported):
    found = EpsilonBounds(pld=pld, rdp=rdp)
    assert (found.agree, found.epsilon) == (agree, reported)


# --- calibration ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "delta", "q", "steps"),
    [(0.5, 1e-5, 0.01, 100), (2.0, 1e-6, 0.01, 2000)],
)
def test_calibrated_noise_never_exceeds_the_target_and_nearly_uses_it_up(target, delta, q, steps):
    sigma = calibrate_noise(target_epsilon=target, target_delta=delta, sampling_probability=q, steps=steps)
    assert 0.99 * target <= bounds(q, sigma, steps, delta).epsilon <= target
    assert bounds(q, 0.95 * sigma, steps, delta).epsilon > target


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_epsilon": 0}, "target_epsilon must be finite and > 0; got 0"),
        ({"target_epsilon": math.nan}, "target_epsilon must be finite and > 0; got nan"),
        ({"target_delta": 1}, "target_delta must lie strictly between 0 and 1; got 1"),
        ({"sampling_probability": 0}, r"sampling_probability must lie in \(0, 1\]; got 0"),
        ({"sampling_probability": math.nan}, r"sampling_probability must lie in \(0, 1\]; got nan"),
        ({"steps": 0}, "steps must be >= 1; got 0"),
    ],
)
def test_calibration_checks_its_arguments(changes, message):
    good = {"target_epsilon": 1.0, "target_delta": 1e-5, "sampling_probability": 0.1, "steps": 10}
    with pytest.raises(ConfigError, match=message):
        calibrate_noise(**(good | changes))


def test_a_target_that_would_need_next_to_no_noise_is_an_error():
    with pytest.raises(
        AccountingError, match=r"no noise multiplier gives epsilon=1000.* at delta=0.5.*below 0.05"
    ):
        calibrate_noise(target_epsilon=1000, target_delta=0.5, sampling_probability=1.0, steps=1)


def test_an_event_of_dp_sgd_checks_its_probability():
    assert dp_sgd_event(sampling_probability=0.01, noise_multiplier=4.0, steps=7) == (
        dp_accounting.SelfComposedDpEvent(STEP, 7)
    )
    with pytest.raises(ConfigError, match="sampling_probability must lie in"):
        dp_sgd_event(sampling_probability=1.1, noise_multiplier=1.0, steps=1)


# --- in words ---------------------------------------------------------------------------------------------


def test_the_statement_says_what_holds_for_whom_and_what_is_not_covered():
    text = statement(ledger.of([charged(count=60), charged(count=40), Settled(attempt="a")]), 1e-5)
    found = re.match(r"The model is \((.*), 1e-05\)-differentially private with respect to (.*?)\. ", text)
    exact = bounds(0.01, 4.0, 100, 1e-5).epsilon
    assert exact <= float(found[1]) <= exact + 1e-3
    assert found[2] == "adding or removing one example of the training split"
    for part in (
        "100 steps of DP-SGD",
        "with probability 0.01 (Poisson sampling)",
        "clipped to L2 norm 0.5",
        "Gaussian noise of 4 times that norm",
        "Not covered are metrics computed on the data",
        "the number of training examples, which is treated as public",
        "hyperparameters",
    ):
        assert part in text
    for part in ("fixed seed", "did not finish", "Declared public", "No differential privacy"):
        assert part not in text


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ([charged(seeded=True)], "The noise came from a fixed seed: this is a test run, not a private one."),
        ([charged(), charged(attempt="b")], "The charges of 1 attempt(s) that did not finish are included."),
        (
            [charged(), DeclaredPublic(what="vocabulary", why="from a public corpus")],
            "Declared public: vocabulary (from a public corpus).",
        ),
        ([charged(privacy_unit="user")], "adding or removing one user of"),
        ([charged(), charged(count=5, l2_norm_clip=0.7)], "5 steps of DP-SGD"),
        (
            [charged(GAUSSIAN, neighboring_relation=NeighboringRelation.REPLACE_ONE)],
            "replacing one example by another",
        ),
        (
            [charged(GAUSSIAN, neighboring_relation=NeighboringRelation.REPLACE_SPECIAL)],
            "blanking one example",
        ),
        (
            [charged(dp_accounting.LaplaceDpEvent(50.0), count=2)],
            "2 x LaplaceDpEvent(noise_multiplier=50.0).",
        ),
    ],
)
def test_the_statement_says_what_is_special(entries, part):
    assert part in statement(ledger.of(entries), 1e-5)


@pytest.mark.parametrize(
    ("event", "note", "because"),
    [
        (dp_accounting.NonPrivateDpEvent(), "a vocabulary was learned", "a vocabulary was learned"),
        (dp_accounting.NonPrivateDpEvent(), "", "a release without noise"),
        (dp_accounting.GaussianDpEvent(0.0), "", "the noise is zero"),
    ],
)
def test_the_statement_says_why_nothing_holds(event, note, because):
    text = statement(ledger.of([charged(), charged(event, note=note)]), 1e-5)
    assert text == f"No differential privacy guarantee holds for this model: {because}."


def test_bounds_come_from_both_accountants():
    assert accounting.PLDAccountant is PLDAccountant
    found = bounds(0.01, 4.0, 100, 1e-5)
    assert 0 < found.pld < found.rdp


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (1.0, "1"), (1.0001, "1.001"), (2.9996, "3"), (1e-9, "0.001"), (123.4561, "123.457")],
)
def test_an_epsilon_is_shown_as_no_less_than_it_is(value, shown):
    assert rounded_up(value) == shown
    assert float(shown) >= value


def test_an_infinite_epsilon_is_called_that():
    assert rounded_up(math.inf) == "infinite"
