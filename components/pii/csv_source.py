"""Reading CSV so that a bad row is told apart from a bad file, and neither is ever quoted back."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from components.pii.errors import UnreadableSourceError

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file, from ``line`` to ``last_line``. Its cells stay out of its repr.

    ``problem`` says why the cells could not be read (``encoding`` or ``quoting``); then there are none.
    """

    file: str
    line: int
    last_line: int
    cells: tuple[str, ...] = field(default=(), repr=False)
    problem: str | None = None


def read_header(stream: BinaryIO, *, file: str) -> list[str]:
    """The column names in a file's first record.

    Raises:
      UnreadableSourceError: the file is empty, or a name is missing, repeated or not UTF-8.
    """
    record = next(_records(stream, file), None)
    if record is None:
        raise UnreadableSourceError(f"{file}: has no header; the first line must name the columns.")
    if record.problem is not None:
        raise UnreadableSourceError(
            f"{file}: line {record.line}: the header is not readable ({record.problem})."
        )
    names = [name.strip() for name in record.cells]
    if any(not name for name in names):
        raise UnreadableSourceError(f"{file}: line {record.line}: column {names.index('') + 1} has no name.")
    if len(set(names)) != len(names):
        raise UnreadableSourceError(f"{file}: line {record.line}: two columns have the same name.")
    return names


def read_records(stream: BinaryIO, *, file: str) -> Iterator[Record]:
    """The records under the header. Blank lines are skipped.

    Raises:
      UnreadableSourceError: a quote is opened and never closed, so that rows would be swallowed.
    """
    records = _records(stream, file)
    next(records, None)
    return records


def _records(stream: BinaryIO, file: str) -> Iterator[Record]:
    reader = csv.reader(_lines(stream), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error) or "field limit" in str(error):
                raise UnreadableSourceError(
                    f"{file}: line {line}: a quote is opened and not closed; close it, or double it "
                    'where it is part of the text ("").'
                ) from None
            yield Record(file, line, reader.line_num, problem="quoting")
            continue
        if not cells:
            continue
        problem = None if _is_text(cells) else "encoding"
        yield Record(file, line, reader.line_num, () if problem else tuple(cells), problem)


def _lines(stream: BinaryIO) -> Iterator[str]:
    # Beam's compressed files have readline() and cannot be iterated.
    for number, line in enumerate(iter(stream.readline, b"")):
        text = line.decode("utf-8", "surrogateescape")
        yield text.removeprefix(_BOM) if number == 0 else text


def _is_text(cells: list[str]) -> bool:
    try:
        "".join(cells).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in "".join(cells)
