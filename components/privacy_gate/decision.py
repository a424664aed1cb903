"""The gate's decision: a plain function of what is known about a model. It fails closed.

Whatever is missing, cut short, not a number or contradictory refuses, with the reason in words.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from components.documents import DocumentError
from components.pii.report import Report as ScrubReport
from components.privacy_evaluator.report import LowerBound, PrivacyReport, to_number
from components.privacy_gate.policy import GatePolicy


@dataclass(frozen=True)
class Finding:
    """One rule: whether it holds, and that in words."""

    holds: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Blessed if nothing refuses.

    Attributes:
      refusals: the rules that do not hold.
      checks: the rules that do.
    """

    refusals: tuple[str, ...]
    checks: tuple[str, ...]

    @property
    def blessed(self) -> bool:
        """Whether the model may be pushed: something was checked, and nothing refuses."""
        return bool(self.checks) and not self.refusals

    def to_json(self) -> str:
        """The decision as JSON text."""
        return json.dumps(
            {"blessed": self.blessed, "refusals": self.refusals, "checks": self.checks},
            indent=2,
            ensure_ascii=False,
        )


def decide(
    report_text: str | None,
    scrub_report_text: str | None,
    evaluation_blessed: bool | None,
    policy: GatePolicy,
    *,
    model_digest: str | None = None,
) -> Decision:
    """Decides whether a model may be pushed.

    Args:
      report_text: its privacy report as JSON; None where there is none.
      scrub_report_text: the scrub report of its data as JSON; None where there is none.
      evaluation_blessed: the Evaluator's blessing; None where there is none.
      policy: what must hold.
      model_digest: of the model that would be pushed; None where it is not known.
    """
    findings = [
        *_report_findings(report_text, policy, model_digest),
        *_scrub_findings(scrub_report_text, policy),
        *_evaluation_findings(evaluation_blessed, policy),
    ]
    return Decision(
        refusals=tuple(finding.text for finding in findings if not finding.holds),
        checks=tuple(finding.text for finding in findings if finding.holds),
    )


def _report_findings(text: str | None, policy: GatePolicy, model_digest: str | None) -> Iterator[Finding]:
    if text is None:
        yield Finding(False, "The privacy report is missing.")
        return
    try:
        report = PrivacyReport.from_json(text, source="The privacy report")
    except DocumentError as error:
        yield Finding(False, str(error))
        return
    if model_digest is not None:
        yield _model(report, model_digest)
    yield _epsilon(report, policy)
    yield _delta(report, policy)
    yield _adjacency(report, policy)
    yield _seed(report)
    yield _accountants(report)
    yield from _lower_bounds(report)
    yield from _declared_public(report, policy)
    if policy.max_exposure is not None:
        yield _exposure(report, policy.max_exposure)
    if policy.max_membership_advantage is not None:
        yield _membership(report, policy.max_membership_advantage)
    yield from (Finding(False, f"An attack could not be run: {problem}") for problem in report.problems)


def _model(report: PrivacyReport, model_digest: str) -> Finding:
    holds = report.model_digest == model_digest
    return Finding(
        holds,
        "The privacy report is about the model that would be pushed."
        if holds
        else "The privacy report must be about the model that would be pushed; it is about another one.",
    )


def _epsilon(report: PrivacyReport, policy: GatePolicy) -> Finding:
    if report.epsilon == "infinite":
        reasons = "; ".join(report.nonprivate_reasons) or "nothing bounds it"
        return Finding(False, f"Epsilon must be at most {policy.max_epsilon:g}; got infinite: {reasons}.")
    return _at_most("Epsilon", report.epsilon, policy.max_epsilon)


def _delta(report: PrivacyReport, policy: GatePolicy) -> Finding:
    return _at_most("The delta of the guarantee", report.target_delta, policy.at_delta)


def _adjacency(report: PrivacyReport, policy: GatePolicy) -> Finding:
    found = report.neighboring_relation
    if found == policy.adjacency and report.privacy_unit:
        return Finding(True, f"Adjacency is {found}; the privacy unit is one {report.privacy_unit}.")
    return Finding(
        False,
        f"Adjacency must be {policy.adjacency} with a named privacy unit; got {found or 'none'} "
        f"with {report.privacy_unit or 'none'}.",
    )


