"""A text, looked at once: what its words and numbers are, and where they stand."""

import re
from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property

import regex

from components.pii.recognizers.sieve import in_ascii

_WORD = regex.compile(r"[^\W\d_]{1,60}+")
_CAMEL_CASE = regex.compile(r"\p{Ll}\p{Lu}")
# The same for texts in ASCII, in half the time.
_WORD_IN_ASCII = re.compile("[A-Za-z]{1,60}")
_CAMEL_CASE_IN_ASCII = re.compile("[a-z][A-Z]")
_RECASED = regex.compile(r"(?<!\d)[^\W\d_]{1,60}+(?!\d)|(?<=\d)(?i:st|nd|rd|th)\b")
_HUMP = regex.compile(r"\p{Lu}?\p{Ll}+|\p{Lu}+(?!\p{Ll})")
_GROUP = re.compile(r"(?<![0-9A-Za-z_.-])\d+|[(+](?=[(+]?\d)")
_NUMBER = re.compile("[0-9](?:[ .()/\u2013-]{0,2}[0-9])*+")
_CONTEXT_BEFORE = 60
_CONTEXT_AFTER = 30

_STATES = frozenset(
    regex.findall(
        r"\w+",
        """
    AK AL AZ CA CO CT DC DE FL GA HI IA ID IL KS KY MA MD MI MN MO MS MT NC ND NE NH NJ NM NV NY OH OK
    PA RI SC SD TN TX UT VA VT WA WI WV WY NSW VIC QLD TAS ON QC BC
    """,
    )
)
# Words that are seldom a name or part of one.
_SMALL = frozenset(
    regex.findall(
        r"\w+",
        """
    a about after again all also am an and any are as ask asked at back be been before best but by call
    called came can card care cash change city code come confirmation contact could country customer
    date day delivery departure arrival did do does drop dropoff each email fax for from get go good got
    had has have he help her here him his how i if in into is it its just know last let like ll look
    made many may me mobile more much my name need never new no not now number of off office on one only
    open or order our out over paid party per phone pick pickup please price re receipt said same say
    see send sent served she since so some still table take tel than thank thanks that the their them
    then there they this time to today told total trip until up upon us use user very via visit want was
    we were what when where which while who why will with would year yes you your und der die das den
    dem des ein eine ist ich sie wir ihr ihre mit für auf bei nach wohne am im zu zum zur st nd rd th et
    le la les un une est je vous nous votre mon ma avec pour sur dans au aux du y el los las una es yo
    su mi con para por en e il lo gli uno mio mia con per nel abito
    """,
    )
)


class Glance:
    """A text, and what one look at it tells: its words and its numbers, with their places.

    Attributes:
      text: the text.
      readable: the text as sieves read it.
      vocabulary: its words in lower case; of ``dateOfBirth`` also ``of``.
      numbers: start, end and number of digits of each run of digits and what stands between digits.
      groups: where a group of digits starts that no letter or digit of ASCII, underscore, full stop or hyphen
        stands before, or the parenthesis or plus sign before it.
      digits: how many digits the longest number has; 0 where there is none.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.readable = in_ascii(text)
        is_ascii = text.isascii()
        self._lowered = _lowered(text)
        self._humps = _humps(text) if (_CAMEL_CASE_IN_ASCII if is_ascii else _CAMEL_CASE).search(text) else {}
        self.vocabulary = {*(_WORD_IN_ASCII if is_ascii else _WORD).findall(self._lowered), *self._humps}
        self.numbers = [(*match.span(), _count_digits(match.group())) for match in _NUMBER.finditer(text)]
        self.groups = [match.start() for match in _GROUP.finditer(text)] if self.numbers else []
        self.digits = max([digits for _, _, digits in self.numbers], default=0)
        self._around: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
        self._places: dict[str, list[int]] = {}

    def places(self, word: str) -> list[int]:
        """Where this word of the vocabulary starts."""
        # Few words are asked for: it is quicker to look for each than to note all places.
        if word not in self._places:
            self._places[word] = self._look_for(word)
        return self._places[word]

    def _look_for(self, word: str) -> list[int]:
        text, length, places, at = self._lowered, len(word), [], -1
        while (at := text.find(word, at + 1)) >= 0:
            if not text[at - 1 : at].isalpha() and not text[at + length : at + length + 1].isalpha():
                places.append(at)
        return sorted({*places, *self._humps[word]}) if word in self._humps else places

    @cached_property
    def recased(self) -> "Glance":
        """A text all in capitals or all in small letters, with its words written as names are, those apart
        that are seldom in names. Other texts as they are."""
        if not (self.text.isupper() or self.text.islower()):
            return self
        return Glance(_RECASED.sub(_recase, self.text))

    def around_numbers(self, digits: int, before: int, after: int) -> list[tuple[int, int]]:
        """The stretches around the numbers of so many digits or more; those that touch are one."""
        wanted = digits, before, after
        if wanted not in self._around:
            self._around[wanted] = joined_stretches(
                (start - before, end + after) for start, end, n in self.numbers if n >= digits
            )
        return self._around[wanted]

    def at_words(self, cues: frozenset[str]) -> list[int]:
        """Where one of these words starts."""
        found = self.vocabulary & cues
        if not found:
            return []
        return sorted(place for word in found for place in self.places(word))

    def has_word_near(self, cues: frozenset[str], start: int, end: int) -> bool:
        """Whether one of these words starts up to 60 characters before the span, or 30 after it."""
        for word in self.vocabulary & cues:
            places = self.places(word)
            first = bisect_left(places, start - _CONTEXT_BEFORE)
            if first < len(places) and places[first] < end + _CONTEXT_AFTER:
                return True
        return False


def _lowered(text: str) -> str:
    """In lower case, with every character in its place."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)


def _humps(text: str) -> dict[str, list[int]]:
    """Each part of the words in camel case, in lower case, with the places where it starts."""
    places: dict[str, list[int]] = {}
    for match in _WORD.finditer(text):
        if _CAMEL_CASE.search(match.group()):
            for hump in _HUMP.finditer(match.group()):
                places.setdefault(hump.group().lower(), []).append(match.start() + hump.start())
    return places


def _count_digits(text: str) -> int:
    return len(text) if text.isdigit() else sum(map(str.isdigit, text))


def _recase(match: "regex.Match[str]") -> str:
    word = match.group()
    if word.upper() in _STATES:
        return word
    changed = word.lower() if word.lower() in _SMALL else word.capitalize()
    return changed if len(changed) == len(word) else word


def joined_stretches(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in stretches:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((max(0, start), end))
    return joined
