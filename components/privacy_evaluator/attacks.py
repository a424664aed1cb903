"""From losses to the attacks in the report. Knows no model and no TFX."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from components.canary_injector.canary_set import CanarySet
from components.privacy_evaluator.report import Attacks, Exposure, LowerBound, Membership
from dpcore import audit, canaries
from dpcore.errors import ConfigError

_MAX_VALUES = 200
_DIGITS = 4
T = TypeVar("T")


def attack(
    member_losses: ArrayLike,
    nonmember_losses: ArrayLike,
    canary_losses: ArrayLike | None,
    canary_set: CanarySet | None,
    *,
    neighboring_relation: str | None,
    target_delta: float,
    confidence: float,
) -> Attacks:
    """Runs every attack that the losses allow. One that cannot be run becomes one of the ``problems``.

    Args:
      member_losses: [members] on rows of the training split, in random order.
      nonmember_losses: [nonmembers] on rows of the evaluation split, in random order.
      canary_losses: [candidates] on all canary candidates; None where there are no canaries.
      canary_set: what became of the candidates.
      neighboring_relation: the claimed adjacency; decides which audits apply.
      target_delta: where epsilon is bounded.
      confidence: of intervals and bounds.
    """
    problems: list[str] = []

    def tried(name: str, run: Callable[..., T], *arguments: Any, **options: Any) -> T | None:
        try:
            return run(*arguments, **options)
        except ConfigError as error:
            problems.append(f"{name}: {error}")
            return None

    rows = (member_losses, nonmember_losses)
    member = tried("membership inference", audit.membership_inference, *rows, confidence=confidence)
    options = {"delta": target_delta, "confidence": confidence}
    heuristic = tried("heuristic lower bound", audit.threshold_lower_bound, *rows, **options)
    groups: tuple[canaries.ExposureGroup, ...] = ()
    bound = None
    if canary_set is not None:
        repetitions = np.array([c.repetitions for c in canary_set.candidates])
        flipped = np.array([c.coin_flip for c in canary_set.candidates])
        groups = tried("exposure", canaries.exposures, canary_losses, repetitions) or ()
        losses = np.asarray(canary_losses, float)
        # Which audit is run depends on the plan and the adjacency alone, never on the losses.
        if groups and flipped.sum() >= 2 and neighboring_relation != "REPLACE_ONE":
            chosen = (losses[flipped], repetitions[flipped] > 0)
            bound = tried("lower bound", audit.coin_flip_lower_bound, *chosen, **options)
        elif groups and groups[0].repetitions == 1:
            bound = tried("lower bound", audit.rank_lower_bound, losses, repetitions, **options)
    return Attacks(
        exposure=tuple(_exposure(group) for group in groups),
        membership=_membership(member) if member else None,
        epsilon_lower_bound=_bound(bound) if bound else None,
        heuristic_lower_bound=_bound(heuristic) if heuristic else None,
        problems=tuple(problems),
    )


def _exposure(group: canaries.ExposureGroup) -> Exposure:
    values = np.sort(group.values)
    kept = values[np.linspace(0, values.size - 1, min(values.size, _MAX_VALUES)).astype(int)]
    return Exposure(
        repetitions=group.repetitions,
        canaries=values.size,
        median=group.median,
        mean=group.mean,
        max_possible=group.max_possible,
        values=tuple(round(float(value), _DIGITS) for value in kept),
    )


def _membership(result: audit.MembershipResult) -> Membership:
    return Membership(
        auc=min(1.0, result.auc),
        advantage=result.advantage,
        low=result.advantage_low,
        high=result.advantage_high,
        confidence=result.confidence,
        members=result.members,
        nonmembers=result.nonmembers,
        roc=tuple((round(fpr, _DIGITS), round(tpr, _DIGITS)) for fpr, tpr in result.roc),
    )


def _bound(bound: audit.EpsilonLowerBound) -> LowerBound:
    return LowerBound(value=bound.value, confidence=bound.confidence, method=bound.method)
