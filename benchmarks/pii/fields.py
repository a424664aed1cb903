"""What stands for a ``{{field}}`` of a template: personal data with its type, or words and numbers without.

A field's name may end in a digit: ``{{name2}}`` is another person, and ``{{email2}}`` that person's address.
Within a sample, a field of the same name has the same value; those of :data:`PLAIN` vary.
"""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from benchmarks.pii import identifiers, places
from benchmarks.pii.people import Part, Person, person
from benchmarks.pii.words import words


class Piece(NamedTuple):
    """Text and, if it is personal, its entity type; else ``""``."""

    text: str
    entity_type: str = ""


Pieces = list[Piece]


class Scene:
    """The people and things of one sample."""

    def __init__(self, rng: Random, part: Part) -> None:
        self.rng = rng
        self.part = part
        self._people: dict[int, Person] = {}
        self._values: dict[tuple[str, int], Pieces] = {}
        self._said: set[str] = set()

    def fragment(self, choices: tuple[str, ...]) -> str:
        """One of the choices that this sample has not used yet, as long as there is one."""
        new = [choice for choice in choices if choice not in self._said] or list(choices)
        chosen = self.rng.choice(new)
        self._said.add(chosen)
        return chosen

    def person(self, index: int) -> Person:
        if index not in self._people:
            self._people[index] = person(self.rng, self.part)
        return self._people[index]

    def field(self, name: str) -> Pieces:
        """The pieces that stand for a field; KeyError names one that does not exist."""
        if name in PLAIN:
            return [Piece(PLAIN[name](self.rng, self.part))]
        stem, index = (name[:-1], int(name[-1])) if name[-1].isdigit() else (name, 1)
        if (stem, index) not in self._values:
            self._values[stem, index] = _PERSONAL[stem](self, index)
        return self._values[stem, index]


def _any_name(scene: Scene, index: int) -> Pieces:
    one, rng = scene.person(index), scene.rng
    middle = rng.choice("ABCDEFGHJKLMPRST")
    roll = rng.random()
    if roll < 0.08:
        return [Piece(f"{one.title} "), Piece(one.last, "PERSON")]
    if roll < 0.12:
        return [Piece(f"{one.title} "), Piece(f"{one.first} {one.last}", "PERSON")]
    forms = (
        (0.20, f"{one.first[0]}. {one.last}"),
        (0.27, f"{one.first} {middle}. {one.last}"),
        (0.32, one.first),
        (0.36, f"{one.first} {one.last.upper()}"),
        (0.39, f"{one.first} {one.last}".lower()),
        (0.42, f"{one.first} {one.last}".upper()),
        (0.45, f"{one.first[0]}.{middle}. {one.last}"),
        (0.48, f"{one.last}, {one.first}"),
        (1.00, f"{one.first} {one.last}"),
    )
    return [Piece(next(text for limit, text in forms if roll < limit), "PERSON")]


def _name(form: Callable[[Person], str]) -> Callable[[Scene, int], Pieces]:
    return lambda scene, index: [Piece(form(scene.person(index)), "PERSON")]


def _titled(scene: Scene, index: int) -> Pieces:
    one = scene.person(index)
    return [Piece(f"{one.title} "), Piece(one.last, "PERSON")]


def _handle(scene: Scene, index: int) -> str:
    first, last = scene.person(index).ascii_parts
    number = scene.rng.choice(("", "", str(scene.rng.randint(1, 99)), str(scene.rng.randint(1960, 2005))))
    joined = scene.rng.choice(
        (f"{first}.{last}", f"{first}_{last}", first[0] + last, first + last, f"{last}{first[0]}")
    )
    return (joined if scene.rng.random() < 0.8 else scene.rng.choice(words(scene.part, "nickname"))) + number


def _email(scene: Scene, index: int) -> Pieces:
    domain = scene.rng.choice(words(scene.part, "domain"))
    return [Piece(f"{_handle(scene, index)}@{domain}", "EMAIL_ADDRESS")]


def _username(scene: Scene, index: int) -> Pieces:
    return [Piece(_handle(scene, index), "USERNAME")]


def _mention(scene: Scene, index: int) -> Pieces:
    return [Piece("@" + _handle(scene, index).replace(".", "_"), "USERNAME")]


