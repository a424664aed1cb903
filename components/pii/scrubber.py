"""The policy, applied to rows: plain Python, no Beam and no TFX."""

import hashlib
import hmac
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from components.pii.csv_source import Record
from components.pii.detector import Detector, detector
from components.pii.errors import KeyUnavailableError
from components.pii.findings import Finding, replace_spans
from components.pii.mentions import find_mentions
from components.pii.policy import Detect, Drop, Keep, Pseudonymize, ScrubPolicy
from components.pii.report import Rejected

Value = str | int | float | None

PSEUDONYM_HEX_DIGITS = 32
_INT64 = 2**63
_MAX_FLOAT32 = 3.4028234e38


@dataclass(frozen=True, slots=True)
class ScrubbedRow:
    """A row that may go on: its values by column, None where the cell was empty.

    ``findings`` counts what was replaced, per (column, entity type); ``residual`` what the patterns still
    find, per entity type.
    """

    values: Mapping[str, Value] = field(repr=False)
    findings: Counter[tuple[str, str]]
    residual: Counter[str]


class Scrubber:
    """Scrubs rows whose cells are in the order of ``columns``.

    Args:
      policy: what happens to each column; it must name exactly these columns.
      key: the pseudonymisation key (:func:`components.pii.policy.load_key`); it stays out of every repr.
      columns: the header of the data.

    Raises:
      KeyUnavailableError: the policy pseudonymises and there is no key.
    """

    def __init__(self, policy: ScrubPolicy, key: bytes | None, columns: Sequence[str]) -> None:
        if key is None and policy.columns_with(Pseudonymize):
            raise KeyUnavailableError("key: required, because the policy pseudonymizes columns; got none.")
        self._policy = policy
        self._key = key
        self._columns = list(columns)
        self._identifying = [
            (name, rule.entity)
            for name, rule in policy.columns.items()
            if isinstance(rule, Drop | Pseudonymize) and rule.entity is not None
        ]

    def scrub_rows(self, rows: Sequence[Record]) -> list[ScrubbedRow | Rejected]:
        """Each row, scrubbed or rejected, in the order given. Bigger batches are faster."""
        typed = [self._typed(row) for row in rows]
        good = [index for index, cells in enumerate(typed) if isinstance(cells, dict)]
        raw = [dict(zip(self._columns, rows[index].cells, strict=True)) for index in good]
        texts = {name: self._scrub_texts(name, raw) for name in self._policy.columns_with(Detect)}
        scrubbed: list[ScrubbedRow | Rejected] = []
        position = 0
        for row, cells in zip(rows, typed, strict=True):
            if isinstance(cells, str):
                scrubbed.append(Rejected(row.file, row.line, row.last_line, cells))
                continue
            found = {name: column[position] for name, column in texts.items()}
            position += 1
            scrubbed.append(_join(cells, found))
        return scrubbed

    def pseudonym(self, column: str, value: str) -> str:
        """HMAC-SHA256 of the value under the key, apart for each column, as 32 hex digits (128 bits)."""
        message = f"{column}\0{value}".encode()
        return hmac.digest(self._key or b"", message, hashlib.sha256).hex()[:PSEUDONYM_HEX_DIGITS]

    def _typed(self, row: Record) -> dict[str, Value] | str:
        """The values that need no reading of text, or the reason why the row is malformed."""
        if row.problem is not None:
            return row.problem
        if len(row.cells) != len(self._columns):
            return "short row" if len(row.cells) < len(self._columns) else "long row"
        values: dict[str, Value] = {}
        for name, cell in zip(self._columns, row.cells, strict=True):
            rule = self._policy.columns[name]
            if isinstance(rule, Drop):
                continue
            try:
                values[name] = self._convert(name, rule, cell) if cell else None
            except ValueError:
                return f"wrong type in column {name}"
        return values

    def _convert(self, name: str, rule: Keep | Detect | Pseudonymize, cell: str) -> Value:
        if isinstance(rule, Keep):
            return _TYPES[rule.type](cell)
        return self.pseudonym(name, cell) if isinstance(rule, Pseudonymize) else None

    def _scrub_texts(
        self, name: str, rows: Sequence[Mapping[str, str]]
    ) -> list[tuple[str | None, list[Finding], list[Finding]]]:
        finder = self._detector(name)
        cells = [row[name] for row in rows]
        known = [self._mentions(row, name) for row in rows]
        outcome: list[tuple[str | None, list[Finding], list[Finding]]] = []
        for cell, findings in zip(cells, finder.find(cells, known), strict=True):
            clean = replace_spans(cell, findings)
            outcome.append((clean or None, findings, finder.residual(clean)))
        return outcome

    def _mentions(self, row: Mapping[str, str], column: str) -> list[Finding]:
        return [
            mention
            for name, entity in self._identifying
            if row[name]
            for mention in find_mentions(row[column], row[name], entity)
        ]

    def _detector(self, column: str) -> Detector:
        rule = self._policy.columns[column]
        entities = frozenset(rule.entities) if isinstance(rule, Detect) else frozenset()
        policy = self._policy
        return detector(entities, policy.score_threshold, policy.recognizers, policy.allow)


def _join(
    values: dict[str, Value], texts: Mapping[str, tuple[str | None, list[Finding], list[Finding]]]
) -> ScrubbedRow:
    findings: Counter[tuple[str, str]] = Counter()
    residual: Counter[str] = Counter()
    for name, (clean, found, left) in texts.items():
        values[name] = clean
        findings.update((name, finding.entity_type) for finding in found)
        residual.update(finding.entity_type for finding in left)
    return ScrubbedRow(values, findings, residual)


def _int(cell: str) -> int:
    value = int(_plain(cell))
    if not -_INT64 <= value < _INT64:
        raise ValueError
    return value


def _float(cell: str) -> float:
    value = float(_plain(cell))
    if not math.isfinite(value) or abs(value) > _MAX_FLOAT32:
        raise ValueError
    return value


def _plain(cell: str) -> str:
    """Python reads 1_000 and other scripts' digits as numbers; a table of numbers does not hold them."""
    if "_" in cell or not cell.isascii():
        raise ValueError
    return cell


_TYPES: Mapping[str, Callable[[str], Value]] = {"string": str, "int": _int, "float": _float}
