"""Records through the scrubber in batches: what scrubbing with Beam and without it have in common."""

import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from components.pii.errors import RowsLostError, ScrubError
from components.pii.report import Rejected, Tally
from components.pii.scrubber import ScrubbedRow, Scrubber
from components.pii.sources import Record

BATCH_RECORDS = 256
BATCH_CHARACTERS = 4 * 2**20


def batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Lists of at most 256 records, or fewer where they are long: memory does not grow with the file."""
    batch: list[Record] = []
    characters = 0
    for record in records:
        batch.append(record)
        characters += sum(map(len, record.cells))
        if len(batch) == BATCH_RECORDS or characters > BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def scrub_batch(
    scrubber: Scrubber, batch: Sequence[Record]
) -> tuple[list[ScrubbedRow], list[Rejected], Tally]:
    """The rows that may go on, those that are rejected, and the counts.

    Raises:
      ScrubError: something failed that nobody foresaw. Its own words stay away, for they may quote a row.
      RowsLostError: the scrubber did not answer for every row.
    """
    try:
        scrubbed = scrubber.scrub_rows(batch)
    except ScrubError:
        raise
    except Exception as error:
        raise ScrubError(
            f"{batch[0].file}: lines {batch[0].line} to {batch[-1].last_line}: {type(error).__name__} "
            f"{_where(error)}; what it says is withheld, because it may quote a row."
        ) from None
    if len(scrubbed) != len(batch):
        raise RowsLostError(f"{len(batch)} rows went into the scrubber, {len(scrubbed)} came out.")
    rows = [row for row in scrubbed if isinstance(row, ScrubbedRow)]
    rejected = [row for row in scrubbed if isinstance(row, Rejected)]
    tally = Tally(rows_in=len(batch), rows_out=len(rows))
    tally.reasons.update(row.reason for row in rejected)
    for row in rows:
        tally.findings.update(row.findings)
        tally.residual.update(row.residual)
    return rows, rejected, tally


def add(total: Tally, more: Tally) -> None:
    """Adds the counts of a batch to those of a run."""
    total.rows_in += more.rows_in
    total.rows_out += more.rows_out
    total.reasons.update(more.reasons)
    total.findings.update(more.findings)
    total.residual.update(more.residual)


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "somewhere"
