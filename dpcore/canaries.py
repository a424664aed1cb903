"""Canaries: made-up rows of which some go into the training data, and what the model remembers of them.

Candidates are drawn independently from one public distribution; chance alone decides which of them are
inserted, and how often. A model that remembers nothing treats inserted and held-out candidates alike, so
the rank of an inserted canary among the held-out ones measures memorisation: the *exposure* of Carlini et
al. 2019, "The Secret Sharer" (https://arxiv.org/abs/1802.08232, section 4).
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dpcore.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class InsertedGroup:
    """``count`` canaries that are each inserted ``repetitions`` times; both >= 1."""

    repetitions: int
    count: int

    def __post_init__(self) -> None:
        _require_whole("repetitions", self.repetitions, at_least=1)
        _require_whole("count", self.count, at_least=1)


@dataclass(frozen=True, kw_only=True)
class CanaryPlan:
    """How many candidates there are, and how many of them go in.

    Attributes:
      candidates: how many are drawn; the most bits that an exposure can show is log2 of those held out.
      inserted: the groups that are inserted for certain; which candidates they consist of is chance.
      coin_flips: further candidates of which each is inserted once if its own fair coin says so. Only
        these allow the one-run audit (:func:`dpcore.audit.coin_flip_lower_bound`).
    """

    candidates: int
    inserted: tuple[InsertedGroup, ...]
    coin_flips: int = 0

    def __post_init__(self) -> None:
        _require_whole("candidates", self.candidates, at_least=2)
        _require_whole("coin_flips", self.coin_flips, at_least=0)
        wanted = sum(group.count for group in self.inserted) + self.coin_flips
        if not 0 < wanted < self.candidates:
            raise ConfigError(
                "inserted canaries and coin_flips together must be >= 1 and leave at least one of "
                f"{self.candidates} candidates out; got {wanted}."
            )


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What became of every candidate, in candidate order.

    Attributes:
      repetitions: [candidates] how often each was inserted; 0 where it was held out.
      coin_flipped: [candidates] whether a fair coin decided.
    """

    repetitions: NDArray[np.int64]
    coin_flipped: NDArray[np.bool_]


def assign(plan: CanaryPlan, rng: np.random.Generator) -> Assignment:
    """Draws which candidates are inserted.

    Formal guarantees: every candidate is equally likely to have every fate, and the coins are fair and
    independent of each other and of everything else.
    """
    order = rng.permutation(plan.candidates)
    repetitions = np.zeros(plan.candidates, np.int64)
    coin_flipped = np.zeros(plan.candidates, np.bool_)
    start = 0
    for group in plan.inserted:
        repetitions[order[start : start + group.count]] = group.repetitions
        start += group.count
    flipped = order[start : start + plan.coin_flips]
    coin_flipped[flipped] = True
    repetitions[flipped] = rng.integers(0, 2, size=plan.coin_flips)
    return Assignment(repetitions=repetitions, coin_flipped=coin_flipped)


@dataclass(frozen=True, kw_only=True)
class ExposureGroup:
    """The exposures of all canaries that were inserted equally often.

    Attributes:
      repetitions: how often each was inserted.
      values: one exposure per canary, in bits.
      max_possible: the exposure of a canary that is ahead of every held-out candidate, in bits.
    """

    repetitions: int
    values: tuple[float, ...]
    max_possible: float

    @property
    def median(self) -> float:
        """The middle exposure, in bits."""
        return statistics.median(self.values)

    @property
    def mean(self) -> float:
        """The mean exposure, in bits."""
        return statistics.fmean(self.values)


def exposure(loss_of_canary: float, reference_losses: ArrayLike) -> float:
    """How far ahead of chance the model knows a canary: log2 |R| - log2 rank, in bits.

    R is the canary together with the candidates that did not go in (``reference_losses``, [held_out]); the
    rank is 1 for the smallest loss. Among equal losses it is the mean of the tied ranks, so a model that
    gives every candidate one loss shows log2(2n / (n + 1)), about 1 bit, and not the most possible.

    Raises:
      ConfigError: no reference, or a loss that is NaN or infinite.
    """
    reference = finite_losses("reference_losses", reference_losses)
    (loss,) = finite_losses("loss_of_canary", [loss_of_canary])
    ahead = int(np.count_nonzero(reference < loss))
    tied = int(np.count_nonzero(reference == loss))
    return math.log2(reference.size + 1) - math.log2(1 + ahead + tied / 2)


def exposures(losses: ArrayLike, repetitions: Sequence[int] | NDArray[np.int64]) -> tuple[ExposureGroup, ...]:
    """The exposure of every inserted canary among the held-out candidates, by repetition count.

    Args:
      losses: [candidates] the model's loss on each candidate.
      repetitions: [candidates] how often each was inserted; 0 where it was held out.

    Returns:
      One group per repetition count, fewest repetitions first.

    Raises:
      ConfigError: lengths differ, nothing was held out, or a loss is NaN or infinite.
    """
    values = finite_losses("losses", losses)
    counts = np.asarray(repetitions, np.int64)
    if counts.shape != values.shape:
        raise ConfigError(
            f"losses and repetitions must have one shape; got {values.shape} and {counts.shape}."
        )
    reference = values[counts == 0]
    if not reference.size:
        raise ConfigError("at least one candidate must be held out; got none.")
    return tuple(
        ExposureGroup(
            repetitions=int(count),
            values=tuple(exposure(loss, reference) for loss in values[counts == count]),
            max_possible=math.log2(reference.size + 1),
        )
        for count in np.unique(counts[counts > 0])
    )


def finite_losses(name: str, losses: ArrayLike) -> NDArray[np.float64]:
    """The losses as a non-empty vector of finite numbers.

    Raises:
      ConfigError: not one-dimensional, empty, NaN or infinite.
    """
    values = np.asarray(losses, np.float64)
    if values.ndim != 1 or not values.size:
        raise ConfigError(f"{name} must be a non-empty vector; got shape {values.shape}.")
    broken = np.flatnonzero(~np.isfinite(values))
    if broken.size:
        first = int(broken[0])
        raise ConfigError(
            f"{name} must be finite; got {float(values[first])!r} at index {first} ({broken.size} in all)."
        )
    return values


def _require_whole(name: str, value: int, *, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ConfigError(f"{name} must be a whole number >= {at_least}; got {value!r}.")