def _seed(report: PrivacyReport) -> Finding:
    if report.seeded:
        return Finding(
            False, "Noise must come from the operating system; it came from a fixed seed, as in a test."
        )
    return Finding(True, "The noise came from the operating system.")


def _accountants(report: PrivacyReport) -> Finding:
    bounds = f"PLD {to_number(report.epsilon_pld):.4g}, RDP {to_number(report.epsilon_rdp):.4g}"
    if report.accountants_agree:
        return Finding(True, f"The accountants agree: {bounds}.")
    return Finding(False, f"The accountants must agree; they contradict each other: {bounds}.")


def _lower_bounds(report: PrivacyReport) -> Iterator[Finding]:
    for bound in (report.epsilon_lower_bound, report.heuristic_lower_bound):
        if bound is not None:
            yield _lower_bound(to_number(report.epsilon), bound)


def _lower_bound(claimed: float, bound: LowerBound) -> Finding:
    audited = (
        f"audited to be at least {bound.value:.3g} with {bound.confidence:.0%} confidence ({bound.method})"
    )
    if claimed >= bound.value:
        return Finding(True, f"Epsilon is {audited}, which does not contradict the claim.")
    return Finding(False, f"Epsilon is claimed to be {claimed:.3g}, but {audited}.")


def _declared_public(report: PrivacyReport, policy: GatePolicy) -> Iterator[Finding]:
    allowed = ", ".join(policy.allow_declared_public) or "nothing"
    for entry in report.declared_public:
        if entry.what in policy.allow_declared_public:
            yield Finding(True, f"{entry.what} was declared public ({entry.why}), as the policy allows.")
        else:
            yield Finding(
                False, f"Only {allowed} may be declared public; {entry.what} was, too ({entry.why})."
            )


def _exposure(report: PrivacyReport, limit: float) -> Finding:
    once = next((group for group in report.exposure if group.repetitions == 1), None)
    if once is None:
        return Finding(
            False, f"Exposure must be at most {limit:g} bits; no canary was inserted once, so it is unknown."
        )
    if once.max_possible <= limit:
        return Finding(
            False,
            f"Exposure must be at most {limit:g} bits; with so few candidates it cannot show more than "
            f"{once.max_possible:.3g}. Draw more.",
        )
    return _at_most("The median exposure of canaries inserted once, in bits,", once.median, limit)


def _membership(report: PrivacyReport, limit: float) -> Finding:
    if report.membership is None:
        return Finding(False, f"Membership advantage must be at most {limit:g}; it was not measured.")
    return _at_most("The membership advantage (upper end of its interval)", report.membership.high, limit)


def _scrub_findings(text: str | None, policy: GatePolicy) -> Iterator[Finding]:
    if text is None:
        if policy.max_residual_share is not None:
            yield Finding(False, "The scrub report is missing, and the policy limits what it reports.")
        return
    try:
        report = ScrubReport.from_json(text, source="The scrub report")
    except DocumentError as error:
        yield Finding(False, str(error))
        return
    if report.rows_in != report.rows_out + report.rows_rejected or not report.rows_out:
        yield Finding(
            False,
            "The scrub report must account for every row, and some must be left; got "
            f"{report.rows_in} in, {report.rows_out} out, {report.rows_rejected} rejected.",
        )
    elif policy.max_residual_share is not None:
        yield _at_most("Residual findings per scrubbed row", report.residual_share, policy.max_residual_share)


def _evaluation_findings(blessed: bool | None, policy: GatePolicy) -> Iterator[Finding]:
    if blessed is None and not policy.require_evaluation_blessing:
        return
    words = {True: "blessed", False: "not blessed", None: "without a blessing"}[blessed]
    if blessed:
        yield Finding(True, "The Evaluator blessed the model.")
    else:
        yield Finding(False, f"The Evaluator must bless the model; it left it {words}.")


def _at_most(name: str, value: float, limit: float) -> Finding:
    # Not `value > limit`: NaN must fail.
    if value <= limit:
        return Finding(True, f"{name} is {_shown(value, limit)}; at most {limit:g} is allowed.")
    return Finding(False, f"{name} must be at most {limit:g}; got {_shown(value, limit)}.")


def _shown(value: float, limit: float) -> str:
    """Few digits, unless more are needed to tell the value from the limit."""
    few = f"{value:.4g}"
    return f"{value:.12g}" if few == f"{limit:.4g}" and value != limit else few
