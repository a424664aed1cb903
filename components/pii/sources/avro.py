"""Avro containers, by fastavro, which is what Beam's own connector reads with."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, BinaryIO

import fastavro

from components.pii.errors import UnreadableSourceError
from components.pii.sources.cells import to_record
from components.pii.sources.record import Part, Record


def read_columns(stream: BinaryIO, *, file: str) -> list[str]:
    """The fields of the file's schema.

    Raises:
      UnreadableSourceError: this is no Avro file, or its schema is not that of a record.
    """
    schema: Any = _opened(stream, file).writer_schema
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise UnreadableSourceError(f"{file}: its schema must be a record with one field for each column.")
    return [field["name"] for field in schema["fields"]]


def read_records(
    stream: BinaryIO,
    *,
    file: str,
    columns: Sequence[str],
    nested: Collection[str] = (),
    part: Part | None = None,
) -> Iterator[Record]:
    """The records, counted from 1.

    Raises:
      UnreadableSourceError: the file is damaged.
    """
    for number, row in enumerate(_rows(stream, file), 1):
        yield to_record(file, number, columns, [row[name] for name in columns], nested)


def read_parts(stream: BinaryIO, *, file: str) -> Iterator[Part]:
    """One part: every reader has to begin at the schema."""
    if count := sum(1 for _ in _rows(stream, file)):
        yield Part(None, 1, count)


def _rows(stream: BinaryIO, file: str) -> Iterator[dict[str, Any]]:
    rows = iter(_opened(stream, file))
    number = 0
    while True:
        try:
            row = next(rows, None)
        except Exception:
            # fastavro raises whatever the bytes lead it to, and may quote them.
            raise UnreadableSourceError(f"{file}: is damaged after record {number}.") from None
        if row is None:
            return
        yield row  # type: ignore[misc]
        number += 1


def _opened(stream: BinaryIO, file: str) -> fastavro.reader:
    try:
        return fastavro.reader(stream)
    except Exception:
        raise UnreadableSourceError(f"{file}: is no Avro file, or is damaged.") from None
