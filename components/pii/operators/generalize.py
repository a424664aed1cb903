"""Coarser values: a year for a date, a prefix for a postcode, a grid for a coordinate, a class for a number.

A value that is not what the rule expects raises ValueError, whose message never holds it.
"""

import math
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

import regex

from components.pii.operators.spec import Generalize

_LARGEST = 1e15
_YEAR = regex.compile(r"(?<![\d\p{L}])(?:1[89]|20)\d\d(?![\d\p{L}])")
_NUMBER = regex.compile(r"(?<![\w.])[+-]?\d{1,15}(?:\.\d{1,30})?(?![\w.])")
_PLAIN = regex.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?\s*")


def generalize(value: str, rule: Generalize) -> str:
    """The coarser value of a whole cell; dates as in ISO 8601 ("1984-03-05", with or without a time)."""
    if rule.to is not None:
        date = _date(value.strip())
        return f"{date.year:04d}" if rule.to == "year" else f"{date.year:04d}-{date.month:02d}"
    if rule.prefix is not None:
        return _prefix(value.strip(), rule.prefix)
    if rule.grid is not None:
        return _floor(value, rule.grid)
    width = rule.width or math.nan
    return _class(_floor(value, width), width)


def lower_bound(value: str, rule: Generalize) -> float:
    """The coarser value as a number: the year, the grid's line, the lower bound of the class."""
    if rule.width is not None:
        return float(_floor(value, rule.width))
    return float(_ascii(generalize(value, rule)))


def generalize_found(text: str, rule: Generalize) -> str:
    """The coarser value of a finding in a text, where people write as they like.

    A year is also read from a date in words that holds exactly one ("5 March 1984"). A grid is laid over
    each number of a pair ("41.88, -87.63"); degrees and minutes are not read.
    """
    if rule.to == "year" and len(years := _YEAR.findall(text)) == 1:
        return str(years[0])
    if rule.grid is None:
        return generalize(text, rule)
    if regex.search(r"[\p{L}\p{N}\p{M}]", _NUMBER.sub("", text)) or not _NUMBER.search(text):
        raise ValueError("not a coordinate")
    grid = rule.grid
    return str(_NUMBER.sub(lambda match: _floor(match.group(), grid), text))


def _date(value: str) -> datetime:
    try:
        return datetime.fromisoformat(_ascii(value))
    except ValueError:
        raise ValueError("not a date of ISO 8601") from None


def _prefix(value: str, length: int) -> str:
    places = [index for index, char in enumerate(value) if char.isalnum()]
    if len(places) <= length:
        raise ValueError("too short for its prefix")
    return value[: places[length - 1] + 1]


def _floor(value: str, step: float) -> str:
    """The largest multiple of the step that is not above the value, written with the step's decimals."""
    if not value.isascii() or not _PLAIN.fullmatch(value):
        raise ValueError("not a number")
    if not math.isfinite(float(value)) or abs(float(value)) > _LARGEST:
        raise ValueError("too large")
    exact = _decimal(step)
    floor = (Decimal(value.strip()) / exact).to_integral_value(ROUND_FLOOR) * exact
    return format(floor if floor else abs(floor), "f")


def _class(low: str, width: float) -> str:
    whole = width.is_integer()
    high = Decimal(low) + _decimal(width) - (1 if whole else 0)
    if whole and width == 1:
        return low
    return f"{low}-{high:f}" if Decimal(low) >= 0 else f"{low} to {high:f}"


def _decimal(step: float) -> Decimal:
    return Decimal(format(Decimal(repr(step)).normalize(), "f"))


def _ascii(value: str) -> str:
    if not value.isascii():
        raise ValueError("not ASCII")
    return value
