"""A second look at what a scrub lets through, by other means than the first."""

from collections import Counter
from collections.abc import Iterable, Sequence

from components.pii.shapes import shapes_in

_MIN_CHARACTERS = 4


def shaped(text: str, wanted: frozenset[str]) -> Counter[str]:
    """What is shaped like something personal (:mod:`components.pii.shapes`), by entity type."""
    return Counter(shape for shape in shapes_in(text) if shape in wanted)


def repeated(texts: Sequence[str], removed: Iterable[tuple[str, str]]) -> Counter[str]:
    """What was removed from one place of a row and stands in another, as it stood there, by entity type.

    Args:
      texts: what leaves of the row, with ``<TYPE>`` in the place of what was found.
      removed: the entity type and the characters of everything that was taken out of the row. Less than four
        characters are not looked for.
    """
    left: Counter[str] = Counter()
    for entity_type, value in set(removed):
        if len(value) >= _MIN_CHARACTERS:
            left[entity_type] += sum(_times(value, text) for text in texts)
    return +left


def _times(value: str, text: str) -> int:
    """How often the value stands in the text, not as a part of a longer word or number."""
    times, at = 0, text.find(value)
    while at >= 0:
        before, after = text[at - 1 : at] if at else "", text[at + len(value) :][:1]
        times += not (before.isalnum() or after.isalnum())
        at = text.find(value, at + 1)
    return times
