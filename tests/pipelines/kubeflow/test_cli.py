"""tfx-privacy kubeflow: what is written, what is said, and the exit status."""

from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from pipelines import display, records
from pipelines.cli import app
from pipelines.kubeflow import play
from tests.pipelines.kubeflow.test_specification import GOLDEN


@pytest.fixture
def secrets(monkeypatch, tmp_path):
    monkeypatch.setenv("TFX_PRIVACY_PSEUDONYM_KEY", "of no use but in tests")
    monkeypatch.delenv("TFX_PRIVACY_METADATA", raising=False)
    monkeypatch.chdir(tmp_path)


def invoke(*arguments):
    return CliRunner().invoke(app, ["kubeflow", *arguments])


def test_compile_writes_the_pipeline_that_is_checked_in(tmp_path):
    target = tmp_path / "pipeline.yaml"
    done = invoke("compile", "-o", str(target))
    assert done.exit_code == 0, done.output
    assert target.read_bytes() == GOLDEN.read_bytes()


@pytest.mark.parametrize(
    ("verdict", "status"), [((True, True), 0), ((False, False), 3), ((True, False), 3), ((False, True), 3)]
)
def test_the_exit_status_is_the_gates(secrets, monkeypatch, verdict, status):
    played = {}

    def fake(spec, given, *, root, execute, on_step):
        played.update(given)
        return root / "run"

    monkeypatch.setattr(play, "play", fake)
    monkeypatch.setattr(play, "verdict", lambda folder: verdict)
    monkeypatch.setattr(records, "open_store", lambda _: SimpleNamespace(run=lambda run_id: run_id))
    monkeypatch.setattr(display, "on_terminal", lambda run: f"the record of {run}")
    done = invoke("run", str(GOLDEN), "--local", "-p", "input=rows", "-p", "epochs=2", "--workdir", "w")
    assert done.exit_code == status, done.output
    assert "the record of run" in done.output
    assert played["input"].startswith("/")
    assert played["input"].endswith("/rows")
    assert (played["epochs"], played["push_to"].endswith("/w/pushed")) == (2, True)


def test_a_failed_step_is_told_and_ends_with_1(secrets):
    done = invoke("run", str(GOLDEN), "--local", "--how", "process", "-p", "gate_policy=@missing.yaml")
    assert done.exit_code == 1
    assert "error: --parameter gate_policy: missing.yaml cannot be read" in done.output


def test_a_missing_secret_is_named(secrets, monkeypatch):
    monkeypatch.delenv("TFX_PRIVACY_PSEUDONYM_KEY")
    done = invoke("run", str(GOLDEN), "--local")
    assert done.exit_code == 1
    assert "error: TFX_PRIVACY_PSEUDONYM_KEY: the pipeline takes it from the secret" in done.output


def test_without_local_the_way_to_a_cluster_is_told():
    done = invoke("run", str(GOLDEN))
    assert done.exit_code == 1
    assert "tfx-privacy kubeflow submit" in done.output


def test_without_a_container_engine_the_way_out_is_told(secrets, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    done = invoke("run", str(GOLDEN), "--local", "--how", "docker")
    assert done.exit_code == 1
    assert "no container engine answers at unix:///nonexistent/docker.sock" in done.output


def test_without_a_cluster_submitting_says_so():
    done = invoke("submit", str(GOLDEN), "--host", "http://127.0.0.1:9")
    assert done.exit_code == 1
    assert "error: http://127.0.0.1:9: no Kubeflow Pipelines server answers" in done.output
