"""What a container runs: a step as Kubeflow's launcher hands it over, and what the launcher gets back."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.types import standard_artifacts

from components.artifacts import PrivacyLedger
from dpcore.errors import NotPrivateError
from pipelines.kubeflow import entrypoint, recording, uris
from pipelines.kubeflow.errors import ParameterError, StepError

EXAMPLES = {"instanceSchema": compiler_utils.get_artifact_schema(standard_artifacts.Examples).decode()}
LEDGER = {"instanceSchema": compiler_utils.get_artifact_schema(PrivacyLedger)}
ROOT = "minio://mlpipeline/v2/artifacts/taxi/run"


@pytest.fixture
def mount(tmp_path, monkeypatch):
    """Where the launcher would mount minio://."""
    monkeypatch.setattr(uris, "MOUNTS", {f"{tmp_path}/minio/": "minio://"})
    return tmp_path / "minio"


@pytest.fixture
def told(monkeypatch):
    """What was recorded, in order."""
    found = []
    monkeypatch.setenv("TFX_PRIVACY_METADATA", "sqlite:///somewhere")
    monkeypatch.setattr(recording, "record", lambda connection, task: found.append(copy.deepcopy(task)))
    return found


def step(executor, output_file, *, properties=None, outputs=None, node="Copy", with_input=True):
    """The arguments of a step, as Kubeflow's own launcher makes them."""
    inputs = {"raw_examples": {"artifactType": EXAMPLES}} if with_input else {}
    properties = {"rows": 7, "run_id": "run-1"} if properties is None else properties
    handed = {
        "inputs": {
            "parameterValues": properties,
            "artifacts": {
                key: {
                    "artifacts": [
                        {
                            "name": "raw_examples",
                            "uri": f"{ROOT}/Before/1/examples",
                            "type": {"schemaTitle": "system.Artifact"},
                            "metadata": {"span": 0.0, "custom:span": 2.0, "file_format": "tfrecords_gzip"},
                        }
                    ]
                }
                for key in inputs
            },
        },
        "outputs": {
            "artifacts": {
                key: {"artifacts": [{"name": key, "uri": f"{ROOT}/{node}/2/{key}", "type": kind}]}
                for key, kind in (outputs or {"examples": EXAMPLES}).items()
            }
            | {
                "executor-logs": {
                    "artifacts": [{"uri": f"{ROOT}/log", "type": {"schemaTitle": "system.Artifact"}}]
                }
            },
            "outputFile": str(output_file),
        },
    }
    kinds = {name: "NUMBER_INTEGER" if isinstance(v, int) else "STRING" for name, v in properties.items()}
    spec = {
        "artifacts": inputs,
        "parameters": {name: {"parameterType": kind} for name, kind in kinds.items()},
    }
    return [
        *("--pipeline=taxi", f"--node={node}", f"--component=tests.{node}"),
        *("--executor_class_path", f"tests.pipelines.kubeflow.executors.{executor}"),
        *("--json_serialized_invocation_args", json.dumps(handed)),
        *("--json_serialized_inputs_spec_args", json.dumps(spec)),
        "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    ]


def test_a_step_works_on_the_mount_and_tells_the_launcher_uris(mount, told):
    output_file = mount / "out" / "executor_output.json"
    entrypoint.run_step(step("Copying", output_file))
    folder = mount / ROOT.removeprefix("minio://") / "Copy/2/examples"
    assert (folder / "data").is_file()
    output = json.loads(output_file.read_text(encoding="utf-8"))["artifacts"]
    assert set(output) == {"examples"}  # The log is the launcher's.
    (made,) = output["examples"]["artifacts"]
    assert made["uri"] == f"{ROOT}/Copy/2/examples"
    # Also where an executor wrote down where something lies.
    assert made["metadata"]["seen_at"] == f"{ROOT}/Copy/2/examples"
    assert made["metadata"]["read_at"] == f"{ROOT}/Before/1/examples"
    assert str(mount) not in output_file.read_text(encoding="utf-8")


def test_it_is_recorded_before_and_after_with_uris_and_typed_properties(mount, told):
    entrypoint.run_step(step("Copying", mount / "out.json"))
    before, after = told
    assert (before.state, after.state) == ("running", "complete")
    for task in told:
        assert (task.pipeline, task.run_id, task.node) == ("taxi", "run-1", "Copy")
        assert task.component_type == "tests.Copy"
        assert task.exec_properties == {"rows": 7}
        assert task.inputs["raw_examples"][0].uri == f"{ROOT}/Before/1/examples"
        assert isinstance(task.inputs["raw_examples"][0], standard_artifacts.Examples)
    (made,) = after.outputs["examples"]
    assert made.uri == f"{ROOT}/Copy/2/examples"
    values = made.mlmd_artifact.custom_properties
    assert values["rows"].int_value == 7
    assert values["epsilon"].double_value == 3.0
    # Copied from the input, which came as JSON.
    assert values["span"].int_value == 2
    assert values["file_format"].string_value == "tfrecords_gzip"
    assert "tfx_version" in values


def test_nothing_counts_as_published_before_the_launcher_has_carried_it_away(mount):
    entrypoint.run_step(step("Copying", mount / "out.json"))
    assert not list(mount.rglob("settled"))


def test_a_failure_leaves_no_output_and_is_recorded(mount, told):
    output_file = mount / "out.json"
    with pytest.raises(NotPrivateError):
        entrypoint.run_step(step("Failing", output_file))
    assert [task.state for task in told] == ["running", "failed"]
    assert not list(mount.rglob("half"))
    assert not output_file.exists()


def test_an_error_is_told_in_words_and_by_the_exit_status(mount, capsys):
    assert entrypoint.main(step("Failing", mount / "out.json")) == 1
    assert capsys.readouterr().err == "error: BatchNormalization mixes examples; use GroupNormalization.\n"


def test_nothing_is_recorded_without_a_store(mount, told, monkeypatch):
    monkeypatch.delenv("TFX_PRIVACY_METADATA")
    entrypoint.run_step(step("Copying", mount / "out.json"))
    assert told == []


def test_a_wrong_parameter_stops_the_step_before_it_starts(mount, told):
    given = {
        "rows": 7,
        "run_id": "run-1",
        "privacy": '{"target": {"epsilon": 3.0}}',
        "target_epsilon": "nan",
    }
    with pytest.raises(ParameterError, match="target_epsilon"):
        entrypoint.run_step(step("Copying", mount / "out.json", properties=given, node="DPTrainer"))
    assert told == []


@pytest.mark.parametrize("folder", ["volume", None])
def test_the_journal_lies_where_a_pod_cannot_take_it_along(mount, told, folder, tmp_path, monkeypatch):
    place = f"{ROOT}/DPTrainer/2"  # Beside the artifact: in the bucket, not on the pod's disk.
    if folder:
        place = str(tmp_path / folder)
        monkeypatch.setenv("TFX_PRIVACY_JOURNAL", place)
    outputs = {"examples": EXAMPLES, "ledger": LEDGER}
    entrypoint.run_step(step("Copying", mount / "out.json", outputs=outputs, node="DPTrainer"))
    assert told[-1].exec_properties["journal"] == f"{place}/run-1.jsonl"


def test_spans_are_resolved_and_the_rows_have_a_fingerprint(mount, told, tmp_path):
    for span in ("1", "2"):
        (tmp_path / f"span-{span}").mkdir()
        (tmp_path / f"span-{span}" / "trips.csv").write_text("a\n1\n", encoding="utf-8")
    given = {
        "rows": 7,
        "run_id": "run-1",
        "input_base": str(tmp_path),
        "input_config": '{"splits": [{"name": "all", "pattern": "span-{SPAN}/*"}]}',
    }
    entrypoint.run_step(step("Copying", mount / "out.json", properties=given, with_input=False))
    properties = told[-1].exec_properties
    assert (properties["span"], "span-2/*" in properties["input_config"]) == (2, True)
    (made,) = told[-1].outputs["examples"]
    assert made.get_int_custom_property("span") == 2
    assert "num_files:1" in made.get_string_custom_property("input_fingerprint")


def test_an_input_that_is_not_there_is_recorded_as_a_failure(mount, told, tmp_path):
    given = {
        "rows": 7,
        "run_id": "run-1",
        "input_base": str(tmp_path / "nowhere"),
        "input_config": '{"splits": [{"name": "all", "pattern": "span-{SPAN}/*"}]}',
    }
    with pytest.raises(StepError, match="nowhere: Cannot find"):
        entrypoint.run_step(step("Copying", mount / "out.json", properties=given, with_input=False))
    assert [task.state for task in told] == ["running", "failed"]


def test_the_names_in_the_golden_are_the_arguments(capsys):
    golden = Path(__file__).parents[3] / "kubeflow" / "pipeline.yaml"
    spec = next(yaml.safe_load_all(golden.read_text(encoding="utf-8")))
    for executor in spec["deploymentSpec"]["executors"].values():
        container = executor["container"]
        parsed, beam = entrypoint._arguments([*container["command"][3:], *container["args"]])
        assert parsed.pipeline == "taxi"
        assert beam == ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"]
