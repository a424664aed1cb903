"""The policy, applied to rows: plain Python, no Beam and no TFX."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from components.pii.detector import Detector, detector
from components.pii.errors import KeyUnavailableError
from components.pii.findings import Finding
from components.pii.mentions import mentions_in
from components.pii.normalize import looks_encoded, normalize
from components.pii.operators import spec, texts
from components.pii.operators.cells import PSEUDONYM_HEX_DIGITS as PSEUDONYM_HEX_DIGITS
from components.pii.operators.cells import Value as Value
from components.pii.operators.cells import convert, pseudonym, randomized
from components.pii.operators.keyed import Keyed
from components.pii.operators.names import Words, by_word, words
from components.pii.policy import Detect, Drop, Generalize, Keep, Randomize, ScrubPolicy
from components.pii.report import Rejected
from components.pii.second_look import repeated, shaped
from components.pii.sources import Record

ENCODED = "ENCODED_TEXT"


@dataclass(frozen=True, slots=True)
class ScrubbedRow:
    """A row that may go on: its values by column, None where the cell was empty.

    ``findings`` counts what was replaced, per (column, entity type). ``residual`` counts, per entity type,
    what a second look still finds outside of the findings: the patterns at a lower threshold, shapes, values
    that were removed elsewhere in the row, and under ``ENCODED_TEXT`` what looks like text in base64.
    """

    values: Mapping[str, Value] = field(repr=False)
    findings: Counter[tuple[str, str]]
    residual: Counter[str]


class Scrubber:
    """Scrubs rows whose cells are in the order of ``columns``.

    Args:
      policy: what happens to each column; it must name exactly these columns.
      key: the policy's key (:func:`components.pii.policy.load_key`); it stays out of every repr.
      columns: the header of the data.

    Raises:
      KeyUnavailableError: the policy needs a key and there is none.
    """

    def __init__(self, policy: ScrubPolicy, key: bytes | None, columns: Sequence[str]) -> None:
        if key is None and (keyed := policy.needs_key()):
            raise KeyUnavailableError(f"key: required, because {keyed}; got none.")
        self._policy = policy
        self._keyed = None if key is None else Keyed(key)
        self._columns = list(columns)
        self._identifying = policy.identifying()
        self._names_people = policy.pseudonymizes_people

    def scrub_rows(self, rows: Sequence[Record]) -> list[ScrubbedRow | Rejected]:
        """Each row, scrubbed or rejected, in the order given. Bigger batches are faster."""
        typed = [self._typed(row) for row in rows]
        good = [index for index, cells in enumerate(typed) if isinstance(cells, dict)]
        raw = [dict(zip(self._columns, rows[index].cells, strict=True)) for index in good]
        found = {name: self._find(name, raw) for name in self._policy.columns_with(Detect)}
        scrubbed: list[ScrubbedRow | Rejected] = []
        position = 0
        for row, cells in zip(rows, typed, strict=True):
            if isinstance(cells, str):
                scrubbed.append(Rejected(row.file, row.line, row.last_line, cells))
                continue
            read = {name: column[position] for name, column in found.items()}
            scrubbed.append(self._join(cells, read, raw[position]))
            position += 1
        return scrubbed

    def pseudonym(self, column: str, value: str) -> str:
        """As :func:`components.pii.operators.cells.pseudonym`, under this scrubber's key."""
        if self._keyed is None:
            raise KeyUnavailableError("key: required for pseudonyms; got none.")
        return pseudonym(column, value, self._keyed)

    def _typed(self, row: Record) -> dict[str, Value] | str:
        """The values that need no reading of text, or the reason why the row is malformed."""
        if row.problem is not None:
            return row.problem
        if len(row.cells) != len(self._columns):
            return "short row" if len(row.cells) < len(self._columns) else "long row"
        people = by_word(self._people(dict(zip(self._columns, row.cells, strict=True))))
        values: dict[str, Value] = {}
        for position, (name, cell) in enumerate(zip(self._columns, row.cells, strict=True)):
            rule = self._policy.columns[name]
            if isinstance(rule, Drop):
                continue
            if isinstance(rule, Randomize) and self._keyed is not None:
                values[name] = randomized(name, rule, row, position, self._keyed) or None
                continue
            try:
                values[name] = convert(name, rule, cell, self._keyed, people) if cell else None
            except ValueError:
                wrong = "value to generalize" if isinstance(rule, Generalize) else "type"
                return f"wrong {wrong} in column {name}"
        return values

    def _find(self, name: str, rows: Sequence[Mapping[str, str]]) -> list[texts.Cell]:
        """What is in a column of texts, found in one go."""
        rule = self._policy.columns[name]
        if not isinstance(rule, Detect):
            return []
        cells = [texts.opened(row[name], rule) for row in rows]
        known = [
            mentions
            for row, cell in zip(rows, cells, strict=True)
            for mentions in self._mentions(row, cell.readable, rule)
        ]
        readable = [text for cell in cells for text in cell.readable]
        found = iter(self._detector(rule).find(readable, known))
        for cell in cells:
            cell.found(list(islice(found, len(cell.texts))))
        return cells

    def _mentions(self, row: Mapping[str, str], cell: Sequence[str], rule: Detect) -> list[list[Finding]]:
        """Where the texts of a cell repeat the row's own values."""
        values = [
            (row[name], entity)
            for name, entity in self._identifying
            if row[name] and not isinstance(rule.operator(entity), spec.Keep)
        ]
        return mentions_in(cell, values)

    def _people(self, row: Mapping[str, str]) -> list[Words]:
        """The full names that the row's own columns tell, where anybody asks for them."""
        if not self._names_people:
            return []
        names = [words(row[name]) for name, entity in self._identifying if entity == "PERSON"]
        return [name for name in names if len(name) > 1]

    def _join(
        self, values: dict[str, Value], read: Mapping[str, texts.Cell], row: Mapping[str, str]
    ) -> ScrubbedRow:
        findings: Counter[tuple[str, str]] = Counter()
        residual: Counter[str] = Counter()
        names = self._people(row)
        if self._names_people:
            names += [name for cell in read.values() for name in cell.people]
        people = by_word(names)
        for name, cell in read.items():
            rule = self._policy.columns[name]
            if not isinstance(rule, Detect):
                continue
            values[name] = cell.rewritten(rule, self._keyed, people) or None
            findings.update({(name, kind): count for kind, count in cell.counts.items()})
            for text in cell.labelled:
                residual += self._left(text, rule)
        return ScrubbedRow(values, findings, residual | self._repeated(values, read, row))

    def _left(self, text: str, rule: Detect) -> Counter[str]:
        """What the patterns still find in a text without its findings, what has a shape by itself, and what
        cannot be read because it is encoded."""
        readable = normalize(text).text
        found = Counter(finding.entity_type for finding in self._detector(rule).residual(readable))
        return found | shaped(readable, rule.removed) | Counter({ENCODED: looks_encoded(text)})

    def _repeated(
        self, values: Mapping[str, Value], read: Mapping[str, texts.Cell], row: Mapping[str, str]
    ) -> Counter[str]:
        """What was removed and stands elsewhere in the row, the columns that are kept among the places."""
        kept = [values[name] for name in self._policy.columns_with(Keep)]
        leaving = [cell for cell in kept if isinstance(cell, str)]
        leaving += [text for cell in read.values() for text in cell.labelled]
        removed = [(entity, row[name]) for name, entity in self._identifying]
        return repeated(leaving, removed + [value for cell in read.values() for value in cell.removed])

    def _detector(self, rule: Detect) -> Detector:
        policy = self._policy
        return detector(
            rule.removed,
            policy.score_threshold,
            policy.recognizers,
            policy.allow,
            profile=policy.profile,
            model=policy.model,
        )
