"""Riders who never lived: names, addresses and numbers of the taxi example."""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from faker import Faker

_LOCALES = {"en_US": 0.6, "es_MX": 0.15, "en_IN": 0.1, "pl_PL": 0.1, "fr_FR": 0.05}
STREET_ABBREVIATIONS = ("Ave", "St", "Blvd", "Pl", "Ter", "Ct", "Dr", "Pkwy", "Avenue", "Street", "Road")
_COMPASS = ("N", "S", "W", "E", "N.", "S.", "W.", "North", "South", "West")


class Rider(NamedTuple):
    identifier: str
    first: str
    name: str
    email: str
    phone: str
    home: str
    card: str
    brand_of_card: str


class People:
    """Draws people, addresses and numbers.

    Args:
      rng: for all but names.
      seed: for names.
      avoided: words, case-folded, that no name holds.
      cards: kinds of payment cards.
    """

    def __init__(
        self, rng: np.random.Generator, seed: int, *, avoided: frozenset[str], cards: Sequence[str]
    ) -> None:
        self._rng = rng
        self._avoided = avoided
        self._cards = cards
        self._fakers = [Faker(locale) for locale in _LOCALES]
        for faker in self._fakers:
            faker.seed_instance(seed)
        self._shares = list(_LOCALES.values())
        self._places = [self._address() for _ in range(1_500)]

    def rider(self, number: int) -> Rider:
        first, faker = self.first_name(), self._faker()
        last = self._distinct(faker.last_name)
        brand = self._cards[int(self._rng.integers(len(self._cards)))]
        return Rider(
            identifier=f"R{number:06d}",
            first=first,
            name=f"{first} {last}",
            email=self._email(first, last),
            phone=self._phone(),
            home=self._address(),
            card=f"{self._rng.integers(10_000):04d}",
            brand_of_card=brand,
        )

    def first_name(self) -> str:
        return self._distinct(self._faker().first_name)

    def place(self) -> str:
        return self._places[self._rng.integers(len(self._places))]

    def receipt_number(self, day: datetime) -> str:
        serial, check = self._rng.integers(100_000, 1_000_000), self._rng.integers(1_000, 10_000)
        forms = (
            f"R-{check}-{serial}",
            f"CHI-{check}-{serial}",
            f"{day:%Y%m%d}-{serial}",
            f"LS{serial}K{check}",
        )
        return forms[self._rng.integers(len(forms))]

    def _faker(self) -> Faker:
        return self._fakers[self._rng.choice(len(self._fakers), p=self._shares)]

    def _distinct(self, draw: Callable[[], str]) -> str:
        while not self._avoided.isdisjoint((name := draw()).casefold().replace("-", " ").split()):
            pass
        return name

    def _email(self, first: str, last: str) -> str:
        given, family, number = _ascii(first), _ascii(last), self._rng.integers(100)
        local = (
            f"{given}.{family}",
            f"{given}{family}{number}",
            f"{given[0]}{family}{number}",
            f"{family}_{given}",
        )
        domain = ("example.com", "example.org", "mail.example.net")
        return f"{local[self._rng.integers(len(local))]}@{domain[self._rng.integers(len(domain))]}"

    def _phone(self) -> str:
        area, last = (312, 773, 872)[self._rng.integers(3)], f"{self._rng.integers(10_000):04d}"
        forms = (
            f"({area}) 555-{last}",
            f"{area}-555-{last}",
            f"{area}.555.{last}",
            f"{area} 555 {last}",
            f"+1 {area} 555 {last}",
            f"{area}555{last}",
            f"({area})555-{last} ext. {self._rng.integers(10, 100)}",
        )
        return forms[self._rng.integers(len(forms))]

    def _address(self) -> str:
        faker, rng = self._fakers[0], self._rng
        if rng.random() < 0.5:
            address = self._distinct(faker.street_address)
        else:
            street = f"{rng.integers(18, 112)}th" if rng.random() < 0.1 else self._distinct(faker.last_name)
            compass, suffix = (
                _COMPASS[rng.integers(len(_COMPASS))],
                STREET_ABBREVIATIONS[rng.integers(len(STREET_ABBREVIATIONS))],
            )
            address = f"{rng.integers(1, 10_000)} {compass} {street} {suffix}"
        return address + (f", Chicago, IL {rng.integers(60_601, 60_662)}" if rng.random() < 0.25 else "")


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ł", "l").replace("Ł", "L"))
    return "".join(char for char in plain.casefold() if char.isascii() and char.isalnum())
