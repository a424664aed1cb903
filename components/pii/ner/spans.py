"""What the neural recognisers share: words, windows over long texts, and findings out of scored words."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import regex

from components.pii.findings import Finding
from components.pii.joining import are_unlike

KINDS = (
    "PERSON",
    "LOCATION",
    "ADDRESS",
    "USERNAME",
    "DATE_OF_BIRTH",
    "VEHICLE_PLATE",
    "ACCOUNT_NUMBER",
    "RECEIPT_NUMBER",
    "PASSPORT",
    "DRIVER_LICENSE",
    "NATIONAL_ID",
    "PHONE_NUMBER",
)
"""What context tells better than patterns and checksums: the types that the models know, in their order."""

WORD = regex.compile(r"[\p{L}\p{M}\p{N}_]+(?:['\u2019-](?!s\b)[\p{L}\p{M}\p{N}_]+)*")

_WINDOW = 160
_OVERLAP = 32
_JOINTS = {
    "PERSON": regex.compile(r"(?:\.?[ \t\u00a0]+|[.'\u2019-])\Z"),
    "ADDRESS": regex.compile(r"[\s,./#-]{1,4}\Z"),
    "LOCATION": regex.compile(r"(?:\.?[ \t]+|[.'\u2019-])\Z"),
    "DATE_OF_BIRTH": regex.compile(r"(?:[ .,/-]{1,2}| of | de )\Z"),
}
_PLAIN_JOINT = regex.compile(r"[ .@/:_+()-]{1,2}\Z")


class Window(NamedTuple):
    """Tokens ``start:end`` of a text, of which those in ``from_:to`` are the ones to keep."""

    text: int
    start: int
    end: int
    from_: int
    to: int


def findings(
    text: str, words: Iterable[tuple[int, int, np.ndarray]], kinds: Sequence[str], threshold: float
) -> Iterator[Finding]:
    """Findings out of words with the probability of each kind; neighbours of one kind are one finding.

    A word is found if its kinds together have at least ``threshold``. A score is half way from the
    probability of the kind to 1, so that what is found is never below 0.5. A name that is sure and a word
    beside it that hardly is one ("Ana waited") are two findings.
    """
    whole = last = None
    for start, end, scores in words:
        if scores.sum() < threshold:
            continue
        best = int(scores.argmax())
        word = Finding(kinds[best], start, end, round(0.5 + float(scores[best]) / 2, 4))
        if whole is not None and last is not None and _go_together(text, last, word):
            whole = whole._replace(end=end, score=max(whole.score, word.score))
        else:
            if whole is not None:
                yield whole
            whole = word
        last = word
    if whole is not None:
        yield whole


def read_in_windows(
    counts: Sequence[int],
    most: int,
    read: Callable[[Sequence[Window]], Iterable[np.ndarray]],
    columns: int,
) -> list[np.ndarray]:
    """The scores ``[tokens, columns]`` of texts with so many tokens each.

    ``read`` gets windows of about the same length, about ``most`` tokens at a time, and gives an array of at
    least their tokens for each. Two neighbours share 32 tokens, and each keeps the half further inside.
    """
    scores = [np.zeros((count, columns), np.float32) for count in counts]
    windows = [window for text, count in enumerate(counts) for window in _windows(text, count)]
    for batch in _batches(windows, most):
        for window, output in zip(batch, read(batch), strict=True):
            kept = output[window.from_ - window.start : window.to - window.start]
            scores[window.text][window.from_ : window.to] = kept
    return scores


def _go_together(text: str, first: Finding, second: Finding) -> bool:
    kind, between = first.entity_type, text[first.end : second.start]
    if kind != second.entity_type or are_unlike(first, second):
        return False
    return not between or _JOINTS.get(kind, _PLAIN_JOINT).match(between) is not None


def _windows(text: int, count: int) -> Iterator[Window]:
    for start in range(0, max(1, count - _OVERLAP), _WINDOW - _OVERLAP):
        end = min(start + _WINDOW, count)
        first = start + _OVERLAP // 2 if start else 0
        yield Window(text, start, end, first, end if end == count else end - _OVERLAP // 2)


def _batches(windows: Sequence[Window], most: int) -> Iterator[list[Window]]:
    batch: list[Window] = []
    for window in sorted(windows, key=lambda one: one.end - one.start):
        if batch and (len(batch) + 1) * (window.end - window.start + 2) > most:
            yield batch
            batch = []
        if window.end > window.start:
            batch.append(window)
    if batch:
        yield batch
