"""The executor with real artifacts, and the component in a real pipeline with a real metadata store."""

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx import types
from tfx.components.example_gen import utils
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components import ScrubbingExampleGen, ScrubReport
from components.pii.errors import (
    ColumnMismatchError,
    KeyUnavailableError,
    TooManyRejectedError,
    UnreadableSourceError,
)
from components.pii.report import Report, engine_versions
from components.scrubbing_example_gen.executor import Executor
from components.storage import staging
from dpcore import ledger, randomized_response

KEY = "a key of more than sixteen bytes"
POLICY = """
key: {env: TEST_PSEUDONYM_KEY}
max_malformed_share: 0.1
columns:
  rider: pseudonymize
  name: {action: drop, entity: PERSON}
  note: detect
  fare: {action: keep, type: float}
"""
NAMES = ("Quinn Ito", "Ana Ruiz", "Melania Kowalczyk", "Kabir Rao", "Zoë Blanc")
ROWS = [
    f"r{number % 20},{NAMES[number % 5]},{NAMES[number % 5]} called from 312-555-01{number:02d},{number}.5"
    for number in range(60)
]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PSEUDONYM_KEY", KEY)


@pytest.fixture
def trips(tmp_path: Path) -> Path:
    folder = tmp_path / "trips"
    folder.mkdir()
    _write(folder, ROWS)
    return folder


def _write(folder: Path, rows: Sequence[str]) -> None:
    (folder / "trips.csv").write_text("\n".join(["rider,name,note,fare", *rows]) + "\n")


def _do(trips: Path, *, policy: str = POLICY, split_by: str = "rider", run: str = "1") -> types.Artifact:
    """Runs the executor; the Examples are beside the ScrubReport that it returns."""
    examples, report = standard_artifacts.Examples(), ScrubReport()
    examples.uri = str(trips.parent / "examples" / run)
    report.uri = str(trips.parent / "scrub_report" / run)
    split = example_gen_pb2.SplitConfig.Split
    output = example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[split(name="train", hash_buckets=2), split(name="eval", hash_buckets=1)],
            partition_feature_name=split_by,
        )
    )
    context = BaseBeamExecutor.Context(make_beam_pipeline_fn=lambda: beam.Pipeline(runner=FnApiRunner()))
    Executor(context).Do(
        {},
        {"examples": [examples], "scrub_report": [report]},
        {
            "input_base": str(trips),
            "input_config": proto_utils.proto_to_json(utils.make_default_input_config()),
            "output_config": proto_utils.proto_to_json(output),
            "output_data_format": example_gen_pb2.FORMAT_TF_EXAMPLE,
            "output_file_format": example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            "policy": policy,
            "policy_source": "policy.yaml",
            "scrubber_version": json.dumps(engine_versions()),
        },
    )
    return report


def _read(folder: str | Path, split: str) -> Iterator[tf.train.Example]:
    files = tf.io.gfile.glob(str(Path(folder) / f"Split-{split}" / "*.gz"))
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        yield tf.train.Example.FromString(record)


def _parsed(trips: Path, run: str) -> dict[str, list[str]]:
    folder = trips.parent / "examples" / run
    return {split: sorted(str(example) for example in _read(folder, split)) for split in ("train", "eval")}


def _riders(trips: Path, split: str) -> set[bytes]:
    examples = _read(trips.parent / "examples" / "1", split)
    return {example.features.feature["rider"].bytes_list.value[0] for example in examples}


def test_examples_report_and_properties(trips: Path) -> None:
    report = _do(trips)
    examples = [
        *_read(trips.parent / "examples" / "1", "train"),
        *_read(trips.parent / "examples" / "1", "eval"),
    ]
    assert len(examples) == 60
    notes = {example.features.feature["note"].bytes_list.value[0] for example in examples}
    assert notes == {b"<PERSON> called from <PHONE_NUMBER>"}
    assert set(examples[0].features.feature) == {"rider", "note", "fare"}
    payload = (Path(report.uri) / "report.json").read_text()
    parsed = Report.from_json(payload)
    assert parsed.findings == {"PERSON": 60, "PHONE_NUMBER": 60}
    assert {name: report.get_custom_property(name) for name in ("rows_in", "rows_out", "rows_rejected")} == {
        "rows_in": 60,
        "rows_out": 60,
        "rows_rejected": 0,
    }
    assert report.get_int_custom_property("findings") == 120
    assert report.get_int_custom_property("residual_findings") == 0
    assert report.get_float_custom_property("residual_share") == 0.0
    assert report.get_string_custom_property("policy_digest") == parsed.policy_digest
    assert report.get_string_custom_property("report") == payload


