"""What a row says about itself: the values of its own identifying columns, repeated in its texts.

A recogniser has to guess that "Quinn Ito" is a person. A row whose ``rider_name`` is "Quinn Ito" knows.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

import regex

from components.pii.findings import Finding

SCORE = 1.0
MIN_LETTERS = 3
_PHONE_DIGITS = 7
_MAX_WORDS = 40
_MAX_CHARACTERS = 256
_FEW_WORDS = 20
_MAX_GAP = 3
_WORD = regex.compile(r"[\w'\u2019-]*\w")
_HYPHEN = regex.compile(r"['\u2019-]")
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


def mentions_in(texts: Sequence[str], values: Iterable[tuple[str, str]]) -> list[list[Finding]]:
    """Every place where each of these texts repeats one of the values (each with its entity type).

    All texts are looked at at once: a document of JSON has many, and a row's own values may be long.
    """
    ends = [end + number for number, end in enumerate(accumulate(map(len, texts)))]
    together = "\n".join(texts)
    mentions: list[list[Finding]] = [[] for _ in texts]
    for value, entity_type in values:
        for found in find_mentions(together, value, entity_type):
            number = bisect_left(ends, found.start)
            start = ends[number] - len(texts[number])
            if found.end <= ends[number]:
                mentions[number].append(found._replace(start=found.start - start, end=found.end - start))
    return mentions


def find_mentions(text: str, value: str, entity_type: str) -> list[Finding]:
    """Every place where the text repeats the value, whatever its case.

    Of a person's name, each part of it that is three letters or longer counts too, where it is written as
    a name (capitalised); where it has more than forty words, each word of it. A phone number is recognised
    by its digits, however they are grouped.
    """
    if entity_type == "PHONE_NUMBER":
        spans = list(_digit_runs(text, value))
    else:
        value = value.strip()
        spans = list(_words(text, value)) if len(value) >= MIN_LETTERS else []
        if entity_type == "PERSON":
            if len(value.split()) > _MAX_WORDS:
                return _findings(spans, entity_type) + find_repeated(text, [value], entity_type, SCORE)
            spans += [
                span
                for part in _parts(value)
                if len(part) >= MIN_LETTERS
                for span in _words(text, part)
                if text[span[0]].isupper()
            ]
    return _findings(spans, entity_type)


def _findings(spans: Iterable[tuple[int, int]], entity_type: str) -> list[Finding]:
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
    """Whether a word of these names, which the text holds, can stand in it a second time. Quick: of many
    words it says that they can."""
    folded, words = text.casefold(), _telling_words(names)
    return len(words) > _FEW_WORDS or any(folded.count(word) > 1 for word in words)


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
    head = _HYPHEN.split(word, maxsplit=1)[0]
    return len(head) if head.casefold() in words else 0


def _parts(name: str) -> Iterator[str]:
    """Every run of words in a name: "Ana del Río" is also "Ana del", "del Río", "Ana", "del" and "Río"."""
    words = [word.strip(".,") for word in name.split()]
    for first in range(len(words)):
        for last in range(first + 1, len(words) + 1):
            yield " ".join(words[first:last])


def _words(text: str, value: str) -> Iterator[tuple[int, int]]:
    """Where the value stands, whatever its case, and not as a part of a longer word.

    More than 256 characters that are the same count wherever they stand, and are not looked for inside
    themselves: a text and a value that are one letter over and over must not take the square of their time.
    """
    lowered, wanted = _lower(text), _lower(value)
    is_long = len(wanted) > _MAX_CHARACTERS
    start = lowered.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if is_long or not (text[max(0, start - 1) : start].isalnum() or text[end : end + 1].isalnum()):
            yield start, end
        start = lowered.find(wanted, end if is_long else start + 1)


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
        at = digits.find(wanted, at + (1 if len(wanted) <= _MAX_CHARACTERS else len(wanted)))
