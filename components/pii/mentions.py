"""What a row says about itself: the values of its own identifying columns, repeated in its texts.

A recogniser has to guess that "Quinn Ito" is a person. A row whose ``rider_name`` is "Quinn Ito" knows.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import regex

from components.pii.findings import Finding

SCORE = 1.0
MIN_LETTERS = 3
_PHONE_DIGITS = 7
_MAX_GAP = 3
_WORD = regex.compile(r"[\w'\u2019-]*\w")
_PARTICLES = {
    "van",
    "von",
    "der",
    "den",
    "del",
    "della",
    "los",
    "las",
    "dos",
    "das",
    "the",
    "and",
    "mrs",
    "sir",
}


def find_mentions(text: str, value: str, entity_type: str) -> list[Finding]:
    """Every place where the text repeats the value, whatever its case.

    Of a person's name, each part of it that is three letters or longer counts too, where it is written as
    a name (capitalised). A phone number is recognised by its digits, however they are grouped.
    """
    if entity_type == "PHONE_NUMBER":
        spans = list(_digit_runs(text, value))
    else:
        value = value.strip()
        spans = list(_words(text, value)) if len(value) >= MIN_LETTERS else []
        if entity_type == "PERSON":
            spans += [
                span
                for part in _parts(value)
                if len(part) >= MIN_LETTERS
                for span in _words(text, part)
                if text[span[0]].isupper()
            ]
    return [Finding(entity_type, start, end, SCORE) for start, end in spans]


def find_repeated(text: str, names: Iterable[str], entity_type: str, score: float) -> list[Finding]:
    """Where a text repeats these names, or one word of them that is written as a name (capitalised).

    Words of less than three letters and particles ("von", "del") are no names by themselves. One look at the
    text, however many names there are.
    """
    words = _telling_words(names)
    if not words:
        return []
    return [
        Finding(entity_type, match.start(), match.start() + length, score)
        for match in _WORD.finditer(text)
        if match.group()[0].isupper() and (length := _repeated(match.group(), words))
    ]


def comes_again(text: str, names: Iterable[str]) -> bool:
    """Whether a word of these names, which the text holds, can stand in it a second time. Quick."""
    folded = text.casefold()
    return any(folded.count(word) > 1 for word in _telling_words(names))


def _telling_words(names: Iterable[str]) -> set[str]:
    return {
        word.casefold()
        for name in names
        for word in _WORD.findall(name)
        if len(word) >= MIN_LETTERS and word[0].isupper() and word.casefold() not in _PARTICLES
    }


def _repeated(word: str, words: set[str]) -> int:
    """How many of its first letters are one of these words: all of them, or those before 's or a hyphen."""
    if word.casefold() in words:
        return len(word)
    head = regex.split(r"['\u2019-]", word, maxsplit=1)[0]
    return len(head) if head.casefold() in words else 0


def _parts(name: str) -> Iterator[str]:
    """Every run of words in a name: "Ana del Río" is also "Ana del", "del Río", "Ana", "del" and "Río"."""
    words = [word.strip(".,") for word in name.split()]
    for first in range(len(words)):
        for last in range(first + 1, len(words) + 1):
            yield " ".join(words[first:last])


def _words(text: str, value: str) -> Iterator[tuple[int, int]]:
    lowered, wanted = _lower(text), _lower(value)
    start = lowered.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum():
            yield start, end
        start = lowered.find(wanted, start + 1)


def _lower(text: str) -> str:
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(lower if len(lower := char.lower()) == 1 else char for char in text)


def _digit_runs(text: str, value: str) -> Iterator[tuple[int, int]]:
    wanted = "".join(filter(str.isdigit, value))
    if len(wanted) < _PHONE_DIGITS:
        return
    places = [index for index, char in enumerate(text) if char.isdigit()]
    digits = "".join(text[index] for index in places)
    at = digits.find(wanted)
    while at >= 0:
        run = places[at : at + len(wanted)]
        if all(after - before <= _MAX_GAP + 1 for before, after in pairwise(run)):
            yield run[0], run[-1] + 1
        at = digits.find(wanted, at + 1)
