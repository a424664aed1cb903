"""Scrubbing files into files of the same format, without TFX and without Beam.

One process reads and writes, in order; others scrub. What waits between them is a few batches for each, so
memory does not grow with the files.
"""

import gzip
import multiprocessing
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from components.pii import sources
from components.pii.batches import add, batches, scrub_batch
from components.pii.columns import may_be_nested
from components.pii.errors import RowsLostError, ScrubError, UnreadableSourceError
from components.pii.policy import ScrubPolicy, require_columns
from components.pii.report import Rejected, Report, Tally, make_report, require_enough
from components.pii.scrubber import ScrubbedRow, Scrubber
from components.pii.sinks import open_sink
from components.pii.sources import Record

StrPath = str | os.PathLike[str]
Progress = Callable[[int, int], None]
Scrubbed = tuple[list[ScrubbedRow], list[Rejected], Tally]
Scrub = Callable[[Iterable[list[Record]]], Iterator[Scrubbed]]

_WAITING = 4


@dataclass(frozen=True, kw_only=True)
class Job:
    """One file to scrub: where it is, what is in it, and where its rows and dead letters go."""

    source: Path
    target: Path
    dead_letters: Path
    file_format: str
    columns: Sequence[str]

    @property
    def zipped(self) -> bool:
        return self.target.name.lower().endswith(sources.COMPRESSED)


def plan(
    source: StrPath,
    target: StrPath,
    policy: ScrubPolicy,
    *,
    dead_letters: StrPath | None = None,
    policy_source: str = "policy",
    file_format: str | None = None,
) -> Job:
    """Looks at a file, and nothing but its header is read.

    Args:
      dead_letters: where the rejected rows are listed; beside the output if None.
      policy_source: the policy's name in error messages.
      file_format: one of :data:`components.pii.sources.FORMATS`; None: the file's name tells it.

    Raises:
      ScrubError: the file is not there, is not of its format, or does not fit the policy.
    """
    path, out = Path(source), Path(target)
    letters = Path(dead_letters or out.with_name(f"{out.name}.dead_letters.jsonl"))
    if not path.is_file():
        raise UnreadableSourceError(f"{path}: there is no such file.")
    if len({one.resolve() for one in (path, out, letters)}) != 3:
        raise ScrubError(f"{out}: input, output and dead letters must be three different files.")
    kind = sources.format_of(path.name, file_format)
    _require_format(out, kind)
    try:
        with _opened(path) as (stream, _):
            columns = sources.source(kind).read_columns(stream, file=str(path))
    except OSError as error:
        raise UnreadableSourceError(f"{path}: cannot be read: {error.strerror}.") from None
    if columns is None:
        columns = list(policy.columns)
    require_columns(policy, columns, data=str(path), source=policy_source)
    return Job(source=path, target=out, dead_letters=letters, file_format=kind, columns=columns)


def scrub_file(
    source: StrPath,
    target: StrPath,
    policy: ScrubPolicy,
    key: bytes | None,
    dead_letter_path: StrPath | None = None,
    progress: Progress | None = None,
    *,
    policy_source: str = "policy",
    file_format: str | None = None,
    workers: int = 1,
) -> Report:
    """Writes the scrubbed rows in the order of the input, and the rejected ones' places and reasons.

    Input and output have the same format. The output appears only when the run succeeds: a file that is there
    is a whole file. Dropped columns are left out of it; empty cells stay empty. The file of dead letters
    appears only where there are any.

    Args:
      progress: called with the rows and the bytes of the file that are behind us, after each batch.
      workers: processes that scrub; with 1 it is this one.

    For the other arguments, and for what it raises, see :func:`plan` and :mod:`components.pii.errors`.
    """
    job = plan(
        source,
        target,
        policy,
        dead_letters=dead_letter_path,
        policy_source=policy_source,
        file_format=file_format,
    )
    with scrubbers(policy, key, job.columns, workers=workers) as scrub:
        return run(job, policy, scrub, progress)


