"""Invented addresses in the national forms of many countries, and the names of real places."""

from collections.abc import Callable
from functools import cache
from random import Random

import regex
from faker import Faker
from faker.providers.date_time import Provider as Calendar

from benchmarks.pii.identifiers import filled
from benchmarks.pii.people import Part, part_of, person
from benchmarks.pii.words import words

_LATIN = regex.compile(r"[\p{Latin} .'\u2019()/-]+")
_US_SUFFIXES = (
    "Street",
    "St",
    "St.",
    "Avenue",
    "Ave",
    "Ave.",
    "Road",
    "Rd",
    "Drive",
    "Dr",
    "Lane",
    "Ln",
    "Blvd",
)
_GB_SUFFIXES = (
    "Road",
    "Street",
    "Lane",
    "Close",
    "Avenue",
    "Gardens",
    "Crescent",
    "Drive",
    "Way",
    "Terrace",
    "Grove",
)
_STATES = {
    "US": (
        "CA",
        "NY",
        "TX",
        "FL",
        "IL",
        "PA",
        "OH",
        "GA",
        "NC",
        "MI",
        "NJ",
        "VA",
        "WA",
        "AZ",
        "MA",
        "TN",
        "CO",
    ),
    "CA": ("ON", "QC", "BC", "AB", "MB", "NS"),
    "AU": ("NSW", "VIC", "QLD", "WA", "SA", "TAS"),
}
_TOWNS = {
    "US": "Springfield Portland Austin Denver Madison Phoenix Albany Fresno Tulsa Omaha Dayton Savannah "
    "Boise Chicago Seattle Houston Dallas Memphis Cleveland Tucson Oakland Raleigh Tampa Baltimore",
    "GB": "Leeds Manchester Bristol Cardiff Glasgow Norwich York Exeter Reading Derby Luton Oxford Croydon "
    "Bath Stockport Swansea Sheffield Leicester Nottingham Southampton Aberdeen Belfast Harrogate Ipswich",
    "AU": "Sydney Melbourne Brisbane Perth Adelaide Hobart Geelong Newcastle Cairns "
    "Ballarat Bendigo Parramatta",
    "CA": "Toronto Ottawa Calgary Halifax Winnipeg Vancouver Hamilton Kingston Regina Burnaby Surrey",
    "IN": "Mumbai Pune Bengaluru Chennai Hyderabad Kolkata Jaipur Lucknow Ahmedabad Surat Nagpur "
    "Indore Kochi",
    "FI": "Helsinki Tampere Turku Oulu Espoo Vantaa Lahti Kuopio",
    "DK": "Aarhus Odense Aalborg Esbjerg Roskilde Kolding",
    "NO": "Oslo Bergen Trondheim Stavanger Drammen",
    "BR": "Campinas Curitiba Salvador Recife Fortaleza Goiânia Manaus Belém Natal",
    "PT": "Lisboa Porto Braga Coimbra Faro Évora Setúbal",
    "NL": "Amsterdam Rotterdam Utrecht Eindhoven Groningen Haarlem Zwolle Leiden",
    "SE": "Stockholm Göteborg Malmö Uppsala Örebro Linköping Västerås",
    "IE": "Dublin Cork Galway Limerick Sligo Waterford",
}
_BRAZIL = ("SP", "RJ", "MG", "BA", "PR", "RS")


def _town(rng: Random, country: str, part: Part) -> str:
    return rng.choice([town for town in _TOWNS[country].split() if part_of(town) == part])


def _street(rng: Random, part: Part, suffixes: tuple[str, ...]) -> str:
    name = rng.choice(words(part, "street")) if rng.random() < 0.4 else person(rng, part).last
    return f"{name} {rng.choice(suffixes)}"


def _house(rng: Random) -> str:
    return str(rng.randint(1, 180)) + (rng.choice("abcABC") if rng.random() < 0.15 else "")


def _us(rng: Random, part: Part) -> list[str]:
    compass = rng.choice(("N ", "S. ", "West ", "E ")) if rng.random() < 0.2 else ""
    unit = rng.choice(("Apt ##", "Apt. #?", "Suite ###", "Unit #", "#1##")) if rng.random() < 0.3 else ""
    street = f"{rng.randint(1, 19999)} {compass}{_street(rng, part, _US_SUFFIXES)}"
    if rng.random() < 0.08:
        street, unit = f"{rng.choice(('PO Box', 'P.O. Box'))} {rng.randint(10, 9999)}", ""
    line = street + (f"{rng.choice((', ', ' '))}{filled(rng, unit.replace('#1', 'No. '))}" if unit else "")
    zipcode = f"{rng.randint(1001, 99950):05}" + (
        f"-{rng.randint(1, 9999):04}" if rng.random() < 0.15 else ""
    )
    return [line, f"{_town(rng, 'US', part)}, {rng.choice(_STATES['US'])} {zipcode}"]


