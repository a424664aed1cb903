"""Runs a pipeline on this machine with TFX's LocalDagRunner, and tells which step it is at."""

import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import absl.logging

from pipelines.metadata import Connection, MetadataError, configured, kept_out_of_logs
from pipelines.places import Places
from pipelines.records import Run, read
from pipelines.settings import Settings
from pipelines.stores import connect

_STEP = re.compile(r"Component (\S+) is (running|finished)\.")


def run_locally(
    settings: Settings,
    places: Places,
    *,
    connection: Connection | None = None,
    on_step: Callable[[str, bool], None] = lambda name, done: None,
) -> Run:
    """Runs the pipeline of the given settings and returns what it recorded.

    Args:
      settings: what to run.
      places: where to write.
      connection: the store for the records; by default what the environment names, or else the work
        folder's.
      on_step: called with a step's name when it starts (False) and when it is finished (True).

    Raises:
      MetadataError: the store cannot be used.
      Exception: whatever a component raised; the run is recorded up to there.
    """
    connection = connection or configured(None, places.metadata)
    connect(connection)  # Before TFX would take its time to fail.
    import tfx.v1 as tfx  # Takes a quarter of a minute, and is needed only here.
    from tfx.dsl.compiler.compiler import Compiler

    from pipelines.pipeline import create_pipeline

    for place in (places.root, places.pushed):
        if isinstance(place, Path):
            place.mkdir(parents=True, exist_ok=True)
    runner = tfx.orchestration.LocalDagRunner()
    if places.pipeline_root is not None:
        from pipelines.staged import StagedDagRunner

        runner = StagedDagRunner()
    pipeline = create_pipeline(settings, places)
    pipeline.metadata_connection_config = connection.config
    compiled = Compiler().compile(pipeline)
    with _steps_told(on_step), _kept_to_itself(connection):
        runner.run_with_ir(compiled)
    run_id = compiled.runtime_spec.pipeline_run_id.field_value.string_value
    return read(connection, lambda records: records.run(run_id))


@contextmanager
def output_to(log: Path) -> Iterator[None]:
    """Sends everything that is written meanwhile, by native code too, to a file.

    TFX, Beam, Keras and TensorFlow write a lot, in several ways. What they say is kept, out of the way.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)


@contextmanager
def _kept_to_itself(connection: Connection) -> Iterator[None]:
    """TFX logs the connection's configuration, and its errors say what the database's driver says."""
    with kept_out_of_logs(connection):
        try:
            yield
        except Exception as error:
            if connection.is_in("".join(traceback.format_exception(error))):
                raise MetadataError(
                    f"{connection}: {type(error).__name__} in the middle of the run."
                ) from None
            raise


class _StepListener(logging.Handler):
    def __init__(self, on_step: Callable[[str, bool], None]) -> None:
        super().__init__(logging.INFO)
        self._on_step = on_step

    def emit(self, record: logging.LogRecord) -> None:
        match = _STEP.fullmatch(record.getMessage())
        if match:
            self._on_step(match[1], match[2] == "finished")


@contextmanager
def _steps_told(on_step: Callable[[str, bool], None]) -> Iterator[None]:
    """LocalDagRunner has no hooks; it logs each step as it starts and ends."""
    logger = absl.logging.get_absl_logger()
    listener, verbosity = _StepListener(on_step), absl.logging.get_verbosity()
    logger.addHandler(listener)
    # Not logger.setLevel: TensorFlow silences absl now and then, and restores absl's own setting.
    absl.logging.set_verbosity(absl.logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(listener)
        absl.logging.set_verbosity(verbosity)
