"""CSV with a header, as Python's csv module reads it. Blank lines are skipped."""

import csv
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from components.pii.errors import UnreadableSourceError
from components.pii.sources.record import Part, Record

PART_RECORDS = 4096
MAX_CELL = 64 * 2**20

_BOM = "\ufeff"

# Python's own limit of 131,072 characters would take a long cell for a quote that is not closed.
csv.field_size_limit(MAX_CELL)


def read_columns(stream: BinaryIO, *, file: str) -> list[str]:
    """The column names in a file's first record.

    Raises:
      UnreadableSourceError: the file is empty, or a name is missing, repeated or not UTF-8.
    """
    record = next(_records(_Lines(stream), file), None)
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


def read_records(
    stream: BinaryIO,
    *,
    file: str,
    columns: Sequence[str] = (),
    nested: Collection[str] = (),
    part: Part | None = None,
) -> Iterator[Record]:
    """The records under the header; their cells are in the order of the file, whatever ``columns`` says.

    Raises:
      UnreadableSourceError: a quote is opened and never closed, so that rows would be swallowed.
    """
    if part is None or part.start is None:
        return islice(_records(_Lines(stream), file), 1, None)
    stream.seek(part.start)
    return islice(_records(_Lines(stream), file, part.line - 1), part.count)


def read_parts(stream: BinaryIO, *, file: str) -> Iterator[Part]:
    """Parts of at most 4096 records. Only the reader itself knows where one ends: a cell may hold lines."""
    lines = _Lines(stream)
    records = _records(lines, file)
    header = next(records, None)
    start, line, count = lines.offset, header.last_line + 1 if header else 1, 0
    for record in records:
        count += 1
        if count == PART_RECORDS:
            yield Part(start, line, count)
            start, line, count = lines.offset, record.last_line + 1, 0
    if count:
        yield Part(start, line, count)


class _Lines:
    """The lines of a stream as text, and the byte where the next one begins."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.offset = stream.tell()

    def __iter__(self) -> Iterator[str]:
        # Beam's compressed files have readline() and cannot be iterated.
        while line := self._stream.readline():
            text = line.decode("utf-8", "surrogateescape")
            if self.offset == 0:
                text = text.removeprefix(_BOM)
            self.offset += len(line)
            yield text


def _records(lines: _Lines, file: str, lines_before: int = 0) -> Iterator[Record]:
    reader = csv.reader(lines, strict=True)
    while True:
        line = lines_before + reader.line_num + 1
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
            yield Record(file, line, lines_before + reader.line_num, problem="quoting")
            continue
        if not cells:
            continue
        problem = None if _is_text(cells) else "encoding"
        yield Record(file, line, lines_before + reader.line_num, () if problem else tuple(cells), problem)


def _is_text(cells: list[str]) -> bool:
    joined = "".join(cells)
    try:
        joined.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in joined
