"""From the text of a ledger to the guarantee in the report. What cannot be read guarantees nothing."""

from collections.abc import Iterable
from typing import Any

import dp_accounting

from components.dp_trainer.steps import dp_sgd_steps
from components.privacy_evaluator.report import Declaration, Guarantee, Mechanism, to_epsilon
from dpcore import accounting, ledger
from dpcore.errors import DpError
from dpcore.ledger import Ledger


def guarantee(ledger_text: str | None, target_delta: float) -> Guarantee:
    """What a ledger proves at ``target_delta``. Never raises over a ledger; in doubt epsilon is infinite.

    Args:
      ledger_text: the ledger as JSON lines; None where there is none.
      target_delta: in (0, 1).
    """
    if ledger_text is None:
        return _nothing(target_delta, "the ledger is missing")
    try:
        return _proved(ledger.loads(ledger_text), target_delta)
    except Exception as error:
        return _nothing(target_delta, f"the ledger proves nothing: {_why(error)}")


def _proved(found: Ledger, target_delta: float) -> Guarantee:
    bounds = accounting.epsilon_bounds(found, target_delta)
    reasons = sorted(
        {
            charge.note or "a release without noise"
            for charge in found.charges
            if isinstance(charge.event, dp_accounting.NonPrivateDpEvent)
        }
    )
    if to_epsilon(bounds.epsilon) == "infinite" and not reasons:
        reasons = ["the noise that was charged bounds nothing"]
    return Guarantee(
        epsilon=to_epsilon(bounds.epsilon),
        epsilon_pld=to_epsilon(bounds.pld),
        epsilon_rdp=to_epsilon(bounds.rdp),
        accountants_agree=bounds.agree,
        neighboring_relation=found.neighboring_relation.name,
        privacy_unit=found.privacy_unit,
        statement=accounting.statement(found, target_delta),
        nonprivate_reasons=tuple(reasons),
        **_facts(found, target_delta),
    )


def _nothing(target_delta: float, reason: str) -> Guarantee:
    reason = reason.rstrip(".")
    return Guarantee(
        epsilon="infinite",
        epsilon_pld="infinite",
        epsilon_rdp="infinite",
        accountants_agree=True,
        neighboring_relation=None,
        privacy_unit=None,
        statement=f"No differential privacy guarantee holds for this model: {reason}.",
        nonprivate_reasons=(reason,),
        **_facts(Ledger(), target_delta),
    )


def _facts(found: Ledger, target_delta: float) -> dict[str, Any]:
    mechanisms = _mechanisms(found)
    return {
        "target_delta": target_delta,
        "noise_multiplier": _only({m.noise_multiplier for m in mechanisms}),
        "l2_norm_clip": _only({m.l2_norm_clip for m in mechanisms}),
        "sampling_probability": _only({m.sampling_probability for m in mechanisms}),
        "steps": sum(m.steps for m in mechanisms),
        "mechanisms": mechanisms,
        "seeded": found.seeded,
        "declared_public": tuple(Declaration(what=d.what, why=d.why) for d in found.declared_public),
        "attempts": len({charge.attempt for charge in found.charges}),
    }


def _mechanisms(found: Ledger) -> tuple[Mechanism, ...]:
    steps: dict[tuple[float, float, float | None], int] = {}
    for charge in dp_sgd_steps(found):
        event = charge.event
        key = (event.sampling_probability, event.event.noise_multiplier, charge.l2_norm_clip)
        steps[key] = steps.get(key, 0) + charge.count
    return tuple(
        Mechanism(steps=count, sampling_probability=q, noise_multiplier=noise, l2_norm_clip=clip)
        for (q, noise, clip), count in steps.items()
    )


def _only(values: Iterable[Any]) -> Any:
    found = list(values)
    return found[0] if len(found) == 1 else None


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, DpError) else type(error).__name__
