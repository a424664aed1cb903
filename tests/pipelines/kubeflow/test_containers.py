"""The compiled pipeline in containers, by kfp.local.DockerRunner as it is."""

import json
import os
from types import SimpleNamespace

import docker
import docker.errors
import pytest
import yaml
from kfp.local import docker_task_handler

from pipelines import metadata, records
from pipelines.kubeflow import play, specification
from pipelines.kubeflow.compile import compile_pipeline
from pipelines.kubeflow.containers import play_in_containers
from pipelines.kubeflow.errors import StepError
from tests.pipelines.kubeflow.test_play import TWO, pipeline

IMAGE = os.environ.get("TFX_PRIVACY_IMAGE", "localhost/tfx-privacy:cpu")


@pytest.fixture(scope="module")
def image():
    try:
        client = docker.from_env()
        tags = [tag for found in client.images.list() for tag in found.tags]
        client.close()
    except docker.errors.DockerException as error:
        pytest.skip(f"no container engine answers: {error}")
    if IMAGE not in tags:
        pytest.skip(
            f"the engine has no image {IMAGE}; kubeflow/image.sh builds it, TFX_PRIVACY_IMAGE names it"
        )
    return IMAGE


@pytest.fixture
def no_engine(monkeypatch):
    """Stands in for the engine: what a container would run is run here."""
    asked = []
    client = SimpleNamespace(ping=lambda: True, close=lambda: None, info=dict)
    monkeypatch.setattr(docker, "from_env", lambda: client)

    def run(client, image, command, volumes, **options):
        asked.append((image, options))
        play.in_process("a step", command, None)
        return 0

    monkeypatch.setattr(docker_task_handler, "run_docker_container", run)
    return asked


@pytest.fixture
def small(tmp_path):
    """Two steps that do nothing, as a file: kfp wants the names that kfp's own compiler gives."""
    spec = pipeline(**TWO)
    made = {"schemaVersion": "2.1.0", "pipelineInfo": {"name": "p"}, "sdkVersion": "tfx", **spec.pipeline}
    made["components"] = {f"comp-{name}": component for name, component in made["components"].items()}
    for name, task in made["root"]["dag"]["tasks"].items():
        task["componentRef"]["name"] = f"comp-{name}"
        task["taskInfo"] = {"name": name}
        task["inputs"]["parameters"] = {
            **task["inputs"]["parameters"],
            "run_id": {"runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}},
        }
        declared = made["components"][f"comp-{name}"]["inputDefinitions"]
        declared["parameters"] = {**declared["parameters"], "run_id": {"parameterType": "STRING"}}
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps(made))), encoding="utf-8")
    return file


def play_small(file, tmp_path, told):
    return play_in_containers(
        file,
        specification.load(file),
        {},
        root=tmp_path / "artifacts",
        environment={"A_SECRET": "of no use"},
        folders={str(tmp_path): True},
        on_step=lambda step, done: told.append((step, done)),
    )


def test_kfp_hands_on_artifacts_and_tells_each_step(no_engine, small, tmp_path):
    told = []
    folder = play_small(small, tmp_path, told)
    assert told == [("First", False), ("First", True), ("Second", False), ("Second", True)]
    output = json.loads((folder / "Second" / play.OUTPUT_FILE).read_text(encoding="utf-8"))
    (made,) = output["artifacts"]["examples"]["artifacts"]
    assert made["metadata"]["read_at"] == str(folder / "First" / "examples")
    for image, options in no_engine:
        assert image == "i"
        assert options["environment"]["A_SECRET"] == "of no use"
        assert options["user"] == f"{os.getuid()}:{os.getgid()}"
        assert [mount["Target"] for mount in options["mounts"]] == [str(tmp_path)]


def test_a_container_that_fails_is_named(no_engine, small, tmp_path, monkeypatch):
    monkeypatch.setattr(docker_task_handler, "run_docker_container", lambda **kwargs: 1)
    with pytest.raises(StepError, match="First: the container failed"):
        play_small(small, tmp_path, [])


def test_a_container_that_is_gone_before_it_is_asked_did_not_succeed(no_engine, small, tmp_path, monkeypatch):
    """kfp's handler returns 0 for it."""
    monkeypatch.setattr(docker_task_handler, "run_docker_container", lambda **kwargs: 0)
    with pytest.raises(StepError, match="First"):
        play_small(small, tmp_path, [])


@pytest.mark.slow
def test_containers_leave_what_localdagrunner_leaves(image, settings, first_run, tmp_path):
    file = tmp_path / "pipeline.yaml"
    file.write_text(compile_pipeline(settings, image=image, root="minio://b/r"), encoding="utf-8")
    told = []
    folder = play_in_containers(
        file,
        specification.load(file),
        {"input": str(settings.input), "push_to": str(tmp_path / "pushed")},
        root=tmp_path / "artifacts",
        environment={
            "TFX_PRIVACY_METADATA": f"sqlite:///{tmp_path}/metadata.sqlite",
            "TFX_PRIVACY_PSEUDONYM_KEY": os.environ["TFX_PRIVACY_PSEUDONYM_KEY"],
        },
        folders={str(tmp_path): True, str(settings.input): False},
        on_step=lambda step, done: told.append((step, done)),
    )
    run = records.open_store(metadata.sqlite(tmp_path / "metadata.sqlite")).run("latest")
    local, _ = first_run
    assert play.verdict(folder) == (True, True)
    assert run.blessed
    assert {step for step, done in told if done} == {step.name for step in local.steps}
    assert {(s.name, o.key, o.type) for s in run.steps for o in s.outputs} == {
        (s.name, o.key, o.type) for s in local.steps for o in s.outputs
    }
    # How many rows are trained on depends a little on the canaries' draw, and the calibrated noise on that.
    assert run.privacy_report.epsilon == pytest.approx(local.privacy_report.epsilon, rel=1e-3)