def run(job: Job, policy: ScrubPolicy, scrub: Scrub, progress: Progress | None = None) -> Report:
    """Does one job: all or nothing. See :func:`scrub_file`."""
    tally = Tally()
    read = 0
    partial = job.target.with_name(f".{job.target.name}.partial")
    job.dead_letters.unlink(missing_ok=True)
    try:
        with (
            _opened(job.source) as (stream, position),
            open_sink(
                partial, job.file_format, policy, job.columns, source=job.source, zipped=job.zipped
            ) as write,
        ):

            def counted() -> Iterator[list[Record]]:
                nonlocal read
                records = sources.source(job.file_format).read_records(
                    stream, file=str(job.source), columns=job.columns, nested=may_be_nested(policy)
                )
                for batch in batches(records):
                    read += len(batch)
                    yield batch

            for rows, rejected, more in scrub(counted()):
                write([row.values for row in rows])
                _append(job.dead_letters, rejected)
                add(tally, more)
                if progress is not None:
                    progress(tally.rows_in, position())
        if tally.rows_in != read:
            raise RowsLostError(f"{job.source}: {read} rows were read, and {tally.rows_in} came back.")
        report = make_report(tally, policy)
        require_enough(report, policy, source=str(job.source), dead_letters=str(job.dead_letters))
        partial.replace(job.target)
    finally:
        partial.unlink(missing_ok=True)
    return report


def _require_format(target: Path, file_format: str) -> None:
    try:
        told = sources.format_of(target.name)
    except UnreadableSourceError:
        return
    if told != file_format:
        raise ScrubError(
            f"{target}: ends in {told}, but the output has the format of the input, {file_format}."
        )


@contextmanager
def scrubbers(
    policy: ScrubPolicy, key: bytes | None, columns: Sequence[str], *, workers: int
) -> Iterator[Scrub]:
    """Gives a function that scrubs batches and keeps their order, in this process or in several others.

    Raises:
      KeyUnavailableError: the policy needs a key and there is none.
      ScrubError (while batches are scrubbed): a worker process died.
    """
    scrubber = Scrubber(policy, key, columns)
    if workers <= 1:
        yield lambda work: (scrub_batch(scrubber, batch) for batch in work)
        return
    # Forked children would inherit the locks of the libraries' threads in whatever state they are.
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _load, (policy, key, list(columns))
    ) as pool:
        yield lambda work: _in_order(pool, work, workers * _WAITING)


_scrubber: Scrubber | None = None


def _load(policy: ScrubPolicy, key: bytes | None, columns: Sequence[str]) -> None:
    global _scrubber
    _scrubber = Scrubber(policy, key, columns)


def _scrub(batch: list[Record]) -> Scrubbed:
    if _scrubber is None:
        raise RuntimeError("_load() must run before _scrub().")
    return scrub_batch(_scrubber, batch)


def _in_order(pool: ProcessPoolExecutor, work: Iterable[list[Record]], most: int) -> Iterator[Scrubbed]:
    waiting: deque[Future[Scrubbed]] = deque()
    try:
        for batch in work:
            waiting.append(pool.submit(_scrub, batch))
            if len(waiting) == most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise ScrubError(
            "a worker process died while it scrubbed (was the memory used up?); the file has no output. "
            "Try again with fewer workers."
        ) from None
    finally:
        for one in waiting:
            one.cancel()


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
    """The file's content, unpacked, and a function that tells how many bytes of the file have been read."""
    with path.open("rb") as raw:
        if path.name.lower().endswith(sources.COMPRESSED):
            with gzip.open(raw) as unpacked:
                try:
                    yield cast(BinaryIO, unpacked), raw.tell
                except (gzip.BadGzipFile, EOFError, zlib.error):
                    raise UnreadableSourceError(f"{path}: is no gzip file, or is cut off.") from None
        else:
            yield raw, raw.tell


def _append(path: Path, rejected: Sequence[Rejected]) -> None:
    if rejected:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(one.to_json() + "\n" for one in rejected)
