"""From charges to a guarantee: epsilon by two accountants, calibration of the noise, the statement in words.

The accountants are dp_accounting's: privacy loss distributions (Koskela et al. 2020; Doroshenko et al. 2022)
and Renyi DP (Mironov 2017). Both are upper bounds, so the smaller one is valid, unless they contradict each
other: then the larger one is reported.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import dp_accounting
from dp_accounting import NeighboringRelation
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant

from dpcore.config import require_delta, require_positive, require_probability
from dpcore.errors import AccountingError, ConfigError
from dpcore.ledger import Charge, Ledger

# PLD is the tighter accountant. Its discretisation may put it above RDP by a hair; more is a fault.
_TOLERANCE = 0.02

# How much of a target a coarse search may leave unspent before a finer one is worth its time.
_SLACK = 0.01

_ADD_OR_REMOVE_ONE = NeighboringRelation.ADD_OR_REMOVE_ONE


@dataclass(frozen=True, kw_only=True)
class EpsilonBounds:
    """Two upper bounds on epsilon at one delta; infinite where nothing is guaranteed."""

    pld: float
    rdp: float

    @property
    def agree(self) -> bool:
        """Whether the bounds agree in direction: PLD at or below RDP, up to discretisation."""
        if math.isinf(self.pld) or math.isinf(self.rdp):
            return self.pld == self.rdp
        return self.pld <= self.rdp * (1 + _TOLERANCE) + 1e-3 and (self.pld > 0 or self.rdp < 0.1)

    @property
    def epsilon(self) -> float:
        """The tighter bound; the larger one where the two contradict each other."""
        return min(self.pld, self.rdp) if self.agree else max(self.pld, self.rdp)


def epsilon_bounds(ledger: Ledger, target_delta: float) -> EpsilonBounds:
    """Both bounds on what all charges of the ledger cost together.

    Raises:
      LedgerError: the ledger is empty or mixes adjacencies.
      AccountingError: an accountant does not support an event, or returns NaN or a negative number.
      ConfigError: ``target_delta`` outside (0, 1).
    """
    require_delta("target_delta", target_delta)
    relation = ledger.neighboring_relation
    return _bounds(ledger.event(), relation, target_delta)


def epsilon(ledger: Ledger, target_delta: float) -> float:
    """The epsilon at ``target_delta`` of all charges of the ledger; see :func:`epsilon_bounds`."""
    return epsilon_bounds(ledger, target_delta).epsilon


def dp_sgd_event(
    *, sampling_probability: float, noise_multiplier: float, steps: int
) -> dp_accounting.DpEvent:
    """The event of ``steps`` steps of DP-SGD with Poisson sampling."""
    require_probability("sampling_probability", sampling_probability)
    step = dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
    )
    return dp_accounting.SelfComposedDpEvent(step, steps)


def dp_sgd_epsilon(
    *, sampling_probability: float, noise_multiplier: float, steps: int, target_delta: float
) -> EpsilonBounds:
    """Both bounds for DP-SGD with Poisson sampling under add-or-remove-one."""
    require_delta("target_delta", target_delta)
    event = dp_sgd_event(
        sampling_probability=sampling_probability, noise_multiplier=noise_multiplier, steps=steps
    )
    return _bounds(event, _ADD_OR_REMOVE_ONE, target_delta)


def calibrate_noise(
    *, target_epsilon: float, target_delta: float, sampling_probability: float, steps: int
) -> float:
    """A noise multiplier for which DP-SGD costs at most ``target_epsilon``, and at least 99 % of it.

    The result is checked with the accountants that :func:`epsilon` uses, so the target is never exceeded.

    Raises:
      ConfigError: an argument breaks its rule.
      AccountingError: no noise multiplier reaches the target.
    """
    require_positive("target_epsilon", target_epsilon)
    require_delta("target_delta", target_delta)
    require_probability("sampling_probability", sampling_probability)
    if steps < 1:
        raise ConfigError(f"steps must be >= 1; got {steps!r}.")

    def event(noise_multiplier: float) -> dp_accounting.DpEvent:
        return dp_sgd_event(
            sampling_probability=sampling_probability, noise_multiplier=noise_multiplier, steps=steps
        )

    def cost(noise_multiplier: float) -> float:
        return float(_coarse_accountant().compose(event(noise_multiplier)).get_epsilon(target_delta))

    def search(
        accountant: Callable[[], PLDAccountant], bracket: dp_accounting.ExplicitBracketInterval
    ) -> float:
        found = dp_accounting.calibrate_dp_mechanism(
            accountant, event, target_epsilon, target_delta, bracket, tol=1e-4
        )
        return float(found)

    def spent(noise_multiplier: float) -> float:
        return _bounds(event(noise_multiplier), _ADD_OR_REMOVE_ONE, target_delta).epsilon

    try:
        found = search(_coarse_accountant, _bracket(cost, target_epsilon))
        if spent(found) < (1 - _SLACK) * target_epsilon:
            found = search(PLDAccountant, dp_accounting.ExplicitBracketInterval(0.7 * found, found))
    except ValueError as error:
        raise AccountingError(
            f"no noise multiplier gives epsilon={target_epsilon} at delta={target_delta} for {steps} steps "
            f"with sampling probability {sampling_probability}: {error}"
        ) from error
    while spent(found) > target_epsilon:
        found += 1e-4
    return found


def rounded_up(epsilon: float) -> str:
    """An epsilon for people to read, to three decimals: never less than what it is."""
    return "infinite" if math.isinf(epsilon) else f"{math.ceil(epsilon * 1000) / 1000:.10g}"


def statement(ledger: Ledger, target_delta: float) -> str:
    """The guarantee in words: adjacency, unit, sampling, what is released, and what is not covered."""
    bounds = epsilon_bounds(ledger, target_delta)
    reasons = sorted({charge.note or "a release without noise" for charge in _unbounded(ledger)})
    if math.isinf(bounds.epsilon):
        because = "; ".join(reasons) or "the noise is zero"
        return f"No differential privacy guarantee holds for this model: {because}."
    relation = {
        NeighboringRelation.ADD_OR_REMOVE_ONE: f"adding or removing one {ledger.privacy_unit}",
        NeighboringRelation.REPLACE_ONE: f"replacing one {ledger.privacy_unit} by another",
        NeighboringRelation.REPLACE_SPECIAL: f"blanking one {ledger.privacy_unit}",
    }[ledger.neighboring_relation]
    sentences = [
        f"The model is ({rounded_up(bounds.epsilon)}, {target_delta:.3g})-differentially private with "
        f"respect to {relation} of the training split.",
        " ".join(_mechanism(charge) for charge in _distinct(ledger)),
        "Released are the model's weights after every step. Not covered are metrics computed on the data "
        "(training loss, evaluation), the number of training examples, which is treated as public, and the "
        "choice of hyperparameters.",
    ]
    attempts = {charge.attempt for charge in ledger.charges}
    if len(attempts) > 1:
        sentences.append(f"The charges of {len(attempts) - 1} attempt(s) that did not finish are included.")
    sentences.extend(f"Declared public: {entry.what} ({entry.why})." for entry in ledger.declared_public)
    if ledger.seeded:
        sentences.append("The noise came from a fixed seed: this is a test run, not a private one.")
    return " ".join(sentences)


def _coarse_accountant() -> PLDAccountant:
    # Ten times faster than the default, and pessimistic: what it calibrates costs no more when it is
    # computed finely.
    return PLDAccountant(value_discretization_interval=1e-3)


def _bracket(cost: Callable[[float], float], target_epsilon: float) -> dp_accounting.ExplicitBracketInterval:
    low = high = 1.0
    while cost(high) > target_epsilon:
        low, high = high, 2 * high
        if high > 1e6:
            raise ValueError("the noise would exceed a million times the clip norm")
    while low == high or cost(low) <= target_epsilon:
        low, high = low / 2, low
        if low < 0.05:
            raise ValueError("the target is so large that the noise would be below 0.05 times the clip norm")
    return dp_accounting.ExplicitBracketInterval(low, high)


def _bounds(
    event: dp_accounting.DpEvent, relation: NeighboringRelation, target_delta: float
) -> EpsilonBounds:
    values = {}
    for name, kind in (("pld", PLDAccountant), ("rdp", RdpAccountant)):
        try:
            value = float(kind(neighboring_relation=relation).compose(event).get_epsilon(target_delta))
        except (dp_accounting.UnsupportedEventError, ValueError) as error:
            raise AccountingError(f"{kind.__name__} cannot account for this ledger: {error}") from error
        if math.isnan(value) or value < 0:
            raise AccountingError(f"{kind.__name__} returned epsilon={value!r}; it must be >= 0.")
        values[name] = value
    return EpsilonBounds(**values)


def _unbounded(ledger: Ledger) -> list[Charge]:
    return [c for c in ledger.charges if isinstance(c.event, dp_accounting.NonPrivateDpEvent)]


def _distinct(ledger: Ledger) -> list[Charge]:
    totals: dict[tuple[str, float | None], Charge] = {}
    for charge in ledger.charges:
        key = (repr(charge.event), charge.l2_norm_clip)
        before = totals[key].count if key in totals else 0
        totals[key] = Charge(
            event=charge.event,
            count=before + charge.count,
            attempt=charge.attempt,
            l2_norm_clip=charge.l2_norm_clip,
        )
    return list(totals.values())


def _mechanism(charge: Charge) -> str:
    event = charge.event
    if isinstance(event, dp_accounting.PoissonSampledDpEvent) and isinstance(
        event.event, dp_accounting.GaussianDpEvent
    ):
        return (
            f"{charge.count} steps of DP-SGD: each example enters a step independently with probability "
            f"{event.sampling_probability:.4g} (Poisson sampling), its gradient is clipped to L2 norm "
            f"{charge.l2_norm_clip:.4g}, and Gaussian noise of {event.event.noise_multiplier:.4g} times that "
            "norm is added to the sum."
        )
    return f"{charge.count} x {event}."
