"""Texts by their rules: what was found in a cell, and the cell with something else in its place."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import regex

from components.pii import mentions
from components.pii.entities import NER_ENTITIES
from components.pii.findings import Finding, mask
from components.pii.operators import json_text
from components.pii.operators.apply import replacement
from components.pii.operators.json_text import Piece
from components.pii.operators.keyed import Keyed
from components.pii.operators.names import People, Words, words
from components.pii.policy import Detect

_IDENTIFIER = regex.compile(r"[a-z][A-Za-z0-9_.-]*")


@dataclass(slots=True)
class Cell:
    """A cell as the texts that are read on their own: one, or the keys, strings and numbers of its JSON."""

    cell: str = field(repr=False)
    pieces: list[Piece] | None = field(repr=False)
    texts: list[str] = field(repr=False)
    contexts: list[str] = field(repr=False)
    findings: list[list[Finding]] = field(default_factory=list)

    @property
    def readable(self) -> list[str]:
        """The texts with the key that each stands under before it: "phone: 312-555-0143"."""
        return [context + text for context, text in zip(self.contexts, self.texts, strict=True)]

    def found(self, findings: Sequence[Sequence[Finding]]) -> None:
        """Takes what was found in :attr:`readable`.

        Of a key that is written like a name in a program ("fare", "orderId") a language model's guess does
        not count: it says what the value is. What patterns find in it does, and what the row's columns say.
        """
        self.findings = [
            _behind(one, len(context)) for one, context in zip(findings, self.contexts, strict=True)
        ]
        for index, piece in enumerate(self.pieces or ()):
            if piece.scope is not None and _IDENTIFIER.fullmatch(piece.text):
                self.findings[index] = [one for one in self.findings[index] if not _is_guessed(one)]

    @property
    def labelled(self) -> list[str]:
        """The texts with every finding as ``<TYPE>``: what was not found is all that is left in them."""
        return [mask(text, found)[0] for text, found in zip(self.texts, self.findings, strict=True)]

    @property
    def removed(self) -> list[tuple[str, str]]:
        """The findings: the entity type and the characters of each."""
        return [
            (finding.entity_type, text[finding.start : finding.end])
            for text, found in zip(self.texts, self.findings, strict=True)
            for finding in found
        ]

    @property
    def people(self) -> list[Words]:
        """The full names among the findings, as far as they have more than one word."""
        names = [words(value) for entity_type, value in self.removed if entity_type == "PERSON"]
        return [name for name in names if len(name) > 1]

    def rewritten(self, rule: Detect, keyed: Keyed | None, people: People) -> str:
        """The cell with every finding's replacement in its place."""
        texts = [
            _rewritten(text, found, rule, keyed, people)
            for text, found in zip(self.texts, self.findings, strict=True)
        ]
        return texts[0] if self.pieces is None else json_text.rebuilt(self.cell, self.pieces, texts)

    @property
    def counts(self) -> Counter[str]:
        """How many findings there are, by entity type."""
        return Counter(entity_type for entity_type, _ in self.removed)


def opened(cell: str, rule: Detect) -> Cell:
    """The cell, with its JSON taken apart where the rule says so and it is JSON."""
    pieces = json_text.pieces(cell) if rule.as_json else None
    if pieces is None:
        return Cell(cell, None, [cell], [""])
    return Cell(cell, pieces, [piece.text for piece in pieces], [piece.context for piece in pieces])


def _rewritten(
    text: str, findings: Sequence[Finding], rule: Detect, keyed: Keyed | None, people: People
) -> str:
    parts: list[str] = []
    kept_to = 0
    for finding in findings:
        entity_type = finding.entity_type
        found = text[finding.start : finding.end]
        parts += [
            text[kept_to : finding.start],
            replacement(found, entity_type, rule.operator(entity_type), keyed, people),
        ]
        kept_to = finding.end
    return "".join([*parts, text[kept_to:]])


def _is_guessed(finding: Finding) -> bool:
    return finding.entity_type in NER_ENTITIES.values() and finding.score < mentions.SCORE


def _behind(findings: Sequence[Finding], length: int) -> list[Finding]:
    """The findings as they stand in the text behind a context of this length."""
    return [
        finding._replace(start=max(0, finding.start - length), end=finding.end - length)
        for finding in findings
        if finding.end > length
    ]
