"""Files of rows. There is one small module for each format, and all have the same three functions:

    read_columns(stream, *, file) -> list[str] | None
        The names of the columns. None where a file has no header and its rows name their columns.
    read_records(stream, *, file, columns, nested, part=None) -> Iterator[Record]
        The records, their cells in the order of ``columns``; those of one part, or all.
    read_parts(stream, *, file) -> Iterator[Part]
        Where the file can be cut so that several workers read it. Every record is in exactly one part.

A bad row is a Record with a ``problem`` and a bad file raises UnreadableSourceError; neither is quoted.
Values that are not text become text that says them exactly (:mod:`components.pii.sources.cells`). Lists and
structures become JSON text in the columns that ``nested`` names, and anywhere else they are a problem.
"""

import importlib
import re
from collections.abc import Iterator
from types import ModuleType
from typing import BinaryIO

from components.pii.errors import UnreadableSourceError
from components.pii.sources.record import Part as Part
from components.pii.sources.record import Record as Record

FORMATS = {
    "csv": "csv_rows",
    "jsonl": "json_lines",
    "parquet": "parquet",
    "tfrecord": "tfrecord",
    "avro": "avro",
}
COMPRESSED = ".gz"
_ENDINGS = {"ndjson": "jsonl", "tfrecords": "tfrecord", "pq": "parquet"}
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def format_of(file: str, chosen: str | None = None) -> str:
    """The format that is chosen, or else the one that the file's name ends in (``.gz`` apart).

    The names of TFX's shards count too: ``data_tfrecord-00000-of-00001.gz``.

    Raises:
      UnreadableSourceError: there is no such format, or the name does not tell it.
    """
    known = ", ".join(FORMATS)
    if chosen is not None:
        if chosen not in FORMATS:
            raise UnreadableSourceError(f"format: must be one of {known}; got {chosen!r}.")
        return chosen
    name = _SHARD.sub("", file.lower().removesuffix(COMPRESSED))
    ending = re.split(r"[./\\_]", name)[-1]
    ending = _ENDINGS.get(ending, ending)
    if ending not in FORMATS:
        raise UnreadableSourceError(
            f"{file}: its name does not tell its format; let it end in one of {known} (and .gz where it is "
            "compressed), or choose the format."
        )
    return ending


def source(file_format: str) -> ModuleType:
    """The module of a format; imported on first use, because some bring large libraries."""
    return importlib.import_module(f"{__name__}.{FORMATS[file_format]}")


def read_parts(stream: BinaryIO, *, file: str, file_format: str) -> Iterator[Part]:
    """The parts of a file. A compressed one cannot be entered in its middle, so it is one part."""
    parts: Iterator[Part] = source(file_format).read_parts(stream, file=file)
    if not file.lower().endswith(COMPRESSED):
        yield from parts
    elif count := sum(part.count for part in parts):
        yield Part(None, 1, count)


def common_columns(headers: dict[str, list[str] | None]) -> list[str] | None:
    """The columns of all these files; None where none of them has a header.

    Raises:
      UnreadableSourceError: two headers differ.
    """
    named = {file: header for file, header in headers.items() if header is not None}
    first = next(iter(named), "")
    for file, header in named.items():
        if header != named[first]:
            raise UnreadableSourceError(
                f"{file}: its header differs from that of {first}; they must be equal."
            )
    return named.get(first)
