"""A second look at what a scrub lets through, by other means than the first."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from components.pii.shapes import shapes_in

_MIN_CHARACTERS = 4
_MAX_CHARACTERS = 256
_FEW_VALUES = 20


def shaped(text: str, wanted: frozenset[str]) -> Counter[str]:
    """What is shaped like something personal (:mod:`components.pii.shapes`), by entity type."""
    return Counter(shape for shape in shapes_in(text) if shape in wanted)


def repeated(texts: Sequence[str], removed: Iterable[tuple[str, str]]) -> Counter[str]:
    """What was removed from one place of a row and stands in another, as it stood there, by entity type.

    Args:
      texts: what leaves of the row, with ``<TYPE>`` in the place of what was found.
      removed: the entity type and the characters of everything that was taken out of the row. Less than four
        characters are not looked for; of more than 256, the first 256 are.
    """
    wanted = {
        (entity_type, value[:_MAX_CHARACTERS])
        for entity_type, value in removed
        if len(value) >= _MIN_CHARACTERS
    }
    values = {value for _, value in wanted}
    times = Counter((_one_by_one if len(values) <= _FEW_VALUES else _all_at_once)(values, texts))
    left: Counter[str] = Counter()
    for entity_type, value in wanted:
        left[entity_type] += times[value]
    return +left


def _one_by_one(values: Iterable[str], texts: Sequence[str]) -> Iterator[str]:
    """Each value, as often as it stands in a text, not as a part of a longer word or number."""
    for value in values:
        for text in texts:
            at = text.find(value)
            while at >= 0:
                if _stands_apart(value, text, at):
                    yield value
                at = text.find(value, at + 1)


def _all_at_once(values: Iterable[str], texts: Sequence[str]) -> Iterator[str]:
    """As :func:`_one_by_one`, in one walk through the texts, however many values there are."""
    by_head: defaultdict[str, defaultdict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for value in values:
        by_head[value[:_MIN_CHARACTERS]][len(value)].add(value)
    for text in texts:
        for at in range(len(text) - _MIN_CHARACTERS + 1):
            for size, alike in by_head.get(text[at : at + _MIN_CHARACTERS], {}).items():
                if (value := text[at : at + size]) in alike and _stands_apart(value, text, at):
                    yield value


def _stands_apart(value: str, text: str, at: int) -> bool:
    """Whether no letter or digit is before the value or behind it; of one that was cut, before it."""
    end = at + len(value)
    return not (
        text[max(0, at - 1) : at].isalnum()
        or (len(value) < _MAX_CHARACTERS and text[end : end + 1].isalnum())
    )
