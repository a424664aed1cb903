import math

import dp_accounting
import numpy as np
import pytest
from dp_accounting.pld import PLDAccountant

from dpcore.audit import (
    coin_flip_lower_bound,
    membership_inference,
    rank_lower_bound,
    threshold_lower_bound,
)
from dpcore.errors import ConfigError

DELTA = 1e-5


def gaussian_epsilon(noise_multiplier: float) -> float:
    accountant = PLDAccountant().compose(dp_accounting.GaussianDpEvent(noise_multiplier))
    return float(accountant.get_epsilon(DELTA))


def randomized_response(included, epsilon, rng):
    """Losses 0 or 1: the truth about each canary, flipped with probability 1 / (1 + e^epsilon)."""
    lie = rng.random(included.shape) < 1 / (1 + math.exp(epsilon))
    return 1.0 - (included ^ lie)


def noisy_sum(counts, noise_multiplier, rng):
    """Minus a sum of one-hot rows with Gaussian noise: (epsilon, delta)-DP as the accountant says."""
    return -(counts + noise_multiplier * rng.normal(size=counts.shape))


class TestMembershipInference:
    def test_a_model_that_knows_its_members_is_caught(self):
        rng = np.random.default_rng(0)
        result = membership_inference(rng.normal(0, 1, 2000), rng.normal(2, 1, 2000))
        assert result.auc == pytest.approx(0.921, abs=0.01)
        assert result.advantage == pytest.approx(0.683, abs=0.04)
        assert result.advantage_low < 0.683 < result.advantage_high
        assert result.threshold == pytest.approx(1, abs=0.4)

    def test_a_constant_model_gives_nothing_away(self):
        result = membership_inference(np.zeros(100), np.zeros(80))
        assert (result.auc, result.advantage) == (0.5, 0.0)
        assert result.advantage_low < 0 < result.advantage_high
        assert result.roc == ((0.0, 0.0), (1.0, 1.0))

    def test_the_interval_holds_as_often_as_it_says_and_a_smaller_one_does_not(self):
        rng = np.random.default_rng(1)
        caught = {0.95: 0, 0.05: 0}
        for _ in range(200):
            members, others = rng.normal(0, 1, 200), rng.normal(1, 1, 200)
            for confidence in caught:
                result = membership_inference(members, others, confidence=confidence)
                true = (math.erf(result.threshold / 2**0.5) - math.erf((result.threshold - 1) / 2**0.5)) / 2
                caught[confidence] += result.advantage_low <= true <= result.advantage_high
        assert caught[0.95] >= 190
        assert caught[0.05] < 170

    def test_the_best_threshold_of_chance_does_not_count_as_advantage(self):
        rng = np.random.default_rng(2)
        results = [membership_inference(rng.normal(size=40), rng.normal(size=40)) for _ in range(200)]
        assert np.mean([result.advantage for result in results]) == pytest.approx(0, abs=0.03)

    def test_the_curve_is_thinned_out_and_keeps_its_ends(self):
        rng = np.random.default_rng(3)
        result = membership_inference(rng.normal(size=5000), rng.normal(size=5000))
        assert len(result.roc) <= 101
        assert (result.roc[0], result.roc[-1]) == ((0.0, 0.0), (1.0, 1.0))
        assert list(result.roc) == sorted(result.roc)

    @pytest.mark.parametrize(
        ("members", "others", "message"),
        [
            ([1.0], [1.0, 2.0], "member_losses must hold at least 2 rows; got 1"),
            ([1.0, 2.0], [], "nonmember_losses must be a non-empty vector"),
            ([1.0, math.nan], [1.0, 2.0], "member_losses must be finite; got nan at index 1"),
            ([1.0, 2.0], [math.inf, 2.0], "nonmember_losses must be finite; got inf"),
        ],
    )
    def test_losses_that_mean_nothing_are_refused(self, members, others, message):
        with pytest.raises(ConfigError, match=message):
            membership_inference(members, others)


