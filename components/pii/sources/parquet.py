"""Parquet, by pyarrow: one row group after the other, a batch of rows at a time."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from components.pii.errors import UnreadableSourceError
from components.pii.sources.cells import to_record
from components.pii.sources.record import Part, Record

PART_RECORDS = 16384

_BATCH = 1024
_NO_TEXT = b"\xff"


def read_columns(stream: BinaryIO, *, file: str) -> list[str]:
    """The names in the file's schema.

    Raises:
      UnreadableSourceError: this is no Parquet file, or two columns have the same name.
    """
    names = list(_opened(stream, file).schema_arrow.names)
    if len(set(names)) != len(names):
        raise UnreadableSourceError(f"{file}: two columns have the same name.")
    return names


def read_records(
    stream: BinaryIO,
    *,
    file: str,
    columns: Sequence[str],
    nested: Collection[str] = (),
    part: Part | None = None,
) -> Iterator[Record]:
    """The rows, counted from 1.

    Raises:
      UnreadableSourceError: the file is damaged.
    """
    opened = _opened(stream, file)
    groups, before, skipped, count = list(range(opened.num_row_groups)), 0, 0, None
    if part is not None and part.start is not None:
        groups, count = [part.start], part.count
        before = sum(opened.metadata.row_group(number).num_rows for number in range(part.start))
        skipped = part.line - before - 1
    rows = islice(_rows(opened, file, groups, columns, skipped), count)
    for number, values in enumerate(rows, before + skipped + 1):
        yield to_record(file, number, columns, values, nested)


def read_parts(stream: BinaryIO, *, file: str) -> Iterator[Part]:
    """Parts of at most 16,384 rows, each inside one row group."""
    opened = _opened(stream, file)
    line = 1
    for group in range(opened.num_row_groups):
        left = opened.metadata.row_group(group).num_rows
        while left:
            count = min(left, PART_RECORDS)
            yield Part(group, line, count)
            line, left = line + count, left - count


def _opened(stream: BinaryIO, file: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(stream, page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        raise UnreadableSourceError(f"{file}: is no Parquet file, or is damaged.") from None


def _rows(
    opened: pq.ParquetFile, file: str, groups: list[int], columns: Sequence[str], skipped: int
) -> Iterator[tuple[Any, ...]]:
    batches = opened.iter_batches(_BATCH, row_groups=groups, columns=list(columns), use_threads=False)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError):
            raise UnreadableSourceError(f"{file}: is damaged: a row group cannot be read.") from None
        if batch is None:
            return
        if skipped >= len(batch):
            skipped -= len(batch)
            continue
        batch, skipped = batch.slice(skipped), 0
        yield from zip(*(_values(batch.column(name)) for name in columns), strict=True)


def _values(column: pa.Array) -> list[Any]:
    """Python values; what Arrow spells exactly, Arrow spells."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_temporal(kind):
        try:
            column = column.cast(pa.string())
        except pa.ArrowException:
            return column.to_pylist()
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        return [_value(value) for value in column]


def _value(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return _NO_TEXT
