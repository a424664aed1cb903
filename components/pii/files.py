"""Scrubbing one CSV file into another, without TFX and without Beam."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from components.pii.csv_source import Record, read_header, read_records
from components.pii.errors import ScrubError, UnreadableSourceError
from components.pii.policy import Drop, ScrubPolicy, require_columns
from components.pii.report import Rejected, Report, Tally, make_report, require_enough
from components.pii.scrubber import ScrubbedRow, Scrubber

BATCH = 256

StrPath = str | os.PathLike[str]


def scrub_file(
    input_csv: StrPath,
    output_csv: StrPath,
    policy: ScrubPolicy,
    key: bytes | None,
    dead_letter_path: StrPath,
    progress: Callable[[int], None] | None = None,
    *,
    policy_source: str = "policy",
) -> Report:
    """Writes the scrubbed rows in the order of the input, and the rejected ones' places and reasons.

    The output appears only when the run succeeds: a file that is there is a whole file. Dropped columns
    are left out of it; empty cells stay empty.

    Args:
      progress: called with the number of rows read so far, after each batch.
      policy_source: the policy's name in error messages.

    Raises:
      ScrubError: see :mod:`components.pii.errors`.
    """
    source, target, letters = Path(input_csv), Path(output_csv), Path(dead_letter_path)
    if not source.is_file():
        raise UnreadableSourceError(f"{source}: there is no such file.")
    if len({path.resolve() for path in (source, target, letters)}) != 3:
        raise ScrubError(f"{target}: input, output and dead letters must be three different files.")
    with source.open("rb") as stream:
        columns = read_header(stream, file=str(source))
    require_columns(policy, columns, data=str(source), source=policy_source)
    scrubber = Scrubber(policy, key, columns)
    kept = [name for name in columns if not isinstance(policy.columns[name], Drop)]
    tally = Tally()
    partial = target.with_name(f".{target.name}.partial")
    try:
        with (
            source.open("rb") as stream,
            partial.open("w", encoding="utf-8", newline="") as out,
            letters.open("w", encoding="utf-8") as dead,
        ):
            rows = csv.DictWriter(out, kept)
            rows.writeheader()
            for batch in _batches(read_records(stream, file=str(source)), BATCH):
                tally.rows_in += len(batch)
                for row in scrubber.scrub_rows(batch):
                    _write(row, rows, dead, tally)
                if progress is not None:
                    progress(tally.rows_in)
        report = make_report(tally, policy)
        require_enough(report, policy, source=str(source), dead_letters=str(letters))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return report


def _write(row: ScrubbedRow | Rejected, rows: "csv.DictWriter[str]", dead: TextIO, tally: Tally) -> None:
    if isinstance(row, Rejected):
        dead.write(row.to_json() + "\n")
        tally.reasons[row.reason] += 1
        return
    rows.writerow(row.values)
    tally.rows_out += 1
    tally.findings.update(row.findings)
    tally.residual.update(row.residual)


def _batches(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    iterator = iter(records)
    while batch := list(islice(iterator, size)):
        yield batch
