"""Invented values: the same value always has the same one, and nobody without the key sees which.

People's names come from Faker's lists of eleven countries: 4,900 first and 7,200 last names, 36 million
pairs. So two of 1,000 different people share a surrogate with probability 0.014; among 100,000 people, about
140 pairs do.
Other values are drawn from a range that belongs to nobody where there is one: mail at ``example.com``
(RFC 2606), telephone exchange 555 in North America, card numbers that begin with 9999 (ISO/IEC 7812: no
issuer), IP addresses 10.0.0.0/8 (RFC 1918) and 2001:db8::/32 (RFC 3849), MAC addresses of local
administration. Elsewhere a surrogate keeps the layout, digit for digit and letter for letter; it is invented,
but somebody may have it, and a checksum does not hold.

A surrogate is never the value itself, and an invented name has no word of the true one. How often a value
occurs stays visible, and with it who occurs most.
"""

import importlib
import ipaddress
from collections.abc import Callable, Mapping
from functools import cache

import phonenumbers
import regex

from components.pii.operators.keyed import Draw, Keyed
from components.pii.operators.names import NOBODY, People, Words, folded, person

WITHOUT_SURROGATE = frozenset({"COORDINATES", "DATE_OF_BIRTH", "DATE_TIME"})
"""Types whose values are not invented but generalised: what counts in them is how near they are."""

_LOCALES = ("de_DE", "en_GB", "en_IE", "en_IN", "en_NZ", "en_US", "es_ES", "fr_FR", "it_IT", "nl_NL", "sv_SE")
_NAME = regex.compile(r"\p{Lu}\p{Ll}+")
_STREETS = ("Street", "Avenue", "Road", "Lane", "Drive", "Court", "Place", "Way", "Boulevard", "Terrace")
_PLACES = ("ville", "ton", "ford", "burg", "field", "wood", "dale", "haven")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_EXTENSION = regex.compile(r"[\s,;]*(?:x|ext\.?|#)\s*\d{1,6}\s*$", regex.IGNORECASE)


def surrogate(value: str, entity_type: str, keyed: Keyed, people: People = NOBODY) -> str:
    """The invented value.

    Args:
      value: the true one.
      entity_type: what it is.
      keyed: the key.
      people: full names that the row knows (:func:`components.pii.operators.names.by_word`). A part of one of
        them becomes the same part of its surrogate.
    """
    if entity_type == "PERSON":
        return _person(value, keyed, people)
    identity = normalized(value, entity_type)
    make = _MAKERS.get(entity_type, _layout)
    for attempt in range(100):
        draw = keyed.draw("surrogate", entity_type, identity, str(attempt))
        invented = make(value, draw)
        if normalized(invented, entity_type) != identity:
            return invented
    return f"<{entity_type}>"


def normalized(value: str, entity_type: str) -> str:
    """What is left of a value when the ways of writing it are taken away."""
    if entity_type == "PHONE_NUMBER":
        return _national(value) or value
    plain = folded(value)
    if entity_type == "EMAIL_ADDRESS":
        return plain.strip()
    return "".join(filter(str.isalnum, plain)) or value


def _person(value: str, keyed: Keyed, people: People) -> str:
    meant = person(value, people)
    first, last = _invented_person(meant.words or (value,), keyed)
    parts = [{"full": first, "initial": f"{first[0]}.", "": ""}[meant.first], last if meant.last else ""]
    return " ".join(filter(None, parts))


def _invented_person(true: Words, keyed: Keyed) -> tuple[str, str]:
    draw = keyed.draw("surrogate", "PERSON", *true)
    firsts, lasts = _names()
    while True:
        first, last = firsts[draw.below(len(firsts))], lasts[draw.below(len(lasts))]
        if first != last and not {folded(first), folded(last)} & set(true):
            return first, last


@cache
def _names() -> tuple[list[str], list[str]]:
    """First and last names of one word, sorted: the order must not depend on the process."""
    firsts: set[str] = set()
    lasts: set[str] = set()
    for locale in _LOCALES:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for source in ("first_names", "first_names_female", "first_names_male"):
            firsts.update(getattr(provider, source, ()))
        lasts.update(provider.last_names)
    return sorted(filter(_NAME.fullmatch, firsts)), sorted(filter(_NAME.fullmatch, lasts))


