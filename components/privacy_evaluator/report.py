"""The privacy report: what is promised for one model, and what attacks on it found.

It is stored as ``report.json`` and as the ML Metadata custom property ``report``. Whoever reads it must be
able to rely on it, so reading is strict: a key that is missing or unknown, a number in quotes, NaN and
numbers that contradict each other are errors. An infinite epsilon is written as the word ``infinite``.
"""

import json
import math
from typing import Annotated, Any, Literal

import pydantic

from components.documents import Document, DocumentError

FORMAT: Literal["tfx-privacy-report/1"] = "tfx-privacy-report/1"
PAYLOAD = "report.json"
PAGE = "report.html"
# ML Metadata on MySQL holds 64 KB of text in a property.
MAX_PROPERTY_BYTES = 60_000

Epsilon = Annotated[float, pydantic.Field(ge=0)] | Literal["infinite"]
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Difference = Annotated[float, pydantic.Field(ge=-1, le=1)]
Probability = Annotated[float, pydantic.Field(gt=0, lt=1)]
Relation = Literal["ADD_OR_REMOVE_ONE", "REPLACE_ONE", "REPLACE_SPECIAL"]


def to_number(epsilon: Epsilon) -> float:
    """The epsilon as a float; ``infinite`` becomes infinity."""
    return math.inf if epsilon == "infinite" else float(epsilon)


def to_epsilon(number: float) -> Epsilon:
    """The inverse of :func:`to_number`."""
    return "infinite" if math.isinf(number) else number


class Declaration(Document):
    """An input to training that somebody declared public, in their words."""

    what: str
    why: str


class Mechanism(Document):
    """Steps of DP-SGD that share their numbers."""

    steps: int = pydantic.Field(ge=1)
    sampling_probability: float = pydantic.Field(gt=0, le=1)
    noise_multiplier: float = pydantic.Field(ge=0, description="Standard deviation of the noise / clip.")
    l2_norm_clip: float | None = pydantic.Field(description="Largest L2 norm of one example's gradient.")


class Guarantee(Document):
    """What the ledger proves."""

    epsilon: Epsilon = pydantic.Field(description="At target_delta; the tighter of the two accountants.")
    epsilon_pld: Epsilon = pydantic.Field(description="By privacy loss distributions.")
    epsilon_rdp: Epsilon = pydantic.Field(description="By Renyi differential privacy.")
    accountants_agree: bool = pydantic.Field(description="Whether PLD is at or below RDP, as it must be.")
    target_delta: Probability
    neighboring_relation: Relation | None = pydantic.Field(description="None where the ledger has not one.")
    privacy_unit: str | None = pydantic.Field(description="What one neighbour adds or removes.")
    statement: str = pydantic.Field(description="The guarantee in words, with what it does not cover.")
    noise_multiplier: float | None = pydantic.Field(ge=0, description="None unless all steps share it.")
    l2_norm_clip: float | None = pydantic.Field(gt=0, description="None unless all steps share it.")
    sampling_probability: float | None = pydantic.Field(
        gt=0, le=1, description="None unless all steps share it."
    )
    steps: int | None = pydantic.Field(ge=0, description="Of DP-SGD, over all attempts.")
    mechanisms: tuple[Mechanism, ...] = pydantic.Field(description="The steps by their numbers.")
    seeded: bool = pydantic.Field(description="The noise came from a fixed seed: a test, not private.")
    declared_public: tuple[Declaration, ...]
    nonprivate_reasons: tuple[str, ...] = pydantic.Field(description="Why epsilon is infinite, if it is.")
    attempts: int = pydantic.Field(ge=0, description="Attempts at training that the ledger charges.")

    @pydantic.model_validator(mode="after")
    def _epsilon_follows_from_its_bounds(self) -> "Guarantee":
        pld, rdp = to_number(self.epsilon_pld), to_number(self.epsilon_rdp)
        expected = min(pld, rdp) if self.accountants_agree else max(pld, rdp)
        if to_number(self.epsilon) != expected:
            raise ValueError(f"epsilon must be {to_epsilon(expected)}, as its two bounds say")
        if self.nonprivate_reasons and self.epsilon != "infinite":
            raise ValueError("epsilon must be infinite, because nonprivate_reasons are given")
        return self


class Exposure(Document):
    """Canaries that were inserted equally often; exposure in bits, 1 is what chance gives on the median."""

    repetitions: int = pydantic.Field(ge=1)
    canaries: int = pydantic.Field(ge=1)
    median: float = pydantic.Field(ge=0)
    mean: float = pydantic.Field(ge=0)
    max_possible: float = pydantic.Field(gt=0, description="log2 of the candidates to rank among.")
    values: tuple[float, ...] = pydantic.Field(description="At most 200, evenly spaced in their order.")


