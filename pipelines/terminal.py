"""What a command shows while it runs: how far it is, and what went wrong, in words."""

import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pipelines.errors import mendable

if TYPE_CHECKING:
    from components.pii.files import Job

REFUSED = 3  # exit status of a run whose model the gate refused


@contextmanager
def told_in_words(console: Console, *, log: Path | None = None) -> Iterator[None]:
    """Errors that a person can mend are told in their words; the rest of the story is in the log.

    Raises:
      typer.Exit: with status 1, after the error was told. Without a log, other errors pass as they are.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, mendable()):
            console.print(Text(f"error: {error}", style="red"), soft_wrap=True)
            raise typer.Exit(1) from None
        if log is None:
            raise
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        first = next(iter(str(error).strip().splitlines()), "")
        console.print(Text(f"{type(error).__name__}: {first}", style="red"), soft_wrap=True)
        console.print(f"The whole story is in {log}.", soft_wrap=True)
        raise typer.Exit(1) from None


@contextmanager
def steps_done(console: Console, name: str, steps: int) -> Iterator[Callable[[str, bool], None]]:
    """A bar over the steps of a run, on the terminal that was there before output was redirected."""
    terminal = Console(file=os.fdopen(os.dup(1), "w"), force_terminal=console.is_terminal)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=terminal) as bar:
        task = bar.add_task(f"{name}: starting TFX", total=steps)

        def on_step(step: str, done: bool) -> None:
            if done:
                bar.advance(task)
            else:
                bar.update(task, description=f"{name}: {step}")

        yield on_step
        bar.update(task, description=f"{name}: done")


@contextmanager
def bytes_read(console: Console, jobs: "Sequence[Job]") -> "Iterator[Callable[[Job, int, int], None]]":
    """A bar over the bytes of all files, with the rows so far and the time that is left."""
    rows = dict.fromkeys((job.source for job in jobs), 0)
    read = dict.fromkeys((job.source for job in jobs), 0)
    columns = (
        SpinnerColumn(),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        size = sum(job.source.stat().st_size for job in jobs)
        task = bar.add_task("scrub", total=size, rows=0)

        def progress(job: "Job", done: int, position: int) -> None:
            rows[job.source], read[job.source] = done, position
            bar.update(task, completed=sum(read.values()), rows=sum(rows.values()))

        yield progress
        bar.update(task, completed=size)
