"""Sentences made from templates: people and places of many countries where they are known to be."""

import calendar
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import regex
from faker import Faker

from benchmarks.pii.people import part_of, person
from benchmarks.pii.scores import Span

LOCALES = regex.findall(
    r"\w+",
    """
en_US en_US en_US en_GB en_IN en_CA en_AU de_DE fr_FR es_ES es_MX it_IT pt_BR pt_PT nl_NL pl_PL sv_SE tr_TR
cs_CZ fi_FI hu_HU ro_RO en_NG vi_VN id_ID no_NO da_DK hr_HR tw_GH zu_ZA et_EE fil_PH sk_SK sl_SI lv_LV lt_LT
fr_CH de_CH de_AT en_KE en_PK az_AZ yo_NG ha_NG ig_NG sw ga_IE es_AR es_CO en_TH is_IS
""",
)

_LATIN = regex.compile(r"[\p{Latin}\p{M}\p{N}\p{P}\s]+")
_FIELD = regex.compile(r"(\{\w\})")
_FOLDER = Path(__file__).with_name("templates")
_MONTHS = tuple(calendar.month_name)[1:]
_DAYS = tuple(calendar.day_name)
_PLACES = ("city", "city", "country", "state")


class Sentences:
    """Sentences with their labels, the same for the same seed.

    Names are those of the development part of the corpus: Faker's of that part, rare ones, and coined ones.
    """

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self._fakers = {locale: Faker(locale) for locale in sorted(set(LOCALES))}
        for number, faker in enumerate(self._fakers.values()):
            faker.seed_instance(seed * 1000 + number)

    def sentence(self, *, personal: bool) -> tuple[str, list[Span]]:
        """One with people or places in it, or one with none."""
        rng = self._rng
        template = rng.choice(_lines("personal" if personal else "plain"))
        locale = rng.choice(LOCALES)
        text, spans = "", []
        for piece in _FIELD.split(template):
            kind, value = self._filled(piece, locale) if _FIELD.fullmatch(piece) else ("", piece)
            if kind:
                spans.append(Span(len(text), len(text) + len(value), kind))
            text += value
        return text, spans

    def _filled(self, field: str, locale: str) -> tuple[str, str]:
        rng = self._rng
        choices: dict[str, Callable[[], tuple[str, str]]] = {
            "{n}": lambda: ("PERSON", self._full_name(locale)),
            "{f}": lambda: ("PERSON", self._name(locale, "first_name")),
            "{l}": lambda: ("PERSON", self._name(locale, "last_name")),
            "{p}": lambda: (
                "LOCATION",
                self._faked(rng.choice((locale, locale, "en_US")), rng.choice(_PLACES)),
            ),
            "{a}": lambda: (
                "ADDRESS",
                self._faked(locale, "address").replace("\n", rng.choice((", ", "\n"))),
            ),
            "{c}": lambda: ("", rng.choice(_lines("companies")) if rng.random() < 0.6 else self._company()),
            "{b}": lambda: ("", rng.choice(_lines("products"))),
            "{j}": lambda: ("", self._faked("en_US", "job")),
            "{m}": lambda: ("", rng.choice(_MONTHS)),
            "{d}": lambda: ("", rng.choice(_DAYS)),
        }
        return choices[field]()

    def _full_name(self, locale: str) -> str:
        first, last = (self._name(locale, kind) for kind in ("first_name", "last_name"))
        roll = self._rng.random()
        if roll < 0.72:
            return f"{first} {last}"
        if roll < 0.8:
            return f"{first[0]}. {last}"
        if roll < 0.87:
            return f"{first} {self._rng.choice('ABCDEFGHJKLMNPRSTW')}. {last}"
        more = self._name(locale, "last_name" if roll < 0.95 else "first_name")
        return f"{first} {more}{self._rng.choice('- ')}{last}"

    def _name(self, locale: str, kind: str) -> str:
        if self._rng.random() < 0.35:
            someone = person(self._rng, "dev")
            return someone.first if kind == "first_name" else someone.last
        for _ in range(8):
            name = self._faked(locale, kind)
            if part_of(name) == "dev":
                return name
        return self._name("en_US", kind)

    def _faked(self, locale: str, kind: str) -> str:
        for at in (locale, locale, "en_US"):
            make = getattr(self._fakers[at], kind, None)
            if make is not None and _LATIN.fullmatch(value := make().strip()):
                return value
        return self._faked("en_US", "city")

    def _company(self) -> str:
        # Many of Faker's companies are named after people: what a family's name is in, is none's here.
        return f"{self._fakers['en_US'].word().title()} {self._fakers['en_US'].company_suffix()}"


@cache
def _lines(name: str) -> tuple[str, ...]:
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.replace(r"\n", "\n") for line in lines if line)
