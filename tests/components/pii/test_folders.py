"""Files of every format, several at a time: the same format comes out, whole or not at all."""

import gzip
import json
import os
import signal
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.pii import files, folders
from components.pii.batches import scrub_batch
from components.pii.errors import ColumnMismatchError, RowsLostError, ScrubError, UnreadableSourceError
from components.pii.files import scrub_file
from components.pii.policy import ScrubPolicy, parse_policy
from components.pii.report import Report
from components.pii.sources import Record
from tests.components.pii.sources.test_formats import write

POLICY = """
profile: fast
max_malformed_share: 0.5
columns:
  name: detect
  trips: {action: keep, type: int}
  fare: {action: keep, type: float}
"""
ROWS = [
    {"name": "mail ana@example.com", "trips": 2**53 + 1, "fare": 5.5},
    {"name": None, "trips": None, "fare": None},
]


@pytest.fixture
def policy() -> ScrubPolicy:
    return parse_policy(POLICY, source="policy.yaml")


def _rows(path: Path) -> list[dict]:
    """What is in a file, by a reader that is not ours."""
    if ".jsonl" in path.name:
        opened = gzip.open if path.suffix == ".gz" else open
        return [json.loads(line) for line in opened(path, "rt", encoding="utf-8")]
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".avro":
        return list(fastavro.reader(path.open("rb")))
    kind = "GZIP" if path.suffix == ".gz" else ""
    rows = []
    for record in tf.data.TFRecordDataset(str(path), compression_type=kind).as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        values = {name: getattr(one, one.WhichOneof("kind")).value for name, one in features.items()}
        rows.append({name: next(iter(value), None) for name, value in values.items()})
    return rows


@pytest.mark.parametrize(
    "ending", ["jsonl", "jsonl.gz", "parquet", "avro", "tfrecord", "tfrecord.gz"], ids=lambda ending: ending
)
def test_the_same_format_comes_out(tmp_path: Path, policy: ScrubPolicy, ending: str) -> None:
    rows = ROWS if "tfrecord" not in ending else [ROWS[0], {"name": [], "trips": [], "fare": []}]
    source = write(tmp_path / f"rows.{ending}", rows)
    report = scrub_file(source, tmp_path / f"out.{ending}", policy, None)
    name = b"mail <EMAIL_ADDRESS>" if "tfrecord" in ending else "mail <EMAIL_ADDRESS>"
    assert _rows(tmp_path / f"out.{ending}") == [{**ROWS[0], "name": name}, ROWS[1]]
    assert (report.rows_in, report.rows_out) == (2, 2)


def test_kept_columns_of_parquet_keep_their_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "day": pa.array([1, None], pa.timestamp("us", "UTC")),
            "small": pa.array([0.1, None], pa.float32()),
            "ok": [True, None],
            "price": pa.array(["1.10", None]).cast(pa.decimal128(9, 2)),
            "trips": pa.array([7, None], pa.int8()),
            "tags": [["Ana"], None],
            "note": ["Ana", ""],
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    rules = "columns: {day: keep, small: keep, ok: keep, price: keep, trips: keep, tags: keep, note: redact}"
    scrub_file(
        tmp_path / "rows.parquet", tmp_path / "out.parquet", parse_policy(rules, source="policy"), None
    )
    out = pq.read_table(tmp_path / "out.parquet")
    unchanged = ["day", "small", "ok", "price", "trips"]
    assert out.select(unchanged) == table.select(unchanged)
    assert out.column("tags").to_pylist() == ['["Ana"]', None]
    assert out.column("note").to_pylist() == [None, None]


def test_a_nested_value_in_a_text_column_is_a_dead_letter(tmp_path: Path, policy: ScrubPolicy) -> None:
    (tmp_path / "rows.jsonl").write_text('{"name": ["Ana"]}\n{"name": "ana@example.com"}\n')
    report = scrub_file(tmp_path / "rows.jsonl", tmp_path / "out.jsonl", policy, None)
    assert report.reasons == {"nested value in column name": 1}
    (letter,) = (tmp_path / "out.jsonl.dead_letters.jsonl").read_text().splitlines()
    assert json.loads(letter)["line"] == 1


def test_a_column_of_parquet_without_a_rule_stops_the_run(tmp_path: Path, policy: ScrubPolicy) -> None:
    source = write(tmp_path / "rows.parquet", ROWS, ["name", "trips", "fare", "phone"])
    with pytest.raises(ColumnMismatchError, match=r"columns.phone: required, because .*rows.parquet"):
        scrub_file(source, tmp_path / "out.parquet", policy, None)


def test_the_processes_give_the_same_bytes_in_the_same_order(tmp_path: Path, policy: ScrubPolicy) -> None:
    rows = [{"name": f"mail ana{n}@example.com", "trips": n, "fare": n / 2} for n in range(3000)]
    source = write(tmp_path / "rows.jsonl", rows)
    one = scrub_file(source, tmp_path / "one.jsonl", policy, None)
    two = scrub_file(source, tmp_path / "two.jsonl", policy, None, workers=2)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert [row["trips"] for row in _rows(tmp_path / "two.jsonl")] == list(range(3000))
    assert one == two


