import json
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.artifacts import ScrubReport
from components.scrub_validator.executor import Executor
from components.scrubbing_example_gen.executor import REPORT_FILE

INVENTED = {"reply": ["EMAIL_ADDRESS"]}
BEAM = ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"]


def example(**cells):
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[cell.encode()] if cell else []))
        for name, cell in cells.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def validated(folder: Path, splits, actions=None):
    """Runs the executor over ``splits``; the anomalies by split and column, and the blessings."""
    actions = actions or {"note": "detect", "kind": "keep", "who": "pseudonymize", "reply": "detect"}
    examples, report, anomalies = (
        standard_artifacts.Examples(),
        ScrubReport(),
        standard_artifacts.ExampleAnomalies(),
    )
    for artifact, name in ((examples, "examples"), (report, "report"), (anomalies, "anomalies")):
        artifact.uri = str(folder / name)
    examples.split_names = json.dumps(list(splits))
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    examples.set_string_custom_property("file_format", "tfrecords_gzip")
    for split, rows in splits.items():
        path = folder / f"examples/Split-{split}/data_tfrecord-00000-of-00001.gz"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
            for row in rows:
                writer.write(row)
    columns = {name: {"action": action, "findings": {}} for name, action in actions.items()}
    columns = {name: column | {"invented": INVENTED.get(name, [])} for name, column in columns.items()}
    counts = {"rows_in": 3, "rows_out": 3, "rows_rejected": 0}
    rest = {"reasons": {}, "residual": {}, "policy_digest": "0", "engine": {}}
    (folder / "report").mkdir()
    (folder / "report" / REPORT_FILE).write_text(json.dumps({**counts, **rest, "columns": columns}))
    executor = Executor(BaseBeamExecutor.Context(beam_pipeline_args=BEAM, tmp_dir=str(folder), unique_id="1"))
    executor.Do({"examples": [examples], "scrub_report": [report]}, {"anomalies": [anomalies]}, {})
    files = {split: folder / f"anomalies/Split-{split}/SchemaDiff.pb" for split in splits}
    found = {split: anomalies_pb2.Anomalies.FromString(file.read_bytes()) for split, file in files.items()}
    return {
        split: {column: info.short_description for column, info in one.anomaly_info.items()}
        for split, one in found.items()
    }, anomalies.get_json_value_custom_property("blessed")


CLEAN = example(
    note="Picked up by <PERSON> at 12:30, fare 14.25", kind="Cash", who="6" * 32, reply="to a.b1@example.com"
)


LEFT = {
    "email": ("write to q.ito@mail.example", "an e-mail address"),
    "phone": ("call (312) 555-0143 today", "a phone number"),
    "card": ("paid with 4111 1111 1111 1111.", "a payment card number"),
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    splits = {
        split: [CLEAN, example(note=left, kind="", who="b", reply="")] for split, (left, _) in LEFT.items()
    }
    splits["train"] = [CLEAN, example(note="", kind="Card", who="a", reply="")]
    splits["kept"] = [example(note="", kind="a@b.example", who="4111111111111111", reply="(312) 555-0143")]
    splits["empty"] = []
    return validated(tmp_path_factory.mktemp("scrubbed"), splits)


def test_what_was_scrubbed_well_is_blessed(outcome):
    anomalies, blessed = outcome
    assert anomalies["train"] == {}
    assert blessed == {"email": 0, "phone": 0, "card": 0, "train": 1, "kept": 0, "empty": 1}


@pytest.mark.parametrize("split", LEFT)
def test_what_is_left_is_an_anomaly_of_its_column_and_split(outcome, split):
    (anomaly,) = outcome[0][split].items()
    assert anomaly == ("note", f"After the scrub, something in this column has the form of {LEFT[split][1]}.")


def test_kept_columns_are_looked_at_and_pseudonyms_are_not(outcome):
    assert sorted(outcome[0]["kept"]) == ["kind", "reply"]


def test_invented_values_may_have_their_shape_and_no_other(outcome):
    assert "reply" not in outcome[0]["train"]
    assert "a phone number" in outcome[0]["kept"]["reply"]


def test_a_column_that_is_not_there_was_not_looked_at(tmp_path):
    with pytest.raises(ValueError, match="columns gone were scrubbed, and the examples do not have them"):
        validated(tmp_path, {"train": [CLEAN]}, {"note": "detect", "gone": "detect"})
