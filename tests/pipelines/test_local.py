"""LocalDagRunner on a database: its own logs and errors do not tell the password either."""

import logging

import pytest
import tfx.v1 as tfx
from ml_metadata import metadata_store
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts

from pipelines import local, pipeline
from pipelines.metadata import MetadataError
from pipelines.places import Places
from pipelines.records import open_store
from tests import services


@component
def MakeText(text: tfx.dsl.components.OutputArtifact[standard_artifacts.String]):
    text.value = "fine"


@component
def Fail(text: tfx.dsl.components.InputArtifact[standard_artifacts.String]):
    raise ValueError("no")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A pipeline of one step, instead of the whole one."""
    made = MakeText()
    small = Pipeline("small", str(tmp_path / "root"), components=[made], enable_cache=True)
    monkeypatch.setattr(pipeline, "create_pipeline", lambda settings, places: small)
    return Places(tmp_path)


@pytest.fixture
def said(capfd, caplog):
    """Everything that was written or logged, at every level."""
    with caplog.at_level(logging.DEBUG, logger="absl"), caplog.at_level(logging.DEBUG):
        yield lambda: "".join(capfd.readouterr()) + caplog.text


def test_a_run_on_a_server_is_recorded_there_and_tells_no_credentials(server, places, said, tmp_path):
    connection = server.connection()
    run = local.run_locally(None, places, connection=connection)
    again = local.run_locally(None, places, connection=connection)
    assert [run.steps[0].state, again.steps[0].state] == ["ran", "cached"]
    assert [found.id for found in open_store(connection).runs()] == [run.id, again.id]
    told = said()
    assert "withheld" in told
    assert not connection.is_in(told)
    assert services.PASSWORD not in told
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert services.PASSWORD.encode() not in written
    assert not places.metadata.exists()


def test_the_environment_names_the_store(server, places, monkeypatch):
    monkeypatch.setenv("TFX_PRIVACY_METADATA", server.uri(server.database()))
    local.run_locally(None, places)
    assert not places.metadata.exists()


def test_rights_that_are_lost_in_the_middle_are_told_without_credentials(mariadb, places, said, monkeypatch):
    connection = mariadb.connection()

    def lost(*args, **kwargs):
        user = f"'{services.USER}'@'%'"
        raise RuntimeError(f"mysql_query failed: Access denied for user {user} to database")

    local.connect(connection)
    monkeypatch.setattr(local, "connect", lambda connection: None)
    monkeypatch.setattr(metadata_store.MetadataStore, "put_contexts", lost)
    with pytest.raises(MetadataError, match="in the middle of the run") as caught:
        local.run_locally(None, places, connection=connection)
    assert caught.value.__suppress_context__
    assert not connection.is_in(str(caught.value) + said())