class Membership(Document):
    """A loss threshold that tells training rows from others; the advantage is TPR - FPR."""

    auc: Share
    advantage: Difference
    low: Difference
    high: Difference
    confidence: Probability = pydantic.Field(description="Of the interval from low to high.")
    members: int = pydantic.Field(ge=2)
    nonmembers: int = pydantic.Field(ge=2)
    roc: tuple[tuple[Share, Share], ...] = pydantic.Field(description="False and true positive rates.")

    @pydantic.model_validator(mode="after")
    def _interval_holds_the_estimate(self) -> "Membership":
        if not self.low <= self.advantage <= self.high:
            raise ValueError(f"advantage must lie between {self.low} and {self.high}; got {self.advantage}")
        return self


class LowerBound(Document):
    """With probability ``confidence``, epsilon at target_delta is at least ``value``."""

    value: float = pydantic.Field(ge=0)
    confidence: Probability
    method: str


class Attacks(Document):
    """What attacks on the model found; None or empty where they were not run, or could not be."""

    exposure: tuple[Exposure, ...] = pydantic.Field(description="By repetitions, fewest first.")
    membership: Membership | None
    epsilon_lower_bound: LowerBound | None = pydantic.Field(
        description="From canaries; provable under the assumptions of dpcore.audit."
    )
    heuristic_lower_bound: LowerBound | None = pydantic.Field(
        description="From training and evaluation rows; rests on assumptions that cannot be checked."
    )
    problems: tuple[str, ...] = pydantic.Field(description="Attacks that could not be run, and why.")


class PrivacyReport(Guarantee, Attacks):
    """One model's guarantee and the attacks on it."""

    format: Literal["tfx-privacy-report/1"]
    model_digest: str | None = pydantic.Field(description="SHA-256 over the files of the exported model.")
    utility: dict[str, float] = pydantic.Field(description="How good the model is: metric to value.")

    def to_json(self) -> str:
        """The report as JSON text."""
        return json.dumps(self.model_dump(mode="json"), allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, *, source: str = PAYLOAD) -> "PrivacyReport":
        """Reads a report.

        Raises:
          DocumentError: not JSON, cut short, or a key that is missing, unknown or against its rule.
        """
        try:
            return cls.model_validate_json(text, strict=True)
        except pydantic.ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            lines = [f"{'.'.join(str(part) for part in d['loc'])}: {d['msg']}" for d in details[:5]]
            raise DocumentError(f"{source} is malformed: {'; '.join(lines)}.") from None


def report_schema() -> dict[str, Any]:
    """The JSON schema of ``report.json``."""
    return PrivacyReport.model_json_schema()


def metadata_properties(report: PrivacyReport) -> dict[str, str | int | float]:
    """What people query on, for ML Metadata.

    Its SQLite store cannot hold an infinite number: then the property is absent and
    ``epsilon_is_finite`` is 0. Other numbers that there are not are absent too.
    """
    once = next((group for group in report.exposure if group.repetitions == 1), None)
    largest = max((group.median for group in report.exposure), default=None)
    bound, membership = report.epsilon_lower_bound, report.membership
    values: dict[str, str | int | float | None] = {
        "epsilon": _finite(report.epsilon),
        "epsilon_pld": _finite(report.epsilon_pld),
        "epsilon_rdp": _finite(report.epsilon_rdp),
        "epsilon_is_finite": int(report.epsilon != "infinite"),
        "delta": report.target_delta,
        "noise_multiplier": report.noise_multiplier,
        "l2_norm_clip": report.l2_norm_clip,
        "sampling_probability": report.sampling_probability,
        "steps": report.steps,
        "neighboring_relation": report.neighboring_relation,
        "privacy_unit": report.privacy_unit,
        "seeded": int(report.seeded),
        "exposure_1": once.median if once else None,
        "exposure_max": largest,
        "membership_advantage": membership.advantage if membership else None,
        "membership_auc": membership.auc if membership else None,
        "epsilon_lower_bound": bound.value if bound else None,
        "model_digest": report.model_digest,
    }
    text = report.to_json()
    if len(text.encode()) <= MAX_PROPERTY_BYTES:
        values["report"] = text
    return {name: value for name, value in values.items() if value is not None}


def _finite(epsilon: Epsilon) -> float | None:
    return None if epsilon == "infinite" else float(epsilon)
