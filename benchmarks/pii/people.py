"""Invented people: names of many countries, split so that no part of the corpus shares a name.

Three sources: Faker's lists of a locale; the lists of the 1990 US census (package ``names``) without what
any of Faker's lists holds; and coined names, which follow the letters of a locale's names and are in no list.
A name belongs to the part that its hash says. So a list of names that a detector brings, Faker's own even,
does not hold what the unseen part asks for.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module, resources
from random import Random
from typing import Literal

import regex
from faker.config import AVAILABLE_LOCALES

Part = Literal["dev", "unseen"]

LOCALES: dict[Part, tuple[str, ...]] = {
    "dev": (
        *("en_US",) * 4,
        *("en_GB",) * 2,
        *("en_IN", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_BR", "sv_SE"),
    ),
    "unseen": (
        *("en_US",) * 4,
        *("en_GB",) * 2,
        *("en_NZ", "en_IE", "et_EE", "en_IN", "fi_FI", "da_DK", "no_NO", "pt_PT", "cs_CZ", "tr_TR"),
        *("ro_RO", "hr_HR", "de_AT", "es_MX", "fr_CA", "de_DE", "fr_FR", "es_ES", "it_IT"),
    ),
}
"""Whose names are drawn, by part; one that stands more than once is drawn more often."""

_FROM_FAKER: dict[Part, float] = {"dev": 0.6, "unseen": 0.45}
_FROM_CENSUS = 0.9  # of what English locales do not take from Faker, most
_CENSUS_RANKS = {"first": 2500, "last": 20_000}
_ORDER = 3
_LATIN = regex.compile(r"\p{Latin}[\p{Latin}'\u2019 -]*\p{Latin}")
TITLES = {
    "de_DE": ("Herr", "Frau", "Dr.", "Prof. Dr."),
    "de_AT": ("Herr", "Frau", "Mag.", "Dr."),
    "fr_FR": ("M.", "Mme", "Dr"),
    "fr_CA": ("M.", "Mme"),
    "es_ES": ("Sr.", "Sra.", "Don", "Doña"),
    "es_MX": ("Sr.", "Sra."),
    "it_IT": ("Sig.", "Sig.ra", "Dott."),
    "nl_NL": ("Dhr.", "Mevr."),
    "pt_BR": ("Sr.", "Sra."),
}
ENGLISH_TITLES = ("Mr", "Mr.", "Mrs", "Mrs.", "Ms", "Ms.", "Miss", "Dr", "Dr.", "Prof.")


@dataclass(frozen=True)
class Person:
    """An invented person. ``source`` is where the name is from: faker, census or coined."""

    first: str
    last: str
    title: str
    locale: str
    source: str

    @property
    def ascii_parts(self) -> tuple[str, str]:
        """First and last name as they stand in an e-mail address."""
        return _ascii(self.first.split()[0]), _ascii(self.last)


def person(rng: Random, part: Part) -> Person:
    """Someone of this part; nearly half of the names of ``unseen`` come from Faker, the others from no
    list of Faker's."""
    locale = rng.choice(LOCALES[part])
    roll = rng.random()
    if roll < _FROM_FAKER[part]:
        source = "faker"
        first, last = (rng.choice(pool(locale, kind, part)) for kind in ("first", "last"))
    elif locale.startswith("en_") and roll < _FROM_CENSUS:
        source = "census"
        first, last = (rng.choice(_census(kind, part)) for kind in ("first", "last"))
    else:
        source = "coined"
        first, last = (coin(rng, locale, kind, part) for kind in ("first", "last"))
    if rng.random() < 0.05:
        second = (
            coin(rng, locale, "last", part) if source == "coined" else rng.choice(_more(source, locale, part))
        )
        last = f"{last}-{second}" if " " not in last + second else last
    titles = TITLES.get(locale, ENGLISH_TITLES)
    return Person(first, last, rng.choice(titles), locale, source)


def part_of(name: str) -> Part:
    """The part of the corpus that a name belongs to."""
    digest = hashlib.blake2b(name.casefold().encode(), digest_size=8).digest()
    return "dev" if digest[0] % 2 else "unseen"


@cache
def faker_names() -> frozenset[str]:
    """Every name in any of Faker's lists, in lower case."""
    return frozenset(
        name.casefold()
        for locale in AVAILABLE_LOCALES
        for kind in ("first", "last")
        for name in _faker_list(locale, kind)
    )


@cache
def _faker_list(locale: str, kind: str) -> tuple[str, ...]:
    try:
        provider = import_module(f"faker.providers.person.{locale}").Provider
    except ModuleNotFoundError:
        return ()
    found: set[str] = set()
    for attribute in dir(provider):
        values = getattr(provider, attribute)
        if attribute.startswith((f"{kind}_name", f"unisex_{kind}_name")) and isinstance(values, Iterable):
            found.update(name for name in values if isinstance(name, str))
    return tuple(sorted(found))


@cache
def pool(locale: str, kind: str, part: Part) -> tuple[str, ...]:
    return tuple(n for n in _faker_list(locale, kind) if part_of(n) == part and _LATIN.fullmatch(n))


@cache
def _census(kind: str, part: Part) -> tuple[str, ...]:
    files = ("dist.all.last",) if kind == "last" else ("dist.female.first", "dist.male.first")
    ranked = [
        line.split()[0].title()
        for file in files
        for line in (resources.files("names") / file).read_text("ascii").splitlines()[: _CENSUS_RANKS[kind]]
    ]
    known = faker_names()
    return tuple(n for n in dict.fromkeys(ranked) if n.casefold() not in known and part_of(n) == part)


def _more(source: str, locale: str, part: Part) -> tuple[str, ...]:
    return pool(locale, "last", part) if source == "faker" else _census("last", part)


@cache
def _followers(locale: str, kind: str) -> dict[str, str]:
    """What letters follow each run of letters in the names of a locale; ``$`` ends a name."""
    after: dict[str, list[str]] = {}
    for name in _faker_list(locale, kind):
        if _LATIN.fullmatch(name) and " " not in name and name[1:].islower():
            padded = "^" * _ORDER + name.lower() + "$"
            for end in range(_ORDER, len(padded)):
                after.setdefault(padded[end - _ORDER : end], []).append(padded[end])
    return {run: "".join(letters) for run, letters in after.items()}


def coin(rng: Random, locale: str, kind: str, part: Part) -> str:
    followers = _followers(locale, kind)
    while True:
        name = "^" * _ORDER
        while not name.endswith("$") and len(name) < 16:
            name += rng.choice(followers[name[-_ORDER:]])
        name = name.strip("^$").capitalize()
        if 4 <= len(name) <= 11 and name.casefold() not in faker_names() and part_of(name) == part:
            return name


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    return "".join(char for char in plain.lower() if char.isascii() and char.isalnum())