def _url(scene: Scene, index: int) -> Pieces:
    form = scene.rng.choice(words(scene.part, "url"))
    token = "".join(scene.rng.choice("abcdefghijkmnpqrstuvwxyz0123456789") for _ in range(20))
    first, last = scene.person(index).ascii_parts
    handle = f"{first}{scene.rng.choice(('-', '.', ''))}{last}"
    return [Piece(form.format(handle=handle, token=token, number=identifiers.digits(scene.rng, 6)), "URL")]


def _birthday(scene: Scene, index: int) -> Pieces:
    form = scene.rng.choice(_BIRTHDAYS)
    return [Piece(_written(identifiers.birthday(scene.rng), form), "DATE_OF_BIRTH")]


def _national_id(scene: Scene, index: int) -> Pieces:
    rng = scene.rng
    if rng.random() < 0.15:
        cue, value = identifiers.other_national_id(rng)
        kind = "NATIONAL_ID"
    else:
        kind = rng.choice(list(identifiers.NATIONAL_IDS))
        make, cues = identifiers.NATIONAL_IDS[kind]
        cue, value = rng.choice(cues), make(rng)
    return [Piece(cue + rng.choice((": ", " ", " is ", ": ", " - "))), Piece(value, kind)]


def _made(entity_type: str, make: Callable[[Random, Part], str]) -> Callable[[Scene, int], Pieces]:
    return lambda scene, index: [Piece(make(scene.rng, scene.part), entity_type)]


def _one_of(kind: str) -> Callable[[Scene, int], Pieces]:
    make = identifiers.NATIONAL_IDS[kind][0]
    return lambda scene, index: [Piece(make(scene.rng), kind)]


def _both(made: Callable[[Random], str]) -> Callable[[Random, Part], str]:
    return lambda rng, part: made(rng)


_PERSONAL: dict[str, Callable[[Scene, int], Pieces]] = {
    "name": _any_name,
    "full": _name(lambda one: f"{one.first} {one.last}"),
    "first": _name(lambda one: one.first),
    "last": _name(lambda one: one.last),
    "last_first": _name(lambda one: f"{one.last}, {one.first}"),
    "caps": _name(lambda one: f"{one.first} {one.last}".upper()),
    "caps_last_first": _name(lambda one: f"{one.last} {one.first}".upper()),
    "lower": _name(lambda one: f"{one.first} {one.last}".lower()),
    "lower_first": _name(lambda one: one.first.lower()),
    "initial": _name(lambda one: f"{one.first[0]}. {one.last}"),
    "last_initial": _name(lambda one: f"{one.last}, {one.first[0]}."),
    "titled": _titled,
    "email": _email,
    "username": _username,
    "mention": _mention,
    "url": _url,
    "dob": _birthday,
    "id": _national_id,
    "phone": _made("PHONE_NUMBER", identifiers.phone),
    "address": _made("ADDRESS", places.address),
    "address_line": _made("ADDRESS", lambda rng, part: places.address(rng, part, ", ")),
    "address_lines": _made("ADDRESS", lambda rng, part: places.address(rng, part, "\n")),
    "address_html": _made("ADDRESS", lambda rng, part: places.address(rng, part, "<br>")),
    "street": _made("ADDRESS", places.street),
    "city": _made("LOCATION", places.city),
    "country": _made("LOCATION", places.country),
    "postcode": _made("LOCATION", places.postcode),
    "card": _made("CREDIT_CARD", _both(identifiers.credit_card)),
    "iban": _made("IBAN_CODE", identifiers.iban),
    "ip": _made("IP_ADDRESS", _both(identifiers.ip_address)),
    "mac": _made("MAC_ADDRESS", _both(identifiers.mac_address)),
    "plate": _made("VEHICLE_PLATE", identifiers.plate),
    "crypto": _made("CRYPTO", _both(identifiers.crypto)),
    "coordinates": _made("COORDINATES", _both(identifiers.coordinates)),
    "account": _made("ACCOUNT_NUMBER", identifiers.account),
    "receipt": _made("RECEIPT_NUMBER", identifiers.receipt),
    "passport": _made("PASSPORT", identifiers.passport),
    "licence": _made("DRIVER_LICENSE", identifiers.licence),
    **{kind.lower(): _one_of(kind) for kind in identifiers.NATIONAL_IDS},
}


MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_BIRTHDAYS = (
    "dmy/",
    "mdy/",
    "ymd-",
    "dmy.",
    "d Month y",
    "Month d, y",
    "d Mon y",
    "Month dth y",
    "dmy-",
    "ymd/",
    "dm2.",
    "d-MON-y",
)
_DATES = ("dmy/", "mdy/", "ymd-", "dmy.", "d Month y", "Month d, y", "d Mon y", "Month d")


def _written(day: date, form: str) -> str:
    month = MONTHS[day.month - 1]
    ordinal = {1: "st", 21: "st", 31: "st", 2: "nd", 22: "nd", 3: "rd", 23: "rd"}.get(day.day, "th")
    match form:
        case "d Month y":
            return f"{day.day} {month} {day.year}"
        case "Month d, y":
            return f"{month} {day.day}, {day.year}"
        case "Month d":
            return f"{month} {day.day}"
        case "d Mon y":
            return f"{day.day} {month[:3]} {day.year}"
        case "Month dth y":
            return f"{month} {day.day}{ordinal} {day.year}"
        case "d-MON-y":
            return f"{day.day:02}-{month[:3].upper()}-{day.year}"
        case "dm2.":
            return f"{day:%d.%m.%y}"
    order, by = {"dmy": "%d{0}%m{0}%Y", "mdy": "%m{0}%d{0}%Y", "ymd": "%Y{0}%m{0}%d"}[form[:3]], form[3]
    return day.strftime(order.format(by))


def _day(rng: Random) -> date:
    return date(2019, 1, 1) + timedelta(days=rng.randrange(2500))


def _time(rng: Random) -> str:
    hour, minute = rng.randrange(24), rng.randrange(60)
    if rng.random() < 0.3:
        return f"{hour % 12 or 12}:{minute:02} {'ap'[hour > 11]}m"
    return f"{hour:02}:{minute:02}"


def _amount(rng: Random) -> str:
    value = round(rng.expovariate(1 / 60) + 1, 2)
    return rng.choice(
        ("${:.2f}", "£{:.2f}", "€{:.2f}", "{:.2f} EUR", "{:.2f}", "USD {:.2f}", "₹{:,.0f}")
    ).format(value)


def _stamp(rng: Random) -> str:
    hour, minute, second = rng.randrange(24), rng.randrange(60), rng.randrange(60)
    return f"{_day(rng):%Y-%m-%d}T{hour:02}:{minute:02}:{second:02}.{rng.randrange(1000):03}Z"


def _word(name: str) -> Callable[[Random, Part], str]:
    return lambda rng, part: rng.choice(words(part, name))


PLAIN: dict[str, Callable[[Random, Part], str]] = {
    "amount": _both(_amount),
    "price": _both(lambda rng: f"{rng.expovariate(1 / 20) + 0.5:.2f}"),
    "date": _both(lambda rng: _written(_day(rng), rng.choice(_DATES))),
    "isodate": _both(lambda rng: f"{_day(rng):%Y-%m-%d}"),
    "stamp": _both(_stamp),
    "time": _both(_time),
    "month": _both(lambda rng: rng.choice(MONTHS)),
    "weekday": _both(lambda rng: rng.choice(_WEEKDAYS)),
    "year": _both(lambda rng: str(rng.randint(1995, 2026))),
    "n": _both(lambda rng: str(rng.randint(2, 12))),
    "nn": _both(lambda rng: str(rng.randint(10, 99))),
    "nnn": _both(lambda rng: str(rng.randint(100, 999))),
    "nnnn": _both(lambda rng: str(rng.randint(1000, 9999))),
    "percent": _both(lambda rng: f"{rng.randint(1, 99)}%"),
    "decimal": _both(lambda rng: f"{rng.uniform(0, 40):.2f}"),
    "version": _both(lambda rng: f"{rng.randint(0, 12)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}"),
    "hex": _both(lambda rng: f"{rng.getrandbits(28):07x}"),
    "uuid": _both(lambda rng: "-".join(f"{rng.getrandbits(4 * n):0{n}x}" for n in (8, 4, 4, 4, 12))),
    "sku": _both(lambda rng: identifiers.filled(rng, rng.choice(("??-####", "###-??", "?####-##")))),
    "company": lambda rng, part: f"{rng.choice(words(part, 'firm'))} {rng.choice(words(part, 'trade'))}",
    "product": _word("product"),
    "item": _word("item"),
    "service": _word("service"),
    "dish": _word("dish"),
    "symptom": _word("symptom"),
    "drug": _word("drug"),
}