def test_randomised_answers_are_charged_and_the_same_in_every_run(trips: Path) -> None:
    rule = "{action: randomize, values: [Quinn Ito, Ana Ruiz, Kabir Rao], epsilon: 0.5}"
    policy = POLICY.replace("{action: drop, entity: PERSON}", rule)
    report = _do(trips, policy=policy)
    (charge,) = ledger.loads((Path(report.uri) / "local_ledger.jsonl").read_text()).charges
    assert charge.event == randomized_response.event(0.5, 3)
    assert charge.neighboring_relation.name == "REPLACE_ONE"
    assert report.get_float_custom_property("local_epsilon") == 0.5
    assert "values in name, towards everyone" in report.get_string_custom_property("local_statement")
    _do(trips, policy=policy, run="2")
    assert _parsed(trips, "1") == _parsed(trips, "2")


def test_nobody_is_in_both_splits(trips: Path) -> None:
    _do(trips)
    train, evaluation = _riders(trips, "train"), _riders(trips, "eval")
    assert train
    assert evaluation
    assert len(train | evaluation) == 20
    assert not train & evaluation


def test_the_same_input_gives_the_same_examples(trips: Path) -> None:
    _do(trips, run="1")
    _do(trips, run="2")
    assert _parsed(trips, "1") == _parsed(trips, "2")


def test_a_malformed_row_is_a_dead_letter(trips: Path) -> None:
    _write(trips, [*ROWS, "r1,Quinn Ito,short"])
    report = _do(trips)
    letters = [json.loads(line) for line in (Path(report.uri) / "dead_letter.jsonl").read_text().splitlines()]
    assert letters == [{"file": str(trips / "trips.csv"), "line": 62, "last_line": 62, "reason": "short row"}]
    assert report.get_int_custom_property("rows_rejected") == 1


def test_too_many_malformed_rows_stop_the_run_and_the_dead_letters_stay(trips: Path) -> None:
    _write(trips, [*ROWS[:2], "r1,Quinn Ito,x,Quinn", "r1,Quinn Ito"])
    with pytest.raises(TooManyRejectedError, match="2 of 4 rows are malformed") as error:
        _do(trips)
    kept = trips.parent / "scrub_report" / "1.refused" / "dead_letter.jsonl"
    assert str(error.value).endswith(f"The rows are listed in {kept}.")
    assert [json.loads(line)["reason"] for line in kept.read_text().splitlines()] == [
        "wrong type in column fare",
        "short row",
    ]


def test_a_refusal_is_told_even_where_the_dead_letters_cannot_be_kept(
    trips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a pod that may not write to the bucket itself."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    _write(trips, [*ROWS[:2], "r1,Quinn Ito,x,Quinn", "r1,Quinn Ito"])
    with (
        staging.mounted({f"{trips.parent}/": "minio://bucket/"}),
        pytest.raises(TooManyRejectedError, match=r"2 of 4 rows .* could not be kept: .*AWS_ENDPOINT"),
    ):
        _do(trips)


def test_no_rows_stop_the_run(trips: Path) -> None:
    _write(trips, [])
    with pytest.raises(UnreadableSourceError, match="trips: has no rows under the header"):
        _do(trips)


def test_a_policy_that_misses_a_column_stops_the_run(trips: Path) -> None:
    with pytest.raises(ColumnMismatchError, match=r"policy.yaml: columns.note: required, because .*trips"):
        _do(trips, policy=POLICY.replace("  note: detect\n", ""))


def test_no_key_stops_the_run(trips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PSEUDONYM_KEY", "short")
    with pytest.raises(KeyUnavailableError, match="at least 16 bytes; got 5"):
        _do(trips)


def test_in_a_pipeline(trips: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two runs: the second is cached. Neither the store nor the log holds personal text or the key."""
    caplog.set_level(logging.DEBUG)
    policy, store = trips.parent / "policy.yaml", trips.parent / "metadata.sqlite"
    policy.write_text(POLICY)
    for _ in range(2):
        LocalDagRunner().run(
            pipeline.Pipeline(
                pipeline_name="scrub",
                pipeline_root=str(trips.parent / "root"),
                components=[ScrubbingExampleGen(str(trips), policy, split_by="rider")],
                enable_cache=True,
                metadata_connection_config=metadata.sqlite_metadata_connection_config(str(store)),
                beam_pipeline_args=["--runner=FnApiRunner"],
            )
        )
    with metadata.Metadata(metadata.sqlite_metadata_connection_config(str(store))) as handle:
        (report,) = handle.store.get_artifacts_by_type("components.ScrubReport")
        assert report.custom_properties["rows_out"].int_value == 60
        assert len(handle.store.get_executions()) == 2
    left = caplog.text.encode() + store.read_bytes()
    left += b"".join(path.read_bytes() for path in Path(report.uri).iterdir())
    for secret in ("Quinn", "Kowalczyk", "312-555", KEY):
        assert secret.encode() not in left
