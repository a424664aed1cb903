"""TFRecord files of tf.Example. A missing or empty feature is an empty cell, several values are a list."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf
from apache_beam.io.tfrecordio import _TFRecordUtil as Frames  # Beam's reader, without a pipeline around it.
from google.protobuf.message import DecodeError

from components.pii.errors import UnreadableSourceError
from components.pii.sources.cells import to_record
from components.pii.sources.record import Part, Record

PART_RECORDS = 4096

_FRAME = 16


def read_columns(stream: BinaryIO, *, file: str) -> None:
    """None: the Examples name their features.

    Raises:
      UnreadableSourceError: the first record is damaged, or this is no TFRecord file.
    """
    next(_frames(stream, file), None)


def read_records(
    stream: BinaryIO,
    *,
    file: str,
    columns: Sequence[str],
    nested: Collection[str] = (),
    part: Part | None = None,
) -> Iterator[Record]:
    """The Examples, counted from 1. One with a feature that is no column is a problem: "unknown key".

    Raises:
      UnreadableSourceError: a checksum is wrong, or the file ends in the middle of a record.
    """
    first, count = 1, None
    if part is not None and part.start is not None:
        stream.seek(part.start)
        first, count = part.line, part.count
    known = set(columns)
    for number, frame in enumerate(islice(_frames(stream, file, first), count), first):
        try:
            features = tf.train.Example.FromString(frame).features.feature
        except DecodeError:
            yield Record(file, number, number, problem="not a tf.Example")
            continue
        if features.keys() <= known:
            values = [_value(features[name]) if name in features else None for name in columns]
            yield to_record(file, number, columns, values, nested)
        else:
            yield Record(file, number, number, problem="unknown key")


def read_parts(stream: BinaryIO, *, file: str) -> Iterator[Part]:
    """Parts of at most 4096 records."""
    start, line, count, offset = 0, 1, 0, 0
    for frame in _frames(stream, file):
        offset += len(frame) + _FRAME
        count += 1
        if count == PART_RECORDS:
            yield Part(start, line, count)
            start, line, count = offset, line + count, 0
    if count:
        yield Part(start, line, count)


def _frames(stream: BinaryIO, file: str, first: int = 1) -> Iterator[bytes]:
    number = first
    while True:
        try:
            frame = Frames.read_record(stream)
        except (ValueError, OSError, EOFError):
            # The reader quotes the bytes that it cannot read.
            raise UnreadableSourceError(
                f"{file}: record {number}: is damaged, or this is no TFRecord file."
            ) from None
        if frame is None:
            return
        yield frame
        number += 1


def _value(feature: tf.train.Feature) -> Any:
    kind = feature.WhichOneof("kind")
    if kind is None:
        return None
    values = list(getattr(feature, kind).value)
    if kind == "float_list":
        # The shortest text that is the same float32.
        values = [str(np.float32(value)) for value in values] if len(values) == 1 else values
    return values[0] if len(values) == 1 else values or None