def test_a_process_that_dies_leaves_no_output(
    tmp_path: Path, policy: ScrubPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "rows.csv", [{"name": "Ana", "trips": 1, "fare": 1.5}] * 9000)
    monkeypatch.setattr(files, "_scrub", _die)
    with pytest.raises(ScrubError, match="a worker process died"):
        scrub_file(source, tmp_path / "out.csv", policy, None, workers=2)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def _die(batch: list[Record]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_rows_that_do_not_come_back_are_missed(
    tmp_path: Path, policy: ScrubPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "rows.csv", ROWS * 300)
    monkeypatch.setattr(files, "scrub_batch", lambda scrubber, batch: scrub_batch(scrubber, batch[1:]))
    with pytest.raises(RowsLostError, match="600 rows were read, and 597 came back"):
        scrub_file(source, tmp_path / "out.csv", policy, None)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_what_nobody_foresaw_is_told_without_its_words(
    tmp_path: Path, policy: ScrubPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.pii.scrubber import Scrubber

    def fail(self: Scrubber, rows: list[Record]) -> None:
        raise KeyError(rows[0].cells[0])

    monkeypatch.setattr(Scrubber, "scrub_rows", fail)
    source = write(tmp_path / "rows.csv", ROWS)
    with pytest.raises(ScrubError, match=r"rows.csv: lines 2 to 3: KeyError in test_folders.py") as caught:
        scrub_file(source, tmp_path / "out.csv", policy, None)
    assert "ana@" not in str(caught.value)


def test_a_gzip_file_that_is_cut_off(tmp_path: Path, policy: ScrubPolicy) -> None:
    source = write(tmp_path / "rows.csv.gz", ROWS * 9)
    source.write_bytes(source.read_bytes()[:-20])
    with pytest.raises(UnreadableSourceError, match=r"rows.csv.gz: is no gzip file, or is cut off"):
        scrub_file(source, tmp_path / "out.csv.gz", policy, None)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv.gz"]


def _all(
    source: Path | str, target: Path, policy: ScrubPolicy, workers: int
) -> dict[str, Report | ScrubError]:
    jobs = [files.plan(one, out, policy) for one, out in folders.pairs(str(source), target)]
    seen: dict[Path, tuple[int, ...]] = {}
    done = folders.run_all(
        jobs, policy, None, workers=workers, progress=lambda job, *read: seen.update({job.source: read})
    )
    results = {job.source: report for job, report in done}
    assert set(results) == {job.source for job in jobs}
    assert set(seen) == {one for one, report in results.items() if isinstance(report, Report)}
    return {str(one.relative_to(source)): report for one, report in results.items()}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_keeps_its_shape(tmp_path: Path, policy: ScrubPolicy, workers: int) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").write_text("x")
    for name in ("a.csv", "deep/b.jsonl", "deep/c.parquet"):
        write(folder / name, ROWS)
    with (folder / "a.csv").open("a") as file:
        file.write("\nshort")
    results = _all(folder, tmp_path / "out", policy, workers)
    assert {name: report.rows_in for name, report in results.items()} == {
        "a.csv": 3,
        "deep/b.jsonl": 2,
        "deep/c.parquet": 2,
    }
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in written) == [
        "a.csv",
        "a.csv.dead_letters.jsonl",
        "deep/b.jsonl",
        "deep/c.parquet",
    ]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, policy: ScrubPolicy) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "a.csv", ROWS)
    (folder / "b.csv").write_text('name,trips,fare\n"Ana')
    results = _all(folder, tmp_path / "out", policy, 1)
    assert isinstance(results["a.csv"], Report)
    assert "b.csv: line 2: a quote is opened and not closed" in str(results["b.csv"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.csv"]


def test_where_outputs_go(tmp_path: Path) -> None:
    for name in ("in/x/a.csv", "in/y/b.csv", "in/c.txt", "out/old.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("name\n")

    def targets(source: str, target: str) -> list[str]:
        found = folders.pairs(str(tmp_path / source), tmp_path / target)
        return [str(out.relative_to(tmp_path)) for _, out in found]

    assert targets("in/x/a.csv", "new.csv") == ["new.csv"]
    assert targets("in/x/a.csv", "out") == ["out/a.csv"]
    assert targets("in/*/*.csv", "new") == ["new/x/a.csv", "new/y/b.csv"]
    assert targets("in/**/*.csv", "new") == ["new/x/a.csv", "new/y/b.csv"]
    assert targets("in/x", "new") == ["new/a.csv"]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("in/*.parquet", "out", "there is no such file or folder"),
        ("none.csv", "out", "there is no such file or folder"),
        ("empty", "out", "there is no file in this folder"),
        ("in", "in/out", "lies in .*in, so the next run would take what is written for input"),
        ("in", "in", "lies in "),
        ("in", "in/a.csv", "must be a folder, because there are 2 inputs"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, source: str, target: str, message: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "in/a.csv").write_text("name\n")
    (tmp_path / "in/b.csv").write_text("name\n")
    with pytest.raises(ScrubError, match=message):
        folders.pairs(str(tmp_path / source), tmp_path / target)
