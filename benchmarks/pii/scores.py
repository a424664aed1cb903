"""How good findings are: by span, and by the characters that leak.

Spans are compared after both were trimmed: what is neither letter nor digit falls off their ends, and so do a
title before a name and the ``'s`` after it. A finding is right if its type is accepted for the labelled one
(:data:`ACCEPTED`) and the two overlap by at least half of their union (intersection over union, IoU, >= 0.5),
or, where it says exact, if they are equal. Each label and each finding counts once, best overlap first; a
second finding of the same span is false.

Findings in pieces are not punished: accepted ones that lie for the most part in one label are taken as
one, from the first character to the last. Nor is a place found in one go: labels of ADDRESS and LOCATION with
no letter or digit between them are one where one finding covers most of each.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import regex

from components.pii.entities import NATIONAL_IDS

MIN_IOU = 0.5
PLACES = frozenset({"ADDRESS", "LOCATION"})

ACCEPTED: dict[str, frozenset[str]] = {
    # A town inside an address, and an address of which only the town was labelled.
    "ADDRESS": frozenset({"LOCATION"}),
    "LOCATION": frozenset({"ADDRESS"}),
    # The number of a country as a national id without its country, and the other way round.
    **{kind: frozenset({"NATIONAL_ID"}) for kind in NATIONAL_IDS},
    "NATIONAL_ID": frozenset(NATIONAL_IDS),
    # Only the word before tells a member's number from an order's.
    "ACCOUNT_NUMBER": frozenset({"RECEIPT_NUMBER"}),
    "RECEIPT_NUMBER": frozenset({"ACCOUNT_NUMBER"}),
    "DATE_OF_BIRTH": frozenset({"DATE_TIME"}),
}
"""Which other types of finding are right for a labelled type. All else is a confusion, and false."""

_TITLE = regex.compile(
    r"(?:(?:mr|mrs|ms|miss|mx|dr|prof|sir|madam|herr|frau|mme|m|sr|sra|don|doña|sig|sig\.ra|dott|dhr|mevr|mag)"
    r"\b\.?\s+)+(?=\S)",
    regex.IGNORECASE,
)
_POSSESSIVE = regex.compile(r"['\u2019]s$", regex.IGNORECASE)


class Span(NamedTuple):
    """``text[start:end]`` is of this type, by label or by finding."""

    start: int
    end: int
    entity_type: str


@dataclass
class Counts:
    """Right findings, false ones, and labels that were missed."""

    right: int = 0
    false: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """The share of findings that are right; 1 where there are none."""
        return _share(self.right, self.right + self.false, empty=1.0)

    @property
    def recall(self) -> float:
        """The share of labels that were found; 1 where there are none."""
        return _share(self.right, self.right + self.missed, empty=1.0)

    def f(self, beta: float) -> float:
        """The F score: recall counts ``beta`` times as much as precision."""
        weighted = (1 + beta**2) * self.right
        return _share(weighted, weighted + beta**2 * self.missed + self.false, empty=1.0)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.right + other.right, self.false + other.false, self.missed + other.missed)


@dataclass
class Characters:
    """Letters and digits: personal ones and how many of them no finding covers; the others and how many of
    them a finding covers."""

    personal: int = 0
    leaked: int = 0
    other: int = 0
    covered: int = 0

    @property
    def leak_rate(self) -> float:
        return _share(self.leaked, self.personal)

    @property
    def over_redaction(self) -> float:
        return _share(self.covered, self.other)


@dataclass
class Scores:
    """What :func:`score` found; ``overlap`` and ``exact`` by entity type, false findings under their own.

    Attributes:
      overlap: right is IoU >= 0.5 and an accepted type.
      exact: right is the same characters and an accepted type.
      blind: right is IoU >= 0.5, whatever the type.
      leaks: characters, by labelled type.
      characters: of all texts.
      words: of all texts.
      findings: of all texts.
    """

    overlap: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    exact: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    blind: Counts = field(default_factory=Counts)
    leaks: dict[str, Characters] = field(default_factory=lambda: defaultdict(Characters))
    characters: Characters = field(default_factory=Characters)
    words: int = 0
    findings: int = 0

    def total(self, *, exact: bool = False) -> Counts:
        """All types together (micro average)."""
        return sum((self.exact if exact else self.overlap).values(), Counts())


def score(texts: Iterable[tuple[str, Sequence[Span], Sequence[Span]]]) -> Scores:
    """The scores of findings: of texts, with their labels and their findings."""
    scores = Scores()
    for text, labels, findings in texts:
        scores.words += len(text.split())
        scores.findings += len(findings)
        _count_characters(scores, text, labels, findings)
        labels = [trimmed(text, span) for span in labels]
        findings = [trimmed(text, span) for span in findings]
        joined = _joined_labels(text, labels, findings)
        for counts, min_iou in ((scores.overlap, MIN_IOU), (scores.exact, 1.0)):
            right, false, missed = compared(joined, findings, min_iou=min_iou)
            for name, spans in (("right", right), ("false", false), ("missed", missed)):
                for span in spans:
                    one = counts[span.entity_type]
                    setattr(one, name, getattr(one, name) + 1)
        right, false, missed = compared(joined, findings, min_iou=MIN_IOU, blind=True)
        scores.blind += Counts(len(right), len(false), len(missed))
    return scores


def compared(
    labels: Sequence[Span], findings: Sequence[Span], *, min_iou: float, blind: bool = False
) -> tuple[list[Span], list[Span], list[Span]]:
    """The labels that were found, the findings that are false, and the labels that were missed."""
    whole = _joined_findings(labels, findings, blind=blind)
    candidates = sorted(
        (-iou(label, finding), a, b)
        for a, label in enumerate(labels)
        for b, finding in enumerate(whole)
        if accepted(label, finding, blind=blind) and iou(label, finding) >= min_iou
    )
    used: set[int] = set()
    found: set[int] = set()
    for _, a, b in candidates:
        if a not in found and b not in used:
            found.add(a)
            used.add(b)
    return (
        [label for a, label in enumerate(labels) if a in found],
        [finding for b, finding in enumerate(whole) if b not in used],
        [label for a, label in enumerate(labels) if a not in found],
    )


def accepted(label: Span, finding: Span, *, blind: bool = False) -> bool:
    """Whether the finding's type is right for the label's."""
    kind = finding.entity_type
    return blind or kind == label.entity_type or kind in ACCEPTED.get(label.entity_type, ())


def iou(one: Span, other: Span) -> float:
    """Characters in both, over characters in either; 0 to 1."""
    both = _overlap(one, other)
    return _share(both, one.end - one.start + other.end - other.start - both)


def trimmed(text: str, span: Span) -> Span:
    """The span without titles and without signs at its ends; as it is where nothing would be left."""
    start, end, kind = span
    if kind == "PERSON":
        if title := _TITLE.match(text, start, end):
            start = title.end()
        if possessive := _POSSESSIVE.search(text, start, end):
            end = possessive.start()
    while start < end and not text[start].isalnum():
        start += 1
    while start < end and not text[end - 1].isalnum():
        end -= 1
    return Span(start, end, kind) if start < end else span


def _joined_findings(labels: Sequence[Span], findings: Sequence[Span], *, blind: bool) -> list[Span]:
    whole = list(dict.fromkeys(findings))
    repeated = list((Counter(findings) - Counter(whole)).elements())
    for label in labels:
        pieces = [one for one in whole if accepted(label, one, blind=blind) and _mostly_in(one, label)]
        if len(pieces) > 1 and not any(_overlap(a, b) for a, b in pairwise(sorted(pieces))):
            hull = Span(min(p.start for p in pieces), max(p.end for p in pieces), pieces[0].entity_type)
            whole = [one for one in whole if one not in pieces] + [hull]
    return whole + repeated


def _joined_labels(text: str, labels: Sequence[Span], findings: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for label in sorted(labels):
        before = joined[-1] if joined else None
        if (
            before
            and {before.entity_type, label.entity_type} <= PLACES
            and not any(char.isalnum() for char in text[before.end : label.start])
            and any(
                found.entity_type in PLACES and _mostly_in(before, found) and _mostly_in(label, found)
                for found in findings
            )
        ):
            joined[-1] = Span(before.start, label.end, "ADDRESS")
        else:
            joined.append(label)
    return joined


def _count_characters(scores: Scores, text: str, labels: Sequence[Span], findings: Sequence[Span]) -> None:
    covered = _indices(findings)
    personal = _indices(labels)
    for index, char in enumerate(text):
        if not char.isalnum():
            continue
        if index in personal:
            scores.characters.personal += 1
            scores.characters.leaked += index not in covered
        else:
            scores.characters.other += 1
            scores.characters.covered += index in covered
    for label in labels:
        own = [index for index in range(label.start, label.end) if text[index].isalnum()]
        scores.leaks[label.entity_type].personal += len(own)
        scores.leaks[label.entity_type].leaked += sum(index not in covered for index in own)


def _indices(spans: Sequence[Span]) -> set[int]:
    return {index for span in spans for index in range(span.start, span.end)}


def _mostly_in(inner: Span, outer: Span) -> bool:
    return 2 * _overlap(inner, outer) >= inner.end - inner.start


def _overlap(one: Span, other: Span) -> int:
    return max(0, min(one.end, other.end) - max(one.start, other.start))


def _share(part: float, whole: float, empty: float = 0.0) -> float:
    return part / whole if whole else empty
