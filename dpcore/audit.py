"""What an attacker learns from the losses of one trained model: membership, and a lower bound on epsilon.

Three statements of different strength:

===============================  ======================================================================
:func:`membership_inference`     how well a loss threshold tells training rows from others, with an interval
:func:`coin_flip_lower_bound`    provable: canaries that fair coins included (Steinke et al. 2023)
:func:`rank_lower_bound`         provable: the rank of canaries that were drawn at random from a pool
:func:`threshold_lower_bound`    heuristic: the threshold attack on real rows (Jagielski et al. 2020)
===============================  ======================================================================

A provable bound that exceeds the claimed epsilon means that the claim is wrong, up to the stated confidence.
A bound of 0 proves nothing: it is also what a weak attack finds on a leaky model.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray

from dpcore.canaries import finite_losses
from dpcore.config import require_delta
from dpcore.errors import ConfigError

_ROC_POINTS = 101
_LARGEST_EPSILON = 50.0
# Shares of the coin-flipped canaries on which a guess is risked. Fixed, so that no look at the result
# chooses among them; the error probability is shared out evenly.
_GUESSED_SHARES = (1 / 8, 1 / 2, 1.0)


@dataclass(frozen=True, kw_only=True)
class MembershipResult:
    """The loss-threshold attack of Yeom et al. 2018 (https://arxiv.org/abs/1709.01604).

    Attributes:
      auc: probability that a random member has a smaller loss than a random non-member (ties count half).
      advantage: true minus false positive rate of the attack on the half that did not choose its threshold.
      advantage_low, advantage_high: interval that holds this attack's advantage with ``confidence``.
      threshold: rows with a loss at or below it are called members.
      confidence: of the interval.
      roc: (false positive rate, true positive rate) over all thresholds, at most 101 points.
    """

    auc: float
    advantage: float
    advantage_low: float
    advantage_high: float
    threshold: float
    confidence: float
    members: int
    nonmembers: int
    roc: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class EpsilonLowerBound:
    """An audited lower bound on epsilon: 0 where nothing could be shown.

    Attributes:
      value: with probability ``confidence``, epsilon at the delta that was asked for is at least this.
      provable: whether that follows from how the canaries were drawn, or only under further assumptions.
      method: how it was found, in words.
    """

    value: float
    confidence: float
    provable: bool
    method: str


def membership_inference(
    member_losses: ArrayLike, nonmember_losses: ArrayLike, *, confidence: float = 0.95
) -> MembershipResult:
    """Attacks membership by a threshold on the loss.

    Every other row (in the order given, which must not depend on the loss) chooses the threshold with the
    largest advantage; the rest measures it, with Clopper-Pearson intervals for both rates that hold together
    with ``confidence``. So the interval is not flattered by choosing and measuring on the same rows. It
    speaks of this model and this attack; a stronger attack may do better.

    Args:
      member_losses: [members] losses of rows that were trained on.
      nonmember_losses: [nonmembers] losses of rows that were not.
      confidence: of the interval, in (0, 1).

    Raises:
      ConfigError: fewer than two rows on either side, or a loss that is NaN or infinite.
    """
    require_delta("confidence", confidence)
    members = _at_least_two("member_losses", member_losses)
    nonmembers = _at_least_two("nonmember_losses", nonmember_losses)
    threshold, caught, alarms = _held_out_attack(members, nonmembers)
    error = (1 - confidence) / 2
    tpr_low, tpr_high = _clopper_pearson(caught, error)
    fpr_low, fpr_high = _clopper_pearson(alarms, error)
    fpr, tpr = _roc(members, nonmembers)
    return MembershipResult(
        auc=float(np.trapezoid(tpr, fpr)),
        advantage=float(caught.mean() - alarms.mean()),
        advantage_low=tpr_low - fpr_high,
        advantage_high=tpr_high - fpr_low,
        threshold=threshold,
        confidence=confidence,
        members=members.size,
        nonmembers=nonmembers.size,
        roc=_thin_out(fpr, tpr),
    )


def threshold_lower_bound(
    member_losses: ArrayLike, nonmember_losses: ArrayLike, *, delta: float, confidence: float = 0.95
) -> EpsilonLowerBound:
    """Heuristic lower bound on epsilon: log((TPR - delta) / FPR), with both rates taken cautiously.

    An (epsilon, delta)-private model admits no attack with TPR > e^epsilon FPR + delta (Kairouz et al. 2015),
    nor one with 1 - FPR > e^epsilon (1 - TPR) + delta; the rates are bounded as in Jagielski et al. 2020
    (https://arxiv.org/abs/2006.07709) and Nasr et al. 2021 (https://arxiv.org/abs/2101.04535), on rows that
    did not choose the threshold.

    Not provable here: the intervals treat members as independent trials, but the members of one model share
    it, and rows that were split by a hash of a person may differ in more than membership.
    """
    require_delta("delta", delta)
    require_delta("confidence", confidence)
    members = _at_least_two("member_losses", member_losses)
    nonmembers = _at_least_two("nonmember_losses", nonmember_losses)
    _, caught, alarms = _held_out_attack(members, nonmembers)
    # Two one-sided bounds, each of which fails with probability (1 - confidence) / 2.
    tpr_low, _ = _clopper_pearson(caught, 1 - confidence)
    _, fpr_high = _clopper_pearson(alarms, 1 - confidence)
    quotients = ((tpr_low - delta) / fpr_high, (1 - fpr_high - delta) / (1 - tpr_low))
    return EpsilonLowerBound(
        value=max(0.0, *(math.log(quotient) for quotient in quotients if quotient > 0)),
        confidence=confidence,
        provable=False,
        method=(
            "loss threshold on training and evaluation rows, Clopper-Pearson (Jagielski et al. 2020); "
            "heuristic: rows of one model are not independent trials"
        ),
    )


def coin_flip_lower_bound(
    losses: ArrayLike, included: ArrayLike, *, delta: float, confidence: float = 0.95
) -> EpsilonLowerBound:
    """Provable lower bound on epsilon from one training run: Steinke et al. 2023, "Privacy Auditing with One
    (1) Training Run" (https://arxiv.org/abs/2305.08846), with the p-value of its appendix D.

    The candidates with the smallest losses are guessed to be in, those with the largest to be out, at three
    fixed numbers of guesses among which the error probability is shared out.

    Formal guarantees: if the training is (epsilon, delta)-private when one canary is added or removed, and
    every entry of ``included`` was an independent fair coin, then the returned value exceeds epsilon with
    probability at most 1 - ``confidence``. It says nothing under replace-one adjacency.

    Args:
      losses: [coin_flips] the model's losses on the coin-flipped candidates, and on no others.
      included: [coin_flips] whether each was inserted (once).

    Raises:
      ConfigError: fewer than two candidates, lengths differ, or a loss that is NaN or infinite.
    """
    require_delta("delta", delta)
    require_delta("confidence", confidence)
    values = _at_least_two("losses", losses)
    truth = np.asarray(included, np.bool_)
    if truth.shape != values.shape:
        raise ConfigError(f"losses and included must have one shape; got {values.shape} and {truth.shape}.")
    ascending = truth[np.argsort(values, kind="stable")]
    error = (1 - confidence) / len(_GUESSED_SHARES)
    bounds = []
    for share in _GUESSED_SHARES:
        each = max(1, int(values.size * share / 2))
        right = int(ascending[:each].sum() + (~ascending[-each:]).sum())
        bounds.append(_largest_refuted(values.size, 2 * each, right, delta, error))
    return EpsilonLowerBound(
        value=max(bounds),
        confidence=confidence,
        provable=True,
        method=f"{values.size} coin-flipped canaries in one run (Steinke et al. 2023)",
    )


def rank_lower_bound(
    losses: ArrayLike, repetitions: ArrayLike, *, delta: float, confidence: float = 0.95
) -> EpsilonLowerBound:
    """Provable lower bound on epsilon from the ranks of the canaries that were inserted once.

    Formal guarantees: if the training is (epsilon, delta)-private for one canary added, removed, replaced or
    blanked, and the inserted canaries were drawn uniformly from the candidates, then the returned value
    exceeds epsilon with probability at most 1 - ``confidence``.

    Proof. Fix all other inserted canaries. The canary i is uniform among N: itself and the N - 1 held out.
    Let A_i be the models that rank i at r or better (ties count against it); every model lies in at most r
    of the A_i. With D_i the data with i and D a common neighbour, P[rank <= r] = mean_i P[M(D_i) in A_i] <=
    mean_i (e^epsilon P[M(D) in A_i] + delta) <= e^epsilon r / N + delta, which is a p-value. (Under
    replace-one, every D_k is a neighbour of D_i: average over k.) Those of several canaries depend on each
    other through the model; K / k times the k-th smallest of K is a p-value under any dependence (Rueger
    1978; Vovk and Wang 2020, https://arxiv.org/abs/1212.4966), here for the median.

    Args:
      losses: [candidates] the model's loss on each candidate.
      repetitions: [candidates] how often each was inserted; 0 where it was held out.

    Raises:
      ConfigError: nothing was inserted once or held out, or a loss that is NaN or infinite.
    """
    require_delta("delta", delta)
    require_delta("confidence", confidence)
    values = finite_losses("losses", losses)
    counts = np.asarray(repetitions, np.int64)
    if counts.shape != values.shape:
        raise ConfigError(
            f"losses and repetitions must have one shape; got {values.shape} and {counts.shape}."
        )
    reference = np.sort(values[counts == 0])
    once = values[counts == 1]
    if not once.size or not reference.size:
        raise ConfigError(
            "at least one canary must be inserted exactly once and one held out; "
            f"got {once.size} and {reference.size}."
        )
    ranks = np.sort(1 + np.searchsorted(reference, once, side="right"))
    middle = once.size // 2
    error = (1 - confidence) * (middle + 1) / once.size
    quotient = (error - delta) * (reference.size + 1) / int(ranks[middle])
    return EpsilonLowerBound(
        value=max(0.0, math.log(quotient)) if quotient > 0 else 0.0,
        confidence=confidence,
        provable=True,
        method=f"ranks of {once.size} canaries inserted once among {reference.size} held out",
    )


def _at_least_two(name: str, losses: ArrayLike) -> NDArray[np.float64]:
    values = finite_losses(name, losses)
    if values.size < 2:
        raise ConfigError(f"{name} must hold at least 2 rows; got {values.size}.")
    return values


def _held_out_attack(
    members: NDArray[np.float64], nonmembers: NDArray[np.float64]
) -> tuple[float, NDArray[np.bool_], NDArray[np.bool_]]:
    """The threshold that even rows choose, and which odd members and non-members it calls members."""
    thresholds = np.unique(np.concatenate([members[::2], nonmembers[::2]]))
    tpr, fpr = (_share_at_or_below(rows[::2], thresholds) for rows in (members, nonmembers))
    threshold = float(thresholds[np.argmax(tpr - fpr)])
    return threshold, members[1::2] <= threshold, nonmembers[1::2] <= threshold


def _share_at_or_below(values: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.searchsorted(np.sort(values), thresholds, side="right") / values.size


def _clopper_pearson(outcomes: NDArray[np.bool_], error: float) -> tuple[float, float]:
    """Two-sided interval for the rate of true outcomes that misses it with probability at most ``error``."""
    total, hits = outcomes.size, int(outcomes.sum())
    low = float(scipy.stats.beta.ppf(error / 2, hits, total - hits + 1)) if hits else 0.0
    high = float(scipy.stats.beta.ppf(1 - error / 2, hits + 1, total - hits)) if hits < total else 1.0
    return low, high


def _roc(
    members: NDArray[np.float64], nonmembers: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    thresholds = np.unique(np.concatenate([members, nonmembers]))
    fpr = np.concatenate([[0.0], _share_at_or_below(nonmembers, thresholds)])
    tpr = np.concatenate([[0.0], _share_at_or_below(members, thresholds)])
    return fpr, tpr


def _thin_out(fpr: NDArray[np.float64], tpr: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """At most 101 points of the curve, evenly spaced along it; the first and the last are kept."""
    along = fpr + tpr
    places = np.searchsorted(along, np.linspace(0.0, along[-1], min(_ROC_POINTS, along.size)))
    kept = np.unique(np.clip(places, 0, along.size - 1))
    return tuple((float(fpr[i]), float(tpr[i])) for i in kept)


def _largest_refuted(canaries: int, guesses: int, right: int, delta: float, error: float) -> float:
    """The largest epsilon under which so many right guesses are less likely than ``error``."""

    def refuted(epsilon: float) -> bool:
        return _guessing_p_value(canaries, guesses, right, epsilon, delta) < error

    return _bisect(refuted) if refuted(0.0) else 0.0


def _bisect(holds: Callable[[float], bool]) -> float:
    low, high = 0.0, _LARGEST_EPSILON
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _guessing_p_value(canaries: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """Steinke et al. 2023, appendix D: an upper bound on P[at least ``right`` of ``guesses`` are right]."""
    accuracy = 1 / (1 + math.exp(-epsilon))
    tail = float(scipy.stats.binom.sf(right - 1, guesses, accuracy))
    if not right:
        return 1.0
    below = np.cumsum(scipy.stats.binom.pmf(np.arange(right - 1, -1, -1), guesses, accuracy))
    slack = float(np.max(below / np.arange(1, right + 1), initial=0.0))
    return min(1.0, tail + 2 * canaries * delta * slack)
