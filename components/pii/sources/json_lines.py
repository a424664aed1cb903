"""JSON lines: one object a line. A missing key, or null, is an empty cell. Blank lines are skipped.

A key that is no column rejects its row: nobody decided about it, and it is not quoted, for a key can be
personal too. A key that is there twice rejects its row as well: a parser would hide one of the values.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

from components.pii.errors import UnreadableSourceError
from components.pii.sources.cells import CellError, cell
from components.pii.sources.record import Part, Record

PART_RECORDS = 4096

_BOM = b"\xef\xbb\xbf"


class _Number(str):
    """A number as it is spelt."""


def read_columns(stream: BinaryIO, *, file: str) -> None:
    """None: the rows name their columns.

    Raises:
      UnreadableSourceError: the file is one JSON list.
    """
    first = next(_lines(stream), None)
    if first is not None and first[1].lstrip().startswith(b"["):
        raise UnreadableSourceError(
            f"{file}: line {first[0]}: begins with a list; JSON lines have one object on each line, with "
            "nothing around them and nothing between them."
        )


def read_records(
    stream: BinaryIO,
    *,
    file: str,
    columns: Sequence[str],
    nested: Collection[str] = (),
    part: Part | None = None,
) -> Iterator[Record]:
    """One record for each line that is not blank."""
    count, before = None, 0
    if part is not None and part.start is not None:
        stream.seek(part.start)
        count, before = part.count, part.line - 1
    known = set(columns)
    for number, line, _ in islice(_lines(stream, before), count):
        try:
            yield Record(file, number, number, _cells(line, columns, known, nested))
        except CellError as error:
            yield Record(file, number, number, problem=str(error))


def read_parts(stream: BinaryIO, *, file: str) -> Iterator[Part]:
    """Parts of at most 4096 lines that are not blank."""
    start, first, count = 0, 1, 0
    for number, _, offset in _lines(stream):
        count += 1
        if count == PART_RECORDS:
            yield Part(start, first, count)
            start, first, count = offset, number + 1, 0
    if count:
        yield Part(start, first, count)


def _lines(stream: BinaryIO, before: int = 0) -> Iterator[tuple[int, bytes, int]]:
    """The lines that are not blank: number, content, and the byte after it."""
    offset = stream.tell()
    for number, line in enumerate(iter(stream.readline, b""), before + 1):
        content = line.removeprefix(_BOM) if offset == 0 else line
        offset += len(line)
        if content.strip():
            yield number, content, offset


def _cells(line: bytes, columns: Sequence[str], known: set[str], nested: Collection[str]) -> tuple[str, ...]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise CellError("encoding") from None
    row = _parsed(text, parse_int=_Number, parse_float=_Number)
    if not isinstance(row, dict):
        raise CellError("not an object")
    if not row.keys() <= known:
        raise CellError("unknown key")
    if any(isinstance(value, dict | list) for value in row.values()):
        # Inside of a list or a structure a number must stay one.
        plain = _parsed(text)
        row = {name: plain[name] if isinstance(value, dict | list) else value for name, value in row.items()}
    return tuple(cell(name, row.get(name), nested=name in nested) for name in columns)


def _parsed(text: str, **numbers: Any) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse, **numbers)
    except CellError:
        raise
    except (ValueError, RecursionError):
        raise CellError("not JSON") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CellError("repeated key")
    return found


def _refuse(constant: str) -> Any:
    raise CellError("not JSON")
