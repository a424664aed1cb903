from pathlib import Path

import pytest
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.utils import proto_utils

from components import ScrubbingExampleGen, ScrubReport
from components.documents import DocumentError
from components.pii.report import engine_versions

POLICY = "key: {env: TEST_PSEUDONYM_KEY}\ncolumns: {rider: pseudonymize, note: detect}\n"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_it_stands_where_csv_example_gen_would(policy: Path) -> None:
    component = ScrubbingExampleGen("/data", policy, split_by="rider", splits={"train": 3, "test": 1})
    assert set(component.outputs) == {"examples", "scrub_report"}
    assert component.outputs["scrub_report"].type is ScrubReport
    config = example_gen_pb2.Output()
    proto_utils.json_to_proto(component.exec_properties["output_config"], config)
    assert config.split_config.partition_feature_name == "rider"
    assert [(split.name, split.hash_buckets) for split in config.split_config.splits] == [
        ("train", 3),
        ("test", 1),
    ]


def test_what_decides_the_output_is_in_the_cache_key_and_the_key_is_not(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PSEUDONYM_KEY", "a secret of sixteen bytes")
    properties = ScrubbingExampleGen("/data", policy).exec_properties
    assert properties["policy"] == POLICY
    assert properties["policy_source"] == "policy.yaml"
    for value in engine_versions().values():
        assert value in properties["scrubber_version"]
    assert "secret" not in str(properties)


def test_spans_as_for_csv_example_gen(policy: Path) -> None:
    split = example_gen_pb2.Input.Split(name="single_split", pattern="span-{SPAN}/*")
    spans = range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=1, end_span_number=1)
    )
    component = ScrubbingExampleGen(
        "/data", policy, input_config=example_gen_pb2.Input(splits=[split]), range_config=spans
    )
    assert "span-{SPAN}/*" in component.exec_properties["input_config"]
    found = range_config_pb2.RangeConfig()
    proto_utils.json_to_proto(component.exec_properties["range_config"], found)
    assert found == spans


@pytest.mark.parametrize(
    ("split_by", "why"), [("note", "its action is detect"), ("ridr", "the policy does not name it")]
)
def test_splits_go_by_a_pseudonym_only(policy: Path, split_by: str, why: str) -> None:
    with pytest.raises(
        DocumentError, match=rf"policy.yaml: columns.{split_by}: must be pseudonymized .*; {why}"
    ):
        ScrubbingExampleGen("/data", policy, split_by=split_by)


def test_a_policy_that_is_not_there_or_broken(policy: Path) -> None:
    with pytest.raises(DocumentError, match=r"no.yaml: cannot be read"):
        ScrubbingExampleGen("/data", policy.with_name("no.yaml"))
    policy.write_text("columns: {a: hide}")
    with pytest.raises(DocumentError, match=r"policy.yaml: columns.a: "):
        ScrubbingExampleGen("/data", policy)


def test_no_splits(policy: Path) -> None:
    with pytest.raises(ValueError, match="splits must name at least one split"):
        ScrubbingExampleGen("/data", policy, splits={})
