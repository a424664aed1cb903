"""A database server that goes down and comes back in the middle of a run costs nothing."""

import sys

import pytest
import tfx.v1 as tfx
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts

from dpcore.training import PrivateModel
from pipelines import pipeline
from pipelines.local import run_locally
from pipelines.places import Places
from pipelines.records import open_store


def in_the_middle():
    """What a test lets happen during a step."""


def restart(server):
    server.stop()
    server.start()


@component
def Write(text: tfx.dsl.components.OutputArtifact[standard_artifacts.String]):
    in_the_middle()
    text.value = "fine"


@component
def Read(text: tfx.dsl.components.InputArtifact[standard_artifacts.String]):
    if text.value != "fine":
        raise ValueError(text.value)


def test_in_a_small_pipeline_on_each_kind_of_server(server, monkeypatch, tmp_path):
    written = Write()
    steps = [written, Read(text=written.outputs["text"])]
    small = Pipeline("small", str(tmp_path / "root"), components=steps)
    monkeypatch.setattr(pipeline, "create_pipeline", lambda settings, places: small)
    restarted = []
    monkeypatch.setattr(sys.modules[__name__], "in_the_middle", lambda: restarted.append(restart(server)))
    connection = server.connection()
    run = run_locally(None, Places(tmp_path), connection=connection)
    assert len(restarted) == 1
    assert [(step.name, step.state) for step in run.steps] == [("Write", "ran"), ("Read", "ran")]
    assert [found.id for found in open_store(connection).runs()] == [run.id]


@pytest.mark.slow
def test_in_the_whole_pipeline_while_it_trains(mariadb, settings, monkeypatch, tmp_path):
    fit, restarted = PrivateModel.fit, []

    def interrupted(self, *args, **kwargs):
        restarted.append(restart(mariadb))
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(PrivateModel, "fit", interrupted)
    connection = mariadb.connection()
    run = run_locally(settings, Places(tmp_path), connection=connection)
    assert len(restarted) == 1
    assert {step.state for step in run.steps} == {"ran"}
    assert len({step.name for step in run.steps}) == len(run.steps) == 12
    assert run.blessed, run.reasons
    assert run.problems == []
    assert run.recomputed_epsilon(1e-5) == pytest.approx(run.privacy_report.epsilon)
    assert [found.id for found in open_store(connection).runs()] == [run.id]
    assert not (tmp_path / "metadata.sqlite").exists()
