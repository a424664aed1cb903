"""Names by lists: given names and surnames of many nations, and how they stand side by side.

The lists are Faker's (86 locales, MIT) and those of the US census of 1990 (public domain, in the package
``names``). ``not_names.txt`` holds the names that are English words, places or brands too: found where 13
thousand words of complaints and manuals, in lower case, meet the lists.
"""

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import faker.providers.person
import regex
from presidio_analyzer import EntityRecognizer, RecognizerResult

from components.pii.findings import Finding

SURE, LIKELY, POSSIBLE = 0.8, 0.6, 0.45
"""Given name and surname of the lists; one of them beside a capitalised word; a given name alone."""

_GIVEN, _FAMILY, _COMMON, _WELL_KNOWN = 1, 2, 4, 8
_WORD = regex.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]{2,}+)*+")
# The same for texts in ASCII, in half the time.
_WORD_IN_ASCII = re.compile("[A-Za-z]+(?:['-][A-Za-z]{2,}+)*+")
_LONGEST = 4


class NameListRecognizer(EntityRecognizer):
    """Finds PERSON where words of the name lists stand; needs no model.

    A given name and a surname side by side count in any case; a given name alone where it is capitalised
    and no English word, or is one of the well-known thousand.
    """

    def __init__(self) -> None:
        super().__init__(supported_entities=["PERSON"], name="NameListRecognizer")
        self._names = name_lists()

    def load(self) -> None:
        """Nothing: the lists are read once per process."""

    def analyze(self, text, entities, nlp_artifacts=None) -> list[RecognizerResult]:  # type: ignore[no-untyped-def]
        """As Presidio calls it."""
        return [RecognizerResult(*finding) for finding in self._findings(text)]

    def find(self, texts: Sequence[str]) -> list[list[Finding]]:
        """The findings in each text."""
        return [list(self._findings(text)) for text in texts]

    def _findings(self, text: str) -> Iterator[Finding]:
        names = self._names
        pattern = _WORD_IN_ASCII if text.isascii() else _WORD
        matches = list(pattern.finditer(text))
        kinds = [names.get(match.group().lower(), 0) for match in matches]
        if not any(kind & _GIVEN for kind in kinds):
            return
        words = [match.span() for match in matches]
        at = 0
        while at < len(words):
            if not kinds[at] & _GIVEN:
                at += 1
                continue
            last, score = self._name(text, words, kinds, at)
            if score:
                yield Finding("PERSON", words[at][0], words[last][1], score)
                at = last
            at += 1

    def _name(
        self, text: str, words: Sequence[tuple[int, int]], kinds: Sequence[int], at: int
    ) -> tuple[int, float]:
        """The last word of the name that begins with this word, and its score; 0 where none does."""
        start, end = words[at]
        big = text[start].isupper()
        # A word that is in no list is a name's only where names alone are capitalised.
        only_listed = not big or text[start:end].isupper()
        run = [at]
        for word in range(at + 1, min(at + 2 * _LONGEST, len(words))):
            before, (begin, finish) = words[word - 1], words[word]
            stop = before[1] - before[0] == 1
            if text[before[1] : begin] not in ((" ", ". ") if stop else (" ",)):
                break
            if text[begin].isupper() != big or len(run) == _LONGEST:
                break
            if finish - begin == 1 and big:
                continue
            if only_listed and not kinds[word]:
                break
            run.append(word)
        return _best(kinds, run, big)


def _best(kinds: Sequence[int], run: Sequence[int], big: bool) -> tuple[int, float]:
    first = kinds[run[0]]
    for size in range(len(run), 1, -1):
        rest = [kinds[word] for word in run[1:size]]
        plain = sum(not kind & _COMMON for kind in (first, *rest))
        listed = all(kind & (_GIVEN | _FAMILY) for kind in rest)
        if first & _GIVEN and listed and rest[-1] & _FAMILY and plain >= (1 if big else size):
            return run[size - 1], SURE
        if big and first & _GIVEN and not first & _COMMON and not any(kind & _COMMON for kind in rest):
            return run[size - 1], LIKELY
    if first & _GIVEN and not first & _COMMON and (big or first & _WELL_KNOWN):
        return run[0], POSSIBLE
    return run[0], 0.0


def are_names(first: str, second: str) -> bool:
    """Whether two words in lower case are a given name and a surname, in any order, and no English words."""
    one, other = name_lists().get(first, 0), name_lists().get(second, 0)
    is_pair = (one & _GIVEN and other & _FAMILY) or (one & _FAMILY and other & _GIVEN)
    return bool(is_pair) and not (one | other) & _COMMON


def is_full_name(word: str) -> bool:
    """Whether a word in lower case is a well-known given name and a surname in one, of four letters or more
    each: "annakowalski"."""
    return any(
        name_lists().get(word[:at], 0) & _WELL_KNOWN and are_names(word[:at], word[at:])
        for at in range(4, len(word) - 3)
    )


@cache
def name_lists() -> dict[str, int]:
    """Each name in lower case, with what it can be: given name 1, surname 2, English word 4, well known 8."""
    kinds: dict[str, int] = {}

    def add(names: Sequence[str], kind: int) -> None:
        for name in names:
            for part in name.lower().split():
                if len(part) > 1:
                    kinds[part] = kinds.get(part, 0) | kind

    for module in pkgutil.iter_modules(faker.providers.person.__path__):
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        for attribute in dir(provider):
            names = getattr(provider, attribute)
            if isinstance(names, list | tuple | dict) and "name" in attribute and "format" not in attribute:
                kind = _FAMILY if "last" in attribute else _GIVEN if "first" in attribute else 0
                add([name for name in names if isinstance(name, str)] if kind else (), kind)
    for file, kind, most in (
        ("dist.female.first", _GIVEN, 600),
        ("dist.male.first", _GIVEN, 400),
        ("dist.all.last", _FAMILY, 0),
    ):
        names = [line.split(maxsplit=1)[0] for line in _census(file).read_text().splitlines() if line.strip()]
        add(names, kind)
        add(names[:most], _WELL_KNOWN)
    for word in Path(__file__).with_name("not_names.txt").read_text().split():
        if word in kinds:
            kinds[word] |= _COMMON
    return kinds


def _census(file: str) -> Path:
    spec = importlib.util.find_spec("names")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("names is not installed; install it: pip install names.")
    return Path(spec.origin).with_name(file)
