"""The same job on every engine that runs here gives the same records; a worker that dies gives none."""

import os
import signal
from collections import Counter
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
from tests.portable import portable, wait
from tests.scrub_policy import KEY, POLICY


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
        patch.setenv("TEST_PSEUDONYM_KEY", KEY)
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
    with portable(tmp_path) as (options, _):
        _check(_start(folder, tmp_path, *options), tmp_path, expected)


@pytest.mark.slow
def test_a_worker_that_is_killed_fails_the_job(tmp_path) -> None:
    rows = "\n".join(f"r{n % 20},call 312-555-0143 in row {n},{n}.5" for n in range(200_000))
    (tmp_path / "long.csv").write_text(f"rider,note,fare\n{rows}")
    with portable(tmp_path) as (options, pool):
        result = _start(tmp_path, tmp_path, *options)
        worker = wait(lambda: _children(pool))
        # It is in the middle of the rows as soon as it writes.
        wait(lambda: list(tmp_path.rglob("beam-temp-rows*/*")))
        os.kill(worker[0], signal.SIGKILL)
        with pytest.raises(RuntimeError, match="failed in state FAILED"):
            result.wait_until_finish()
    assert not list(tmp_path.glob("rows*"))


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
