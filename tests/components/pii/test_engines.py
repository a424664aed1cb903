"""The same job on every engine that runs here gives the same records; a worker that dies gives none."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult

from components.pii.policy import parse_policy
from components.pii.report import make_report
from components.pii.sources import csv_rows
from components.pii.transform import EXAMPLES, ScrubFiles, read_tally

POLICY = """
key: {env: TEST_PSEUDONYM_KEY}
profile: fast
max_malformed_share: 0.5
columns:
  rider: pseudonymize
  note: detect
  fare: {action: keep, type: float}
"""
SECONDS = 60


@pytest.fixture
def _no_sockets(socket_enabled: None) -> None:
    """Beam's runners talk to their workers."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 rows in two files, a few of them malformed."""
    folder = tmp_path_factory.mktemp("rows")
    for name, first in (("a", 0), ("b", 1000)):
        rows = [f"r{n % 20},call 312-555-{n:04d},{n}.5" for n in range(first, first + 1000)]
        rows[::100] = ["short"] * 10
        (folder / f"{name}.csv").write_text("\n".join(["rider,note,fare", *rows]))
    return folder


def _start(folder: Path, out: Path, *options: str) -> PipelineResult:
    pipeline = beam.Pipeline(options=PipelineOptions(list(options)))
    rows = pipeline | ScrubFiles(str(folder / "*.csv"), parse_policy(POLICY, source="policy.yaml"))
    serialized = rows[EXAMPLES] | beam.Map(lambda one: one.SerializeToString(deterministic=True))
    serialized | beam.io.WriteToTFRecord(str(out / "rows"))
    return pipeline.run()


def _records(out: Path) -> Counter[bytes]:
    files = [str(path) for path in out.glob("rows*")]
    return Counter(tf.data.TFRecordDataset(files).as_numpy_iterator())


def _check(result: PipelineResult, out: Path, expected: Counter[bytes]) -> None:
    result.wait_until_finish()
    report = make_report(read_tally(result), parse_policy(POLICY, source="policy.yaml"))
    assert (report.rows_in, report.rows_out, report.rows_rejected) == (2000, 1980, 20)
    assert report.findings == {"PHONE_NUMBER": 1980}
    assert _records(out) == expected


@pytest.fixture(scope="module")
def expected(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Counter[bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_PSEUDONYM_KEY", "a key of more than sixteen bytes")
        out = tmp_path_factory.mktemp("out")
        _start(folder, out, "--runner=FnApiRunner").wait_until_finish()
    records = _records(out)
    assert records.total() == 1980
    return records


@pytest.mark.parametrize(
    "mode", ["multi_threading", pytest.param("multi_processing", marks=pytest.mark.slow)]
)
def test_on_several_workers_of_this_machine(folder, expected, tmp_path, mode, monkeypatch) -> None:
    if mode == "multi_threading":
        # More parts than workers. Other processes do not see the patch.
        monkeypatch.setattr(csv_rows, "PART_RECORDS", 50)
    options = ("--runner=FnApiRunner", f"--direct_running_mode={mode}", "--direct_num_workers=2")
    _check(_start(folder, tmp_path, *options), tmp_path, expected)


@pytest.mark.slow
def test_on_a_portable_runner_with_a_worker_pool(folder, expected, tmp_path) -> None:
    with _portable(tmp_path) as (options, _):
        _check(_start(folder, tmp_path, *options), tmp_path, expected)


@pytest.mark.slow
def test_a_worker_that_is_killed_fails_the_job(tmp_path) -> None:
    rows = "\n".join(f"r{n % 20},call 312-555-0143 in row {n},{n}.5" for n in range(200_000))
    (tmp_path / "long.csv").write_text(f"rider,note,fare\n{rows}")
    with _portable(tmp_path) as (options, pool):
        result = _start(tmp_path, tmp_path, *options)
        worker = _wait(lambda: _children(pool))
        # It is in the middle of the rows as soon as it writes.
        _wait(lambda: list(tmp_path.rglob("beam-temp-rows*/*")))
        os.kill(worker[0], signal.SIGKILL)
        with pytest.raises(RuntimeError, match="failed in state FAILED"):
            result.wait_until_finish()
    assert not list(tmp_path.glob("rows*"))


@contextmanager
def _portable(tmp_path: Path) -> Iterator[tuple[list[str], int]]:
    """The options for a job service with a separate pool of workers, and the pool's process."""
    jobs, workers = _free_port(), _free_port()
    # The pool starts its workers as `python`.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(Path(__file__).parents[3])}
    modules = (
        ("apache_beam.runners.portability.local_job_service_main", f"--port={jobs}"),
        ("apache_beam.runners.worker.worker_pool_main", f"--service_port={workers}"),
    )
    with (tmp_path / "log.txt").open("wb") as log:
        started = [
            subprocess.Popen(
                [sys.executable, "-m", *module],
                env=environment,
                cwd=tmp_path,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            for module in modules
        ]
        try:
            for port in (jobs, workers):
                _wait(lambda port=port: _answers(port))
            yield (
                [
                    "--runner=PortableRunner",
                    f"--job_endpoint=localhost:{jobs}",
                    "--environment_type=EXTERNAL",
                    f"--environment_config=localhost:{workers}",
                ],
                started[1].pid,
            )
        finally:
            for process in started:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait(happened: Callable[[], list[int] | bool]) -> list[int] | bool:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if now := happened():
            return now
        time.sleep(0.1)
    raise TimeoutError


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("localhost", port)) == 0


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
