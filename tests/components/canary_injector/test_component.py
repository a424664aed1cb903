from collections import Counter

import pytest
import tensorflow as tf
import yaml
from tfx.types import Channel, channel_utils, standard_artifacts

from components.artifacts import CanarySet as CanarySetArtifact
from components.canary_injector import canary_set
from components.canary_injector.component import CanaryInjector
from components.canary_injector.executor import Executor
from components.documents import DocumentError

PLAN = {
    "candidates": 50,
    "inserted": [{"repetitions": 1, "count": 3}, {"repetitions": 5, "count": 2}],
    "columns": {"x": {"uniform": [100, 200]}, "label": {"integers": [0, 1]}},
    "seed": 7,
}


def example(x, label):
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                "x": tf.train.Feature(float_list=tf.train.FloatList(value=[x])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
        )
    ).SerializeToString()


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
        for record in records:
            writer.write(record)


def read(folder):
    files = sorted(str(path) for path in folder.iterdir())
    return list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())


@pytest.fixture
def examples(tmp_path):
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path / "examples")
    artifact.split_names = '["train", "eval"]'
    artifact.span = 3
    artifact.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    artifact.set_string_custom_property("file_format", "tfrecords_gzip")
    artifact.set_string_custom_property("producer_component", "ExampleGen")
    for shard in range(3):
        rows = [example(float(10 * shard + i), i % 2) for i in range(10)]
        write(tmp_path / f"examples/Split-train/data_tfrecord-{shard:05d}-of-00003.gz", rows)
    write(tmp_path / "examples/Split-eval/data_tfrecord-00000-of-00001.gz", [example(-1.0, 0)])
    return artifact


def run(examples, tmp_path, plan=PLAN, name="run"):
    outputs = {"examples": [standard_artifacts.Examples()], "canaries": [CanarySetArtifact()]}
    for key, (artifact,) in outputs.items():
        artifact.uri = str(tmp_path / name / key)
    properties = {"plan": yaml.safe_dump(plan), "code_version": "1"}
    Executor().Do({"raw_examples": [examples]}, outputs, properties)
    return outputs["examples"][0], outputs["canaries"][0]


def test_canaries_go_into_the_train_split_only(examples, tmp_path):
    run(examples, tmp_path)
    before, after = read(tmp_path / "examples/Split-train"), read(tmp_path / "run/examples/Split-train")
    extra = Counter(after) - Counter(before)
    assert sorted(extra.values()) == [1, 1, 1, 5, 5]
    assert [record for record in after if record not in extra] == before
    assert read(tmp_path / "run/examples/Split-eval") == read(tmp_path / "examples/Split-eval")
    assert len(list((tmp_path / "run/examples/Split-train").iterdir())) == 3


def test_the_canary_set_holds_every_candidate_and_its_fate(examples, tmp_path):
    _, canaries = run(examples, tmp_path)
    drawn = canary_set.CanarySet.from_json((tmp_path / "run/canaries/canaries.json").read_text())
    path = str(tmp_path / "run/canaries/candidates.tfrecord.gz")
    candidates = list(tf.data.TFRecordDataset(path, compression_type="GZIP").as_numpy_iterator())
    after = Counter(read(tmp_path / "run/examples/Split-train"))
    assert len(candidates) == len(drawn.candidates) == 50
    assert [after[row] for row in candidates] == [c.repetitions for c in drawn.candidates]
    properties = canaries.mlmd_artifact.custom_properties
    assert properties["candidates"].int_value == 50
    assert properties["inserted"].int_value == 5
    assert properties["max_repetitions"].int_value == 5
    assert properties["rows_added"].int_value == 13
    assert properties["plan_digest"].string_value == drawn.plan_digest


def test_the_examples_say_what_they_are_as_before(examples, tmp_path):
    injected, _ = run(examples, tmp_path)
    assert (injected.split_names, injected.span, injected.version) == ('["train", "eval"]', 3, 0)
    assert injected.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"
    assert injected.get_string_custom_property("file_format") == "tfrecords_gzip"
    assert not injected.has_custom_property("producer_component")


def test_a_seed_makes_a_rerun_the_same_and_without_one_it_differs(examples, tmp_path):
    unseeded = {key: value for key, value in PLAN.items() if key != "seed"}
    for name, plan in {"a": PLAN, "b": PLAN, "c": unseeded, "d": unseeded}.items():
        run(examples, tmp_path, plan, name)
    a, b, c, d = (read(tmp_path / name / "examples/Split-train") for name in "abcd")
    assert a == b
    assert c != d


def test_data_in_another_format_or_without_a_train_split_is_refused(examples, tmp_path):
    examples.split_names = '["eval"]'
    with pytest.raises(DocumentError, match="must have a split named train; got eval"):
        run(examples, tmp_path)
    examples.set_string_custom_property("payload_format", "FORMAT_PARQUET")
    with pytest.raises(DocumentError, match="got FORMAT_PARQUET in tfrecords_gzip"):
        run(examples, tmp_path)


def test_the_component_checks_its_plan_when_the_pipeline_is_written(tmp_path):
    channel = channel_utils.as_channel([standard_artifacts.Examples()])
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(PLAN))
    component = CanaryInjector(examples=channel, plan=path)
    assert component.exec_properties["plan"] == path.read_text()
    assert isinstance(component.outputs["canaries"], Channel)
    assert component.outputs["canaries"].type is CanarySetArtifact
    path.write_text(yaml.safe_dump({**PLAN, "candidates": 5}))
    with pytest.raises(DocumentError, match=r"plan\.yaml: .*leave at least one"):
        CanaryInjector(examples=channel, plan=path)
    with pytest.raises(DocumentError, match="cannot be read"):
        CanaryInjector(examples=channel, plan=tmp_path / "absent.yaml")
