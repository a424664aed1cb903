"""Scrubbed rows back into a file of the format that they came from.

Each function opens a sink: a context manager that gives a function, which writes rows. The rows' types are
those that the policy names: ``keep`` and ``generalize`` say string, int or float, all else is a string. In
Parquet a column that is kept without a type has the one that it had, unless that is nested.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

from components.pii.columns import value_type
from components.pii.errors import ScrubError
from components.pii.operators.cells import Value
from components.pii.policy import Drop, Keep, ScrubPolicy

Rows = Sequence[Mapping[str, Value]]
Sink = Callable[[Rows], None]

_ROW_GROUP_BYTES = 32 * 2**20
_KEEP = Keep(action="keep")


def open_sink(
    target: Path, file_format: str, policy: ScrubPolicy, columns: Sequence[str], *, source: Path, zipped: bool
) -> AbstractContextManager[Sink]:
    """The sink of a format. ``columns`` are those of ``source``; dropped ones are left out.

    ``zipped`` is for CSV, JSON lines and TFRecord, and means gzip.
    """
    kept = [name for name in columns if not isinstance(policy.columns[name], Drop)]
    if file_format == "csv":
        return _csv(target, kept, zipped)
    if file_format == "jsonl":
        return _json_lines(target, kept, zipped)
    if file_format == "tfrecord":
        return _tfrecord(target, policy, zipped)
    if file_format == "avro":
        return _avro(target, policy, kept)
    return _parquet(target, policy, kept, source)


@contextmanager
def _csv(target: Path, kept: Sequence[str], zipped: bool) -> Iterator[Sink]:
    with _text(target, zipped) as stream:
        writer = csv.DictWriter(stream, kept)
        writer.writeheader()
        yield writer.writerows


@contextmanager
def _json_lines(target: Path, kept: Sequence[str], zipped: bool) -> Iterator[Sink]:
    with _text(target, zipped) as stream:

        def write(rows: Rows) -> None:
            for row in rows:
                values = {name: row[name] for name in kept}
                stream.write(json.dumps(values, ensure_ascii=False) + "\n")

        yield write


@contextmanager
def _tfrecord(target: Path, policy: ScrubPolicy, zipped: bool) -> Iterator[Sink]:
    import tensorflow as tf

    from components.pii.examples import to_example

    with tf.io.TFRecordWriter(str(target), "GZIP" if zipped else None) as writer:

        def write(rows: Rows) -> None:
            for row in rows:
                writer.write(to_example(row, policy).SerializeToString())

        yield write


@contextmanager
def _avro(target: Path, policy: ScrubPolicy, kept: Sequence[str]) -> Iterator[Sink]:
    from fastavro.write import Writer

    types = {"string": "string", "int": "long", "float": "double"}
    fields = [
        {"name": name, "type": ["null", types[value_type(policy.columns[name])]], "default": None}
        for name in kept
    ]
    with target.open("wb") as stream:
        writer = Writer(stream, {"type": "record", "name": "Row", "fields": fields}, codec="deflate")

        def write(rows: Rows) -> None:
            for row in rows:
                writer.write(dict(row))

        yield write
        writer.flush()


@contextmanager
def _parquet(target: Path, policy: ScrubPolicy, kept: Sequence[str], source: Path) -> Iterator[Sink]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    had = pq.read_schema(source)
    plain = {"string": pa.string(), "int": pa.int64(), "float": pa.float64()}
    written = pa.schema([(name, plain[value_type(policy.columns[name])]) for name in kept])
    wanted = pa.schema(
        [
            (field.name, _type_again(had.field(field.name).type, field.type))
            if policy.columns[field.name] == _KEEP
            else field
            for field in written
        ]
    )
    with pq.ParquetWriter(target, wanted) as writer:
        waiting: list[pa.RecordBatch] = []

        def flush() -> None:
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting, written).cast(wanted))
                waiting.clear()

        def write(rows: Rows) -> None:
            waiting.append(pa.RecordBatch.from_pylist(list(rows), written))
            if sum(batch.nbytes for batch in waiting) > _ROW_GROUP_BYTES:
                _exactly(flush, target)

        yield write
        _exactly(flush, target)


def _type_again(had: Any, written: Any) -> Any:
    """The type that the column had, where what is written can be cast to it; otherwise what is written."""
    import pyarrow as pa

    if pa.types.is_dictionary(had):
        had = had.value_type
    back = pa.types.is_primitive(had) or pa.types.is_decimal(had) or pa.types.is_large_string(had)
    return had if back and not pa.types.is_duration(had) else written


def _exactly(flush: Callable[[], None], target: Path) -> None:
    import pyarrow as pa

    try:
        flush()
    except pa.ArrowException:
        raise ScrubError(f"{target}: a kept column does not fit the type that it had.") from None


@contextmanager
def _text(target: Path, zipped: bool) -> Iterator[IO[str]]:
    with target.open("wb") as raw:
        # No name and no time in gzip's header: the same rows give the same bytes.
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if zipped else nullcontext(raw)
        with packed as stream, io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
            yield text