def _gb(rng: Random, part: Part) -> list[str]:
    flat = [f"Flat {rng.randint(1, 40)}"] if rng.random() < 0.25 else []
    code = (
        f"{rng.choice(('LS', 'M', 'BS', 'CF', 'G', 'NR', 'SW', 'EC', 'E', 'OX'))}{rng.randint(1, 20)} "
        + filled(rng, "#??")
    )
    return [*flat, f"{_house(rng)} {_street(rng, part, _GB_SUFFIXES)}", _town(rng, "GB", part), code]


def _ie(rng: Random, part: Part) -> list[str]:
    code = rng.choice("ADFHKTVX") + filled(rng, "## ?#?#")
    return [f"{_house(rng)} {_street(rng, part, _GB_SUFFIXES)}", f"{_town(rng, 'IE', part)} {code}"]


def _au(rng: Random, part: Part) -> list[str]:
    unit = rng.choice((f"Unit {rng.randint(1, 30)}/", f"{rng.randint(1, 30)}/")) if rng.random() < 0.3 else ""
    tail = f"{_town(rng, 'AU', part)} {rng.choice(_STATES['AU'])} {rng.randint(2000, 7999)}"
    return [f"{unit}{_house(rng)} {_street(rng, part, _GB_SUFFIXES)}", tail]


def _ca(rng: Random, part: Part) -> list[str]:
    code = rng.choice("BHKLMRTV") + filled(rng, "#? #?#")
    return [
        f"{rng.randint(1, 9999)} {_street(rng, part, _US_SUFFIXES)}",
        f"{_town(rng, 'CA', part)}, {rng.choice(_STATES['CA'])} {code}",
    ]


def _in(rng: Random, part: Part) -> list[str]:
    flat = f"{rng.choice(('Flat', 'Flat No.', 'House No.', 'Plot'))} {rng.randint(1, 1200)}"
    society = (
        f"{person(rng, part).last} {rng.choice(('Apartments', 'Nagar', 'Colony', 'Residency', 'Layout'))}"
    )
    road = f"{rng.choice(words(part, 'street'))} Road"
    return [flat, society, road, f"{_town(rng, 'IN', part)} {rng.randint(110001, 799999)}"]


def _number_last(street: Callable[[Random, Part], str], code: str, town: Callable[[Random, Part], str]):  # type: ignore[no-untyped-def]
    """Street, number, then postcode and town: most of the European continent."""

    def lines(rng: Random, part: Part) -> list[str]:
        return [f"{street(rng, part)} {_house(rng)}", f"{filled(rng, code)} {town(rng, part)}"]

    return lines


def _faker_street(locale: str) -> Callable[[Random, Part], str]:
    return lambda rng, part: from_faker(rng, locale, "street_name")


def _faker_town(locale: str) -> Callable[[Random, Part], str]:
    return lambda rng, part: from_faker(rng, locale, "city")


def _listed_town(country: str) -> Callable[[Random, Part], str]:
    return lambda rng, part: _town(rng, country, part)


def _ending(*endings: str) -> Callable[[Random, Part], str]:
    return lambda rng, part: person(rng, part).last.split("-")[0].split()[-1] + rng.choice(endings)


def _french(rng: Random, part: Part) -> list[str]:
    bis = rng.choice((" bis", " ter")) if rng.random() < 0.1 else ""
    way = rng.choice(("rue", "avenue", "boulevard", "place", "chemin", "allée", "Rue", "Avenue"))
    of = rng.choice(("de la ", "du ", "de ", "des ", "")) + person(rng, part).last
    town = from_faker(rng, "fr_FR", "city")
    return [
        f"{rng.randint(1, 150)}{bis}{rng.choice((', ', ' '))}{way} {of}",
        f"{filled(rng, '7#0##')} {town}",
    ]


def _spanish(rng: Random, part: Part) -> list[str]:
    way = rng.choice(("Calle", "C/", "Avenida", "Avda.", "Plaza", "Paseo"))
    floor = f", {rng.randint(1, 9)}º {rng.choice(('A', 'B', 'izq', 'dcha'))}" if rng.random() < 0.4 else ""
    street = f"{way} {rng.choice(('', 'de ', 'del '))}{person(rng, part).last}"
    return [
        f"{street}, {rng.randint(1, 150)}{floor}",
        f"{filled(rng, '28###')} {from_faker(rng, 'es_ES', 'city')}",
    ]


def _italian(rng: Random, part: Part) -> list[str]:
    way = rng.choice(("Via", "Viale", "Piazza", "Corso", "via"))
    town, province = from_faker(rng, "it_IT", "city"), rng.choice(("RM", "MI", "TO", "NA", "BO", "FI"))
    return [
        f"{way} {person(rng, part).last}{rng.choice((', ', ' '))}{_house(rng)}",
        f"{filled(rng, '#####')} {town} ({province})",
    ]


def _polish(rng: Random, part: Part) -> list[str]:
    flat = f"{rng.choice(('/', ' m. '))}{rng.randint(1, 60)}" if rng.random() < 0.4 else ""
    street = f"{rng.choice(('ul.', 'ul.', 'al.', 'os.'))} {from_faker(rng, 'pl_PL', 'street_name')}"
    return [f"{street} {_house(rng)}{flat}", f"{filled(rng, '##-###')} {from_faker(rng, 'pl_PL', 'city')}"]


