"""What looks personal by its shape alone: a second opinion that shares no code with the recognisers.

A recogniser asks "what is this?" and reads the words around it. Here the question is only whether a text,
once scrubbed, still holds anything of the form of an e-mail address, a phone number or a payment card.
"""

from collections.abc import Iterator

import phonenumbers
import regex

SHAPES = ("CREDIT_CARD", "EMAIL_ADDRESS", "PHONE_NUMBER")

_PART = r"[^\s@<>()\[\]{}\"',;:]"
# From a word's beginning: to try from each of its letters takes the square of its length.
_EMAIL = regex.compile(rf"(?:\G|(?<!{_PART})){_PART}++@{_PART}+\.\p{{L}}{{2,}}")
_DIGITS = regex.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
# Digits, and what may stand between those of a phone number.
_GROUPS = regex.compile(r"\+?\d(?:[^\w\n]{0,6}+x?[^\w\n]{0,4}+\d)++")
_MIN_DIGITS, _MIN_DIGITS_ABROAD = 10, 7
_CONTEXT = 4
_REGION = "US"


def shapes_in(text: str) -> Iterator[str]:
    """Every shape that the text holds, once for each place: names of :data:`SHAPES`."""
    if "@" in text:
        yield from ("EMAIL_ADDRESS" for _ in _EMAIL.finditer(text))
    for number in _DIGITS.finditer(text):
        if _luhn([int(digit) for digit in number.group() if digit.isdigit()]):
            yield "CREDIT_CARD"
    for groups in _GROUPS.finditer(text):
        # phonenumbers needs a tenth of a millisecond for a date; what no number can be it need not see.
        digits = sum(map(str.isdigit, groups.group()))
        if digits >= (_MIN_DIGITS_ABROAD if "+" in groups.group() else _MIN_DIGITS):
            around = text[max(0, groups.start() - _CONTEXT) : groups.end() + _CONTEXT]
            matcher = phonenumbers.PhoneNumberMatcher(around, _REGION, phonenumbers.Leniency.STRICT_GROUPING)
            yield from ("PHONE_NUMBER" for _ in matcher)


def _luhn(digits: list[int]) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B."""
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