def _email(value: str, draw: Draw) -> str:
    first, last = (folded(names[draw.below(len(names))]) for names in _names())
    local = regex.sub(r"[^a-z.]", "", f"{first}.{last}")
    return f"{local}{draw.digits(4)}@example.com"


def _username(value: str, draw: Draw) -> str:
    firsts, _ = _names()
    at = "@" if value.lstrip().startswith("@") else ""
    return f"{at}{regex.sub('[^a-z]', '', folded(firsts[draw.below(len(firsts))]))}{draw.digits(5)}"


def _url(value: str, draw: Draw) -> str:
    return "https://example.com/" + "".join(_LETTERS[draw.below(26)] for _ in range(12))


def _address(value: str, draw: Draw) -> str:
    _, lasts = _names()
    street = f"{lasts[draw.below(len(lasts))]} {_STREETS[draw.below(len(_STREETS))]}"
    return f"{1 + draw.below(9999)} {street}"


def _location(value: str, draw: Draw) -> str:
    _, lasts = _names()
    return lasts[draw.below(len(lasts))] + _PLACES[draw.below(len(_PLACES))]


def _phone(value: str, draw: Draw) -> str:
    number = _EXTENSION.sub("", value)
    national = _national(value)
    if not national.isdecimal():
        return _layout(value, draw)
    invented = f"{1 + draw.below(9)}{draw.digits(len(national) - 1)}"
    if len(national) == 10 and _is_north_american(number):
        invented = f"{2 + draw.below(8)}{invented[:2]}555{invented[6:]}"
    return _filled(number, invented)


def _national(value: str) -> str:
    """A phone number's digits without the country's code and the trunk prefix, as far as they are told."""
    number = _international(value)
    try:
        return str(phonenumbers.national_significant_number(phonenumbers.parse(number)))
    except phonenumbers.NumberParseException:
        digits = _digits(number)
        return digits[1:] if len(digits) == 11 and digits[0] == "1" else digits.lstrip("0") or digits


def _is_north_american(value: str) -> bool:
    number = _international(value)
    return number.startswith("+1") if number.startswith("+") else not _digits(number).startswith("0")


def _international(value: str) -> str:
    """The number without extension; the 00 before a country's code is written +."""
    number = _EXTENSION.sub("", value).strip()
    return f"+{number[2:]}" if number.startswith("00") else number


def _card(value: str, draw: Draw) -> str:
    count = len(_digits(value))
    if count < 8:
        return _layout(value, draw)
    body = "9999" + draw.digits(count - 5)
    return _filled(value, body + _luhn(body))


def _luhn(body: str) -> str:
    """The check digit behind these digits (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body)))
    return str(-sum(number - 9 * (number > 9) for number in doubled) % 10)


def _ip(value: str, draw: Draw) -> str:
    if ":" in value:
        return str(ipaddress.IPv6Address((0x20010DB8 << 96) + (draw.below(1 << 48))))
    return str(ipaddress.IPv4Address((10 << 24) + 1 + draw.below((1 << 24) - 2)))


def _mac(value: str, draw: Draw) -> str:
    invented = iter("02" + "".join(f"{draw.below(16):x}" for _ in value))
    return "".join(next(invented) if char.isalnum() else char for char in value)


def _layout(value: str, draw: Draw) -> str:
    """A digit for a digit, a letter for a letter of the same case; ASCII punctuation and blanks stay."""

    def invented(char: str) -> str:
        if char.isdecimal():
            return str(draw.below(10))
        if char.isascii() and not char.isalpha():
            return char
        letter = _LETTERS[draw.below(26)]
        return letter.upper() if char.isupper() else letter

    return "".join(map(invented, value))


def _digits(value: str) -> str:
    return "".join(filter(str.isdecimal, value))


def _filled(layout: str, digits: str) -> str:
    """The layout with its last digits replaced by these; what stands before them stays."""
    left = list(digits)
    filled = [left.pop() if char.isdecimal() and left else char for char in reversed(layout)]
    return "".join(reversed(filled))


_MAKERS: Mapping[str, Callable[[str, Draw], str]] = {
    "ADDRESS": _address,
    "CREDIT_CARD": _card,
    "EMAIL_ADDRESS": _email,
    "IP_ADDRESS": _ip,
    "LOCATION": _location,
    "MAC_ADDRESS": _mac,
    "PHONE_NUMBER": _phone,
    "URL": _url,
    "USERNAME": _username,
}