def _portuguese(country: str) -> Callable[[Random, Part], list[str]]:
    def lines(rng: Random, part: Part) -> list[str]:
        way = rng.choice(("Rua", "Avenida", "R.", "Av.", "Travessa"))
        street = f"{way} {rng.choice(('', 'da ', 'do '))}{person(rng, part).last}, {rng.randint(1, 2500)}"
        if country == "PT":
            return [street, f"{filled(rng, '####-###')} {_town(rng, 'PT', part)}"]
        unit = f", apto {rng.randint(1, 300)}" if rng.random() < 0.4 else ""
        return [street + unit, f"{_town(rng, 'BR', part)} - {rng.choice(_BRAZIL)}", filled(rng, "#####-###")]

    return lines


def _mexican(rng: Random, part: Part) -> list[str]:
    street = f"{rng.choice(('Calle', 'Av.', 'Blvd.'))} {person(rng, part).last} {rng.randint(1, 900)}"
    return [
        street,
        f"Col. {person(rng, part).last}",
        f"{filled(rng, '#####')} {from_faker(rng, 'es_MX', 'state')}",
    ]


_GERMAN = _number_last(
    _ending("straße", "str.", "weg", "allee", "-Straße", "platz", "gasse"), "#####", _faker_town("de_DE")
)
_DUTCH = _number_last(_ending("straat", "laan", "weg", "plein", "kade"), "#### ??", _listed_town("NL"))
_SWEDISH = _number_last(_ending("gatan", "vägen", "gränd"), "### ##", _listed_town("SE"))

FORMS: dict[Part, tuple[Callable[[Random, Part], list[str]], ...]] = {
    "dev": (*(_us,) * 7, *(_gb,) * 4, *(_in, _GERMAN, _GERMAN, _french, _french, _spanish, _italian, _DUTCH),
            *(_polish, _SWEDISH, _portuguese("BR"))),
    "unseen": (*(_us,) * 6, *(_gb,) * 3, *(_au, _au, _ca, _ca, _ie, _in, _portuguese("PT"), _mexican),
               *(_GERMAN, _french, _spanish, _italian, _DUTCH),
               _number_last(_ending("katu", "tie", "nkatu"), "00##0", _listed_town("FI")),
               _number_last(_ending("vej", "gade", "s Allé"), "####", _listed_town("DK")),
               _number_last(_ending("veien", "gata", "s vei"), "####", _listed_town("NO")),
               _number_last(_faker_street("cs_CZ"), "### ##", _faker_town("cs_CZ")),
               _number_last(_ending("gasse", "straße"), "#0#0", _faker_town("de_AT"))),
}  # fmt: skip
"""The forms of address that each part draws from: some are in ``unseen`` only."""


def address(rng: Random, part: Part, between: str | None = None) -> str:
    """A whole address, its lines joined by ``between`` (by default a comma; at times a line break)."""
    lines = rng.choice(FORMS[part])(rng, part)
    by = between if between is not None else rng.choices((", ", "\n", " "), (8, 1, 1))[0]
    return by.join(lines)


def street(rng: Random, part: Part) -> str:
    """Street and number only."""
    while True:
        lines = rng.choice(FORMS[part])(rng, part)
        if len(lines) == 2:
            return lines[0]


def postcode(rng: Random, part: Part) -> str:
    """A postcode on its own."""
    forms = {
        "dev": ("#####", "#####", "LS## #??", "#### ??", "##-###"),
        "unseen": ("#####", "M# #??", "?#? #?#", "####", "### ##"),
    }
    return filled(rng, rng.choice(forms[part]))


def city(rng: Random, part: Part) -> str:
    """A real town."""
    return rng.choice(_cities(part))


def country(rng: Random, part: Part) -> str:
    """A real country."""
    return rng.choice(_countries(part))


@cache
def _cities(part: Part) -> tuple[str, ...]:
    capitals = {land.capital for land in Calendar.countries if _LATIN.fullmatch(land.capital)}
    listed = {town for towns in _TOWNS.values() for town in towns.split()}
    return tuple(sorted(town for town in capitals | listed if part_of(town) == part))


@cache
def _countries(part: Part) -> tuple[str, ...]:
    names = {land.name for land in Calendar.countries if _LATIN.fullmatch(land.name) and len(land.name) < 20}
    return tuple(sorted(name for name in names if part_of(name) == part))


@cache
def _faker(locale: str) -> Faker:
    fake = Faker(locale)
    if locale == "it_IT":
        # Its towns come out of a set: in another order in every process.
        (towns,) = (one for one in fake.get_providers() if hasattr(one, "cities"))
        towns.cities = sorted(towns.cities)
    return fake


def from_faker(rng: Random, locale: str, what: str) -> str:
    fake = _faker(locale)
    fake.random = rng  # type: ignore[attr-defined]
    return str(getattr(fake, what)())
