"""WNUT-17, names in the wild (Derczynski et al. 2017, CC BY 4.0), as labelled texts.

The files are the shared task's: a token, a tab, its tag (``B-person``, ``I-person``, ``O``) a line; an
empty line between texts.
"""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.pii.corpus import Sample
from benchmarks.pii.scores import Span

FILES = {
    "train": "wnut17train.conll",
    "dev": "emerging.dev.conll",
    "test": "emerging.test.annotated",
}
TYPES = {"person": "PERSON", "location": "LOCATION"}

_NO_SPACE_BEFORE = frozenset(".,;:!?)]}%'\u2019\u00b4…") | {
    "n't",
    "'s",
    "'re",
    "'ve",
    "'ll",
    "'m",
    "'d",
    "...",
    "``",
}
_NO_SPACE_AFTER = frozenset("([{#$£€@'\u2019\u00b4")


def read(folder: Path, which: str = "test") -> list[Sample]:
    """The texts of one file, with their people and places labelled.

    Raises:
      ValueError: there is no such file in the shared task.
      OSError: the folder lacks it.
    """
    if which not in FILES:
        raise ValueError(f"the files are {', '.join(FILES)}; got {which}.")
    lines = (folder / FILES[which]).read_text(encoding="utf-8").splitlines()
    return [_sample(tokens) for tokens in _blocks(lines)]


def _blocks(lines: list[str]) -> Iterator[list[tuple[str, str]]]:
    block: list[tuple[str, str]] = []
    for line in lines:
        token, _, tag = line.strip().partition("\t")
        if token:
            block.append((token, tag))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _sample(tokens: list[tuple[str, str]]) -> Sample:
    text = previous = ""
    spans: list[Span] = []
    for token, tag in tokens:
        glued = not previous or token in _NO_SPACE_BEFORE or previous in _NO_SPACE_AFTER
        start = len(text) + (not glued)
        text += ("" if glued else " ") + token
        previous = token
        kind = TYPES.get(tag[2:])
        if not kind:
            continue
        if tag.startswith("I-") and spans and spans[-1].entity_type == kind:
            spans[-1] = spans[-1]._replace(end=len(text))
        else:
            spans.append(Span(start, len(text), kind))
    return Sample(text, tuple(spans), "wnut17")
