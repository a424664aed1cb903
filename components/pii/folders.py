"""Scrubbing a folder, or all files of a pattern: one output for each file, several at a time."""

import glob
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import groupby
from pathlib import Path

from components.pii.errors import ScrubError, UnreadableSourceError
from components.pii.files import Job, run, scrubbers
from components.pii.policy import ScrubPolicy
from components.pii.report import Report


def pairs(source: str, target: Path) -> list[tuple[Path, Path]]:
    """Each input file and where its output goes.

    A file goes to ``target``, or into it where that is a folder. The files of a folder (all that are under
    it, hidden ones apart) keep their places in it; those of a pattern with ``*``, ``?`` or ``**`` keep theirs
    below the pattern's fixed part.

    Raises:
      ScrubError: there is no such file, or the outputs would lie among the inputs.
    """
    path = Path(source)
    if path.is_file():
        return [(path, target / path.name if target.is_dir() else target)]
    base, found = (path, path.rglob("*")) if path.is_dir() else _matches(source)
    files = sorted(one for one in found if one.is_file() and not _hidden(one.relative_to(base)))
    if not files:
        what = "there is no file in this folder" if path.is_dir() else "there is no such file or folder"
        raise UnreadableSourceError(f"{source}: {what}.")
    if target.exists() and not target.is_dir():
        raise ScrubError(f"{target}: must be a folder, because there are {len(files)} inputs; it is a file.")
    if target.resolve().is_relative_to(base.resolve()):
        raise ScrubError(
            f"{target}: lies in {base}, so the next run would take what is written for input; "
            "choose a folder outside of it."
        )
    return [(one, target / one.relative_to(base)) for one in files]


def run_all(
    jobs: list[Job],
    policy: ScrubPolicy,
    key: bytes | None,
    *,
    workers: int,
    progress: Callable[[Job, int, int], None],
) -> Iterator[tuple[Job, Report | ScrubError]]:
    """Does the jobs, and gives each with its report, or with what stopped it, as they end.

    A file that fails does not stop the others.

    Args:
      workers: processes that scrub, for all jobs together.
      progress: called with a job and how many of its rows and bytes are behind us.
    """

    def columns(job: Job) -> tuple[str, ...]:
        return tuple(job.columns)

    for order, alike in groupby(sorted(jobs, key=columns), columns):
        with (
            scrubbers(policy, key, order, workers=workers) as scrub,
            # These threads read and write; with one worker, the scrubbing is theirs too.
            ThreadPoolExecutor(workers) as threads,
        ):

            def one(job: Job) -> Report | ScrubError:
                try:
                    job.target.parent.mkdir(parents=True, exist_ok=True)
                    return run(job, policy, scrub, lambda rows, size: progress(job, rows, size))
                except ScrubError as error:
                    return error
                except OSError as error:
                    return ScrubError(f"{job.target}: cannot be written: {error.strerror}.")

            started = {threads.submit(one, job): job for job in alike}
            for done in as_completed(started):
                yield started[done], done.result()


def _matches(pattern: str) -> tuple[Path, Iterator[Path]]:
    parts = Path(pattern).parts
    fixed = next((number for number, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    return Path(*parts[:fixed]), (Path(one) for one in glob.iglob(pattern, recursive=True))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
