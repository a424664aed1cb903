"""Typed values as the text of a cell: exactly, or not at all."""

import json
from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from components.pii.sources.record import Record


class CellError(ValueError):
    """A value cannot be a cell. The message, a dead letter's reason, holds nothing of the value."""


def to_record(
    file: str, number: int, columns: Iterable[str], values: Iterable[Any], nested: Collection[str]
) -> Record:
    """A record of typed values in the order of the columns."""
    try:
        cells = tuple(
            cell(name, value, nested=name in nested) for name, value in zip(columns, values, strict=True)
        )
    except CellError as error:
        return Record(file, number, number, problem=str(error))
    return Record(file, number, number, cells)


def cell(name: str, value: Any, *, nested: bool) -> str:
    """The text of a value in the column ``name``; empty for None.

    Booleans are ``true`` and ``false``, times are ISO 8601, bytes are read as UTF-8.

    Raises:
      CellError: the value is nested where it may not be, no text, or of a type that has no exact text.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict | list | tuple):
        if not nested:
            raise CellError(f"nested value in column {name}")
        return json_text(value)
    return text(str(_plain(value)))


def text(value: str) -> str:
    """The text itself; raises CellError where it could not be written as UTF-8, or holds a NUL."""
    if "\0" in value:
        raise CellError("encoding")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise CellError("encoding") from None
    return value


def json_text(value: Any) -> str:
    """A list or a structure as JSON; raises CellError where JSON cannot say it."""
    try:
        return text(json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain))
    except CellError:
        raise
    except (ValueError, TypeError, RecursionError):
        raise CellError("value that JSON cannot hold") from None


def _plain(value: Any) -> str | int | float:
    for kind, spelt in _SPELLINGS:
        if isinstance(value, kind):
            return spelt(value)
    raise CellError("value of an unknown type")


def _utf8(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise CellError("encoding") from None


_SPELLINGS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (int, int.__repr__),
    (float, float.__repr__),
    (bytes, _utf8),
    (Decimal, lambda value: format(value, "f")),
    (datetime, lambda value: value.isoformat()),
    (date, date.isoformat),
    (time, time.isoformat),
    (UUID, str),
)
