import math

import numpy as np
import pytest

from dpcore.canaries import CanaryPlan, InsertedGroup, assign, exposure, exposures
from dpcore.errors import ConfigError

PLAN = CanaryPlan(
    candidates=256,
    inserted=(InsertedGroup(repetitions=1, count=16), InsertedGroup(repetitions=64, count=2)),
    coin_flips=100,
)


def test_exposure_of_the_best_known_canary_is_log2_of_the_candidates():
    assert exposure(0.1, np.linspace(1, 2, 1023)) == pytest.approx(10)


def test_exposure_of_the_least_known_canary_is_zero():
    assert exposure(9.0, np.linspace(1, 2, 1023)) == pytest.approx(0)


def test_a_constant_model_shows_one_bit_and_not_the_most_possible():
    assert exposure(0.5, np.full(1023, 0.5)) == pytest.approx(math.log2(1024 / 512.5))


def test_exposure_counts_bits():
    reference = np.arange(1023.0)
    assert exposure(63.5, reference) == pytest.approx(10 - math.log2(65))


def test_chance_gives_the_exposure_of_a_uniform_rank():
    rng = np.random.default_rng(0)
    (group,) = exposures(rng.normal(size=2000), np.repeat([1, 0], 1000))
    assert group.mean == pytest.approx(1 / math.log(2), abs=0.15)
    assert group.median == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_an_error(broken):
    with pytest.raises(ConfigError, match="loss_of_canary must be finite"):
        exposure(broken, [1.0])
    with pytest.raises(ConfigError, match=r"reference_losses must be finite; got .* at index 1"):
        exposure(1.0, [1.0, broken])
    with pytest.raises(ConfigError, match="losses must be finite"):
        exposures([1.0, broken], [1, 0])


def test_exposures_are_grouped_by_repetitions_and_rank_only_among_the_held_out():
    losses = [0.0, 0.1, 0.2, 5.0, 1.0, 2.0, 3.0]
    groups = exposures(losses, [4, 1, 1, 1, 0, 0, 0])
    assert [(group.repetitions, len(group.values)) for group in groups] == [(1, 3), (4, 1)]
    assert groups[0].values == (2.0, 2.0, 0.0)
    assert (groups[0].median, groups[0].mean) == (2.0, pytest.approx(4 / 3))
    assert groups[1].max_possible == 2.0


@pytest.mark.parametrize(
    ("losses", "repetitions", "message"),
    [
        ([1.0, 2.0], [1, 1], "at least one candidate must be held out"),
        ([1.0, 2.0], [1], "must have one shape"),
        ([], [], "non-empty"),
    ],
)
def test_exposures_needs_a_reference(losses, repetitions, message):
    with pytest.raises(ConfigError, match=message):
        exposures(losses, repetitions)


def test_assignment_follows_the_plan():
    assignment = assign(PLAN, np.random.default_rng(1))
    fixed = assignment.repetitions[~assignment.coin_flipped]
    assert np.unique(fixed, return_counts=True)[1].tolist() == [256 - 100 - 18, 16, 2]
    assert assignment.coin_flipped.sum() == 100
    assert set(assignment.repetitions[assignment.coin_flipped]) == {0, 1}


def test_every_candidate_is_equally_likely_to_go_in_and_coins_are_fair():
    rng = np.random.default_rng(2)
    plan = CanaryPlan(candidates=8, inserted=(InsertedGroup(repetitions=2, count=2),), coin_flips=2)
    drawn = [assign(plan, rng) for _ in range(4000)]
    twice = np.mean([a.repetitions == 2 for a in drawn], axis=0)
    heads = np.mean([a.repetitions[a.coin_flipped] for a in drawn])
    np.testing.assert_allclose(twice, 1 / 4, atol=0.03)
    assert heads == pytest.approx(1 / 2, abs=0.02)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"candidates": 18}, "leave at least one of 18 candidates out; got 118"),
        ({"candidates": True}, "candidates must be a whole number"),
        ({"inserted": (), "coin_flips": 0}, "must be >= 1"),
        ({"coin_flips": -1}, "coin_flips must be a whole number >= 0; got -1"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wrong, message):
    settings = {"candidates": 256, "inserted": PLAN.inserted, "coin_flips": 100}
    with pytest.raises(ConfigError, match=message):
        CanaryPlan(**{**settings, **wrong})


@pytest.mark.parametrize("wrong", [{"repetitions": 0}, {"count": 0}, {"count": 1.5}])
def test_a_group_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be a whole number >= 1"):
        InsertedGroup(**{"repetitions": 1, "count": 1, **wrong})
