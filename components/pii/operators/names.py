"""People's names: which ways of writing are the same name, and which short forms are part of a long one."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import regex

Words = tuple[str, ...]
People = Mapping[str, Sequence[Words]]
"""Full names by each of their words; see :func:`by_word`."""
NOBODY: People = MappingProxyType({})

_TITLES = """
mr mrs ms miss mx dr prof professor sir madam dame lord lady rev reverend fr hon
herr frau monsieur madame mme mlle senor senora don dona signor signora
"""
_SUFFIXES = frozenset(("jr", "sr", "ii", "iii", "iv", "phd", "md", "dds", "dvm", "esq"))
_NOT_NAMES = _SUFFIXES.union(_TITLES.split())
_WORD = regex.compile(r"[^\s,;:()\"<>/]+")
_GENITIVE = regex.compile(r"['\u2019]s$")


class Person(NamedTuple):
    """Who a name means: the words of the full name, and which of its halves the text gives.

    ``first`` is ``full``, ``initial`` or empty; ``last`` says whether anything behind the first name is
    there.
    """

    words: Words
    first: str
    last: bool


def folded(text: str) -> str:
    """The text without case, accents, invisible characters and variants of letters that look alike."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(char for char in apart if unicodedata.category(char) not in ("Mn", "Cf")).casefold()


def words(name: str) -> Words:
    """A name's words, equal for all ways of writing it.

    Case, accents, blanks, titles, suffixes and the initials of middle names do not count; "Ruiz, Ana" is
    "Ana Ruiz". Empty only where the name has no letters.
    """
    family, comma, given = name.partition(",")
    found = _plain(name)
    if comma and _plain(given) and not set(_plain(given)) <= _SUFFIXES:
        found = _plain(given) + _plain(family)
    bare = [word for word in found if word not in _NOT_NAMES] or found
    middle = [word for word in bare[1:-1] if len(word) > 1]
    return tuple(bare[:1] + middle + bare[1:][-1:])


def by_word(names: Iterable[Words]) -> People:
    """These full names under each of their words, in their order."""
    people: defaultdict[str, dict[Words, None]] = defaultdict(dict)
    for name in names:
        for word in name:
            people[word][name] = None
    return {word: list(alike) for word, alike in people.items()}


def person(name: str, known: People) -> Person:
    """Who a name means in a row where these full names are known; the first that fits counts.

    "Ana", "Ruiz" and "A. Ruiz" mean Ana Ruiz where she is known, and otherwise a person of that name.
    """
    given = words(name)
    for full in known.get(given[-1], ()) if given else ():
        if given == full:
            break
        initial = len(given) > 1 and len(given[0]) == 1 and full[0].startswith(given[0])
        rest = given[1:] if initial else given
        if set(rest) <= set(full):
            first = "initial" if initial else "full" if full[0] in rest else ""
            return Person(full, first, any(word in full[1:] for word in rest))
    return Person(given, "full", len(given) > 1)


def _plain(name: str) -> list[str]:
    stripped = (word.strip(".'\u2019`-*_!?") for word in _WORD.findall(folded(name)))
    return [_GENITIVE.sub("", word) for word in stripped if word]
