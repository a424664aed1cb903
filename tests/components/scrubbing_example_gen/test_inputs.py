"""What goes in (formats, spans, versions, splits), in real pipelines; and runners that lose rows."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
import tensorflow as tf
from tfx.components.example_gen import write_split
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.proto import example_gen_pb2, range_config_pb2

from components import ScrubbingExampleGen
from components.pii.errors import RowsLostError
from tests.scrub_policy import KEY, POLICY

Split = example_gen_pb2.Input.Split


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PSEUDONYM_KEY", KEY)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows with these fares under the folder of inputs, as CSV, or JSON lines by the name."""

    def write(name: str, *fares: float, bad: int = 0) -> Path:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{"rider": f"r{fare}", "note": "mail ana@example.com", "fare": fare} for fare in fares]
        lines = [",".join(map(str, row.values())) for row in rows] + ["short"] * bad
        text = "\n".join(["rider,note,fare", *lines])
        if ".jsonl" in name:
            text = "\n".join([*map(json.dumps, rows), *(["{}x"] * bad)])
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return tmp_path / "in"

    return write


def _run(folder: Path, *, enable_cache: bool = False, **options: Any) -> Path:
    """Runs a pipeline with the component alone; its outputs are below the folder that is returned."""
    policy, root = folder.parent / "policy.yaml", folder.parent / "root"
    policy.write_text(POLICY)
    store = metadata.sqlite_metadata_connection_config(str(folder.parent / "metadata.sqlite"))
    LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="scrub",
            pipeline_root=str(root),
            components=[ScrubbingExampleGen(str(folder), policy, **options)],
            metadata_connection_config=store,
            enable_cache=enable_cache,
            beam_pipeline_args=["--runner=FnApiRunner"],
        )
    )
    return root / "ScrubbingExampleGen"


def _fares(root: Path, split: str = "*") -> list[float]:
    files = [str(path) for path in root.glob(f"examples/*/Split-{split}/*.gz")]
    fares = []
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        assert features["note"].bytes_list.value[0] == b"mail <EMAIL_ADDRESS>"
        fares.append(features["fare"].float_list.value[0])
    return sorted(fares)


def test_json_lines_compressed_and_not_and_a_format_by_choice(write) -> None:
    write("a.jsonl", 1, 2)
    assert _fares(_run(write("b.jsonl.gz", 3))) == [1, 2, 3]


def test_a_format_by_choice(write) -> None:
    assert _fares(_run(write("rows.txt", 1, 2), file_format="csv")) == [1, 2]


def test_the_latest_span_and_version(write) -> None:
    for span, version, fare in ((1, 1, 11), (2, 1, 21), (2, 2, 22)):
        folder = write(f"span-{span}/v{version}/rows.csv", fare)
    config = example_gen_pb2.Input(splits=[Split(name="all", pattern="span-{SPAN}/v{VERSION}/*")])
    assert _fares(_run(folder, input_config=config)) == [22]


def test_a_day_by_its_date_and_a_range(write) -> None:
    for day in ("2024-02-28", "2024-02-29"):
        folder = write(f"{day}/rows.csv", int(day[-2:]))
    config = example_gen_pb2.Input(splits=[Split(name="all", pattern="{YYYY}-{MM}-{DD}/*")])
    # Days since 1970-01-01.
    day = range_config_pb2.StaticRange(start_span_number=19781, end_span_number=19781)
    root = _run(folder, input_config=config, range_config=range_config_pb2.RangeConfig(static_range=day))
    assert _fares(root) == [28]


def test_rows_are_scrubbed_anew_under_another_key_only(write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write("trips.csv", 1.5, 2.5)
    made = _run(folder, enable_cache=True)
    assert _run(folder, enable_cache=True) == made
    assert len(list(made.glob("examples/*"))) == 1
    monkeypatch.setenv("TEST_PSEUDONYM_KEY", KEY[::-1])
    _run(folder, enable_cache=True)
    assert len(list(made.glob("examples/*"))) == 2
    database = (folder.parent / "metadata.sqlite").read_bytes()
    assert KEY.encode() not in database
    assert KEY[::-1].encode() not in database


def test_splits_of_the_input_are_those_of_the_output(write) -> None:
    write("train/rows.csv", 1, 2, bad=1)
    splits = [Split(name="train", pattern="train/*"), Split(name="eval", pattern="eval/*")]
    folder = write("eval/rows.csv", 3, bad=1)
    root = _run(folder, input_config=example_gen_pb2.Input(splits=splits))
    assert (_fares(root, "train"), _fares(root, "eval")) == ([1, 2], [3])
    (letters,) = root.glob("scrub_report/*/dead_letter.jsonl")
    files = {Path(json.loads(line)["file"]).parent.name for line in letters.read_text().splitlines()}
    assert files == {"train", "eval"}


@pytest.mark.parametrize("options", [{"split_by": "rider"}, {"splits": {"train": 1}}])
def test_there_is_one_way_to_make_splits(write, options: dict[str, Any]) -> None:
    splits = [Split(name="train", pattern="train/*"), Split(name="eval", pattern="eval/*")]
    with pytest.raises(ValueError, match="input_config has 2 splits, and they are those of the output"):
        _run(write("train/a.csv", 1), input_config=example_gen_pb2.Input(splits=splits), **options)


@pytest.mark.parametrize("kept", ["none", "most", "twice"])
def test_what_a_runner_loses_or_doubles_is_not_accepted(
    write, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counters of such a run are right, and it says that it is done; its files are not right."""
    folder = write("rows.csv", *range(9))
    times = {
        "none": lambda example: [],
        "most": lambda example: [example] * (example.features.feature["fare"].float_list.value[0] != 7),
        "twice": lambda example: [example] * 2,
    }[kept]
    stock = write_split.WriteSplit

    @beam.ptransform_fn
    def losing(examples: Any, *arguments: Any) -> Any:
        return examples | beam.FlatMap(times) | "Stock" >> stock(*arguments)

    monkeypatch.setattr(write_split, "WriteSplit", losing)
    written = {"none": 0, "most": 8, "twice": 18}[kept]
    with pytest.raises(RowsLostError, match=rf"say 9 Examples and 0 dead letters; the files hold {written} "):
        _run(folder)
    assert _fares(folder.parent / "root" / "ScrubbingExampleGen") == []


def test_a_runner_without_counters_is_not_believed(write, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.pii.report import Tally
    from components.scrubbing_example_gen import executor

    monkeypatch.setattr(executor, "read_tally", lambda result: Tally())
    with pytest.raises(RowsLostError, match=r"say 0 Examples .*; the files hold 2 "):
        _run(write("rows.csv", 1, 2))
