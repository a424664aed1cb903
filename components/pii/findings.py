"""Where personal data stands in a text, and the text without it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

import regex

_PLACES = ("ADDRESS", "LOCATION")
_BETWEEN_NAMES = regex.compile(r"[ \t\u00a0]{1,2}")
_BEFORE_SURNAME = regex.compile(r"(?:\A|[\n\t:|>\"'(;]\s?|\b(?i:dear)\s)\Z")
_AFTER_GIVEN = regex.compile(r"(?!\s?,|\s(?:and|or|und|et|y|e|&)\b)")
_WITHIN_ADDRESS = regex.compile(r"(?:,|\s?[-\u2013/])?\s{0,2}")

# What a network finds has at least 0.5; a name repeated, which no network judged, has less.
_JUDGED, _DOUBTED, _SURE = 0.5, 0.7, 0.9


class Finding(NamedTuple):
    """A span of characters, ``text[start:end]``, of one entity type. It never holds the text itself."""

    entity_type: str
    start: int
    end: int
    score: float


class Stretch(NamedTuple):
    """Characters of a masked text that stand unchanged in the original, ``shift`` further on."""

    start: int
    end: int
    shift: int


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """The union of the spans: overlapping ones become one, labelled by the best score, then the longest."""
    merged: list[Finding] = []
    best: Finding | None = None
    for finding in sorted(findings, key=lambda f: (f.start, -f.end, f.entity_type)):
        if best is not None and finding.start < merged[-1].end:
            best = max(best, finding, key=_precedence)
            merged[-1] = best._replace(start=merged[-1].start, end=max(merged[-1].end, finding.end))
        else:
            best = finding
            merged.append(finding)
    return merged


def are_unlike(first: Finding, second: Finding) -> bool:
    """Whether one is surely a name, and the other a word that only may be one: not parts of one name."""
    scores = first.score, second.score
    return (
        first.entity_type == second.entity_type == "PERSON"
        and _JUDGED <= min(scores) < _DOUBTED
        and max(scores) > _SURE
    )


def joined(text: str, merged: Sequence[Finding]) -> list[Finding]:
    """One finding where several are one thing: names of a person with only a space between them, "Ruiz, Ana"
    where a line, a label or "Dear" begins with it, and the parts of an address (a street, its town, its
    postcode) with only a comma, a space or a line's end between them."""
    whole: list[Finding] = []
    for finding in merged:
        last = whole[-1] if whole else None
        if last is None or not _are_one(text, last, finding):
            whole.append(finding)
            continue
        kind = finding.entity_type if last.entity_type == finding.entity_type else "ADDRESS"
        whole[-1] = Finding(kind, last.start, finding.end, max(last.score, finding.score))
    return whole


def _are_one(text: str, first: Finding, second: Finding) -> bool:
    kinds, between = (first.entity_type, second.entity_type), text[first.end : second.start]
    if kinds == ("PERSON", "PERSON"):
        return (_BETWEEN_NAMES.fullmatch(between) is not None and not are_unlike(first, second)) or (
            between == ", " and _is_surname_first(text, first, second)
        )
    if "ADDRESS" in kinds and set(kinds) <= set(_PLACES):
        return _WITHIN_ADDRESS.fullmatch(between) is not None
    return False


def _is_surname_first(text: str, first: Finding, second: Finding) -> bool:
    """Whether two names with a comma between them are one person's, not the beginning of a list."""
    return (
        " " not in text[first.start : first.end]
        and _BEFORE_SURNAME.search(text[max(0, first.start - 8) : first.start]) is not None
        and _AFTER_GIVEN.match(text[second.end : second.end + 8]) is not None
    )


def replace_spans(text: str, findings: Iterable[Finding]) -> str:
    """The text with every character of every finding removed, and ``<TYPE>`` in its place."""
    return mask(text, merge(findings))[0]


def mask(text: str, merged: Sequence[Finding]) -> tuple[str, list[Stretch]]:
    """As :func:`replace_spans` for findings that are merged, with the stretches that were kept."""
    parts: list[str] = []
    stretches: list[Stretch] = []
    kept_to = length = 0
    for finding in merged:
        kept, label = text[kept_to : finding.start], f"<{finding.entity_type}>"
        stretches.append(Stretch(length, length + len(kept), kept_to - length))
        parts += [kept, label]
        length += len(kept) + len(label)
        kept_to = finding.end
    stretches.append(Stretch(length, length + len(text) - kept_to, kept_to - length))
    return "".join([*parts, text[kept_to:]]), stretches


def unmask(finding: Finding, stretches: Sequence[Stretch]) -> list[Finding]:
    """A finding in a masked text, as findings in the original; its characters in labels are left out."""
    first = bisect_right(stretches, finding.start, key=attrgetter("end"))
    last = bisect_left(stretches, finding.end, key=attrgetter("start"))
    return [
        finding._replace(
            start=max(finding.start, stretch.start) + stretch.shift,
            end=min(finding.end, stretch.end) + stretch.shift,
        )
        for stretch in stretches[first:last]
        if stretch.start < stretch.end
    ]


def _precedence(finding: Finding) -> tuple[float, int, str]:
    return finding.score, finding.end - finding.start, finding.entity_type