class TestCoinFlipLowerBound:
    @pytest.mark.parametrize("epsilon", [0.0, 1.0, 3.0])
    def test_it_rarely_exceeds_the_epsilon_of_randomized_response(self, epsilon):
        rng = np.random.default_rng(4)
        included = rng.random((200, 256)) < 0.5
        bounds = [
            coin_flip_lower_bound(randomized_response(row, epsilon, rng), row, delta=DELTA).value
            for row in included
        ]
        assert np.mean(np.array(bounds) > epsilon) <= 0.05 + 0.03
        assert max(bounds) > epsilon / 3

    def test_a_bound_for_less_confidence_would_exceed_it_often(self):
        rng = np.random.default_rng(5)
        included = rng.random((200, 256)) < 0.5
        bounds = [
            coin_flip_lower_bound(randomized_response(row, 1.0, rng), row, delta=DELTA, confidence=0.05).value
            for row in included
        ]
        assert np.mean(np.array(bounds) > 1.0) > 0.2

    @pytest.mark.parametrize("noise_multiplier", [0.5, 1.0])
    def test_it_stays_below_the_epsilon_of_the_gaussian_mechanism(self, noise_multiplier):
        rng = np.random.default_rng(6)
        included = rng.random((100, 256)) < 0.5
        bounds = [
            coin_flip_lower_bound(noisy_sum(row, noise_multiplier, rng), row, delta=DELTA).value
            for row in included
        ]
        assert np.mean(np.array(bounds) > gaussian_epsilon(noise_multiplier)) <= 0.05
        assert min(bounds) > 0

    def test_no_privacy_at_all_is_shown_up_to_what_the_number_of_canaries_can_show(self):
        included = np.arange(256) % 2 == 0
        bound = coin_flip_lower_bound(1.0 - included, included, delta=DELTA)
        assert bound.value == pytest.approx(4.1, abs=0.2)
        assert bound.provable

    def test_the_slack_for_delta_lowers_the_bound(self):
        included = np.arange(256) % 2 == 0
        values = [coin_flip_lower_bound(1.0 - included, included, delta=d).value for d in (1e-9, 1e-4, 0.5)]
        assert values == sorted(values, reverse=True)
        assert values[-1] == 0

    def test_it_refuses_what_it_cannot_pair(self):
        with pytest.raises(ConfigError, match="must have one shape"):
            coin_flip_lower_bound([1.0, 2.0], [True], delta=DELTA)
        with pytest.raises(ConfigError, match="losses must be finite"):
            coin_flip_lower_bound([1.0, math.nan], [True, False], delta=DELTA)


class TestRankLowerBound:
    def counts(self, rng, inserted, candidates=512):
        counts = np.zeros(candidates, np.int64)
        counts[rng.choice(candidates, inserted, replace=False)] = 1
        return counts

    def test_it_is_tight_for_one_canary(self):
        """The mechanism names one candidate: the right one with the largest odds that epsilon allows."""
        rng = np.random.default_rng(7)
        epsilon, candidates, exceeded, loose = 3.0, 512, 0, 0
        right = math.exp(epsilon) / (candidates - 1 + math.exp(epsilon))
        for _ in range(2000):
            counts = self.counts(rng, 1)
            others = np.flatnonzero(counts == 0)
            named = int(counts.argmax()) if rng.random() < right else int(rng.choice(others))
            losses = rng.permutation(candidates) + 1.0
            losses[named] = 0.0
            exceeded += rank_lower_bound(losses, counts, delta=1e-9, confidence=0.95).value > epsilon
            loose += rank_lower_bound(losses, counts, delta=1e-9, confidence=0.05).value > epsilon
        assert exceeded / 2000 <= 0.05 + 0.015
        assert loose / 2000 > 0.05 + 0.015

    @pytest.mark.parametrize("inserted", [1, 2, 16])
    @pytest.mark.parametrize("noise_multiplier", [0.7, 2.0])
    def test_it_stays_below_the_epsilon_of_the_gaussian_mechanism(self, inserted, noise_multiplier):
        rng = np.random.default_rng(8)
        bounds = []
        for _ in range(200):
            counts = self.counts(rng, inserted)
            bounds.append(
                rank_lower_bound(noisy_sum(counts, noise_multiplier, rng), counts, delta=DELTA).value
            )
        assert np.mean(np.array(bounds) > gaussian_epsilon(noise_multiplier)) <= 0.05

    def test_no_privacy_at_all_is_shown(self):
        counts = self.counts(np.random.default_rng(9), 16, candidates=1024)
        bound = rank_lower_bound(1.0 - counts, counts, delta=DELTA)
        assert bound.value == pytest.approx(math.log((0.05 * 9 / 16 - DELTA) * 1009))
        assert bound.provable

    def test_a_constant_model_shows_nothing(self):
        counts = self.counts(np.random.default_rng(10), 16)
        assert rank_lower_bound(np.zeros(512), counts, delta=DELTA).value == 0

    def test_it_needs_canaries_that_were_inserted_once(self):
        with pytest.raises(ConfigError, match="exactly once and one held out; got 0 and 1"):
            rank_lower_bound([0.0, 1.0], [2, 0], delta=DELTA)


class TestThresholdLowerBound:
    def test_it_shows_a_strong_leak(self):
        rng = np.random.default_rng(11)
        bound = threshold_lower_bound(rng.normal(0, 1, 4000), rng.normal(5, 1, 4000), delta=DELTA)
        assert bound.value > 3
        assert not bound.provable

    def test_it_sees_members_that_are_never_missed(self):
        rng = np.random.default_rng(12)
        members, others = np.zeros(4000), np.where(rng.random(4000) < 0.5, 0.0, 1.0)
        assert threshold_lower_bound(members, others, delta=DELTA).value > 4

    def test_it_rarely_exceeds_epsilon_where_rows_are_independent(self):
        rng = np.random.default_rng(13)
        epsilon = 1.0
        lie = 1 / (1 + math.exp(epsilon))
        bounds = [
            threshold_lower_bound(rng.random(400) < lie, rng.random(400) >= lie, delta=DELTA).value
            for _ in range(300)
        ]
        assert np.mean(np.array(bounds) > epsilon) <= 0.05
        assert max(bounds) > 0.5

    def test_chance_shows_next_to_nothing(self):
        rng = np.random.default_rng(14)
        assert threshold_lower_bound(rng.normal(size=2000), rng.normal(size=2000), delta=DELTA).value < 0.1
