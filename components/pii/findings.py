"""Where personal data stands in a text, and the text without it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple


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
