"""The compiled pipeline: always the same bytes, valid for Kubeflow, without secrets."""

from pathlib import Path

import kfp.components
import pytest
import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from components.documents import DocumentError
from pipelines.kubeflow.compile import compile_pipeline
from pipelines.kubeflow.settings import Kubeflow
from pipelines.settings import load_settings
from pipelines.taxi import demo

GOLDEN = Path(__file__).parents[3] / "kubeflow" / "pipeline.yaml"


@pytest.fixture(scope="module")
def taxi():
    return load_settings(demo.SETTINGS, for_demo=True)


def compiled(settings):
    return compile_pipeline(settings, image="tfx-privacy:cpu", root="minio://mlpipeline/tfx-privacy")


@pytest.fixture(scope="module")
def text(taxi):
    return compiled(taxi)


def documents(text):
    return list(yaml.safe_load_all(text))


def test_it_is_the_one_that_is_checked_in(text):
    assert text == GOLDEN.read_text(encoding="utf-8"), (
        "kubeflow/pipeline.yaml differs. Where that is meant: "
        "tfx-privacy kubeflow compile -o kubeflow/pipeline.yaml"
    )


def test_the_same_settings_give_the_same_bytes_from_another_folder(taxi, text, tmp_path, monkeypatch):
    for file in demo.SETTINGS.parent.glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert compiled(load_settings("settings.yaml", for_demo=True)) == text


def test_kubeflow_can_read_it(text, tmp_path):
    spec, platform = documents(text)
    read = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    assert read.schema_version == "2.1.0"
    json_format.ParseDict(spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) <= set(spec["deploymentSpec"]["executors"])
    for executor in executors.values():
        json_format.ParseDict(executor, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    file = tmp_path / "pipeline.yaml"
    file.write_text(text, encoding="utf-8")
    loaded = kfp.components.load_component_from_file(str(file))
    assert {name: given.default for name, given in loaded.component_spec.inputs.items()} == {
        "input": "/tfx-privacy/trips",
        "target_epsilon": 3.0,
        "epochs": 15,
        "gate_policy": (demo.SETTINGS.parent / "gate_policy.yaml").read_text(encoding="utf-8"),
        "push_to": "/tfx-privacy/pushed",
    }


def test_nothing_is_cached_because_a_cached_step_would_leave_no_record(text):
    assert "enableCache" not in text


def test_every_container_runs_our_entrypoint_and_knows_which_step_it_is(text):
    spec, _ = documents(text)
    for name, task in spec["root"]["dag"]["tasks"].items():
        label = spec["components"][task["componentRef"]["name"]]["executorLabel"]
        container = spec["deploymentSpec"]["executors"][label]["container"]
        assert container["command"][:3] == ["python", "-m", "pipelines.kubeflow.entrypoint"]
        assert f"--node={name}" in container["command"]
        assert "lifecycle" not in container


def test_secrets_are_names_only_and_each_step_gets_its_own(text, taxi, monkeypatch):
    monkeypatch.setenv("TFX_PRIVACY_PSEUDONYM_KEY", "a key that must not be seen")
    monkeypatch.setenv("TFX_PRIVACY_METADATA", "mysql://user:word@host/db")
    assert compiled(taxi) == text
    _, platform = documents(text)
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]

    def variables(step):
        return {key["envVar"] for s in executors[f"exec-{step}"]["secretAsEnv"] for key in s["keyToEnv"]}

    assert variables("ScrubbingExampleGen") == {"TFX_PRIVACY_METADATA", "TFX_PRIVACY_PSEUDONYM_KEY"}
    assert variables("DPTrainer") == {"TFX_PRIVACY_METADATA"}


def test_the_trainer_gets_what_it_asks_for(taxi):
    asked = Kubeflow.model_validate(
        {
            "steps": {
                "DPTrainer": {
                    "cpu": 4,
                    "memory": "16Gi",
                    "accelerators": {"type": "nvidia.com/gpu", "count": 2},
                    "node_selector": {"pool": "gpu"},
                    "image": "tfx-privacy:gpu",
                    "retries": 2,
                }
            }
        }
    )
    spec, platform = documents(compiled(taxi.model_copy(update={"kubeflow": asked})))
    container = spec["deploymentSpec"]["executors"]["exec-DPTrainer"]["container"]
    resources = container["resources"]
    assert (resources["resourceCpuRequest"], resources["resourceMemoryLimit"]) == ("4", "16Gi")
    assert resources["accelerator"]["resourceType"] == "nvidia.com/gpu"
    assert resources["accelerator"]["resourceCount"] == "2"
    assert container["image"] == "tfx-privacy:gpu"
    assert container["env"] == [{"name": "TFX_PRIVACY_JOURNAL", "value": "/tfx-privacy/journal"}]
    assert spec["root"]["dag"]["tasks"]["DPTrainer"]["retryPolicy"] == {"maxRetryCount": 2}
    placed = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-DPTrainer"]
    assert placed["nodeSelector"]["labels"] == {"pool": "gpu"}
    assert placed["pvcMount"][0]["mountPath"] == "/tfx-privacy"
    assert spec["deploymentSpec"]["executors"]["exec-Transform"]["container"]["image"] == "tfx-privacy:cpu"


def test_an_input_that_only_the_settings_name_is_the_default(taxi):
    given = taxi.model_copy(update={"input": "s3://rows/trips", "kubeflow": Kubeflow()})
    spec, _ = documents(compiled(given))
    assert spec["root"]["inputDefinitions"]["parameters"]["input"]["defaultValue"] == "s3://rows/trips"


def test_a_name_that_kubeflow_refuses_is_refused_here(taxi):
    with pytest.raises(DocumentError, match="name: Kubeflow takes lower-case letters"):
        compiled(taxi.model_copy(update={"name": "Taxi_1"}))
