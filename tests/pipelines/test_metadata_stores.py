"""Stores on real servers: what goes wrong is told in words, and an older schema is upgraded on demand."""

import os
import subprocess
import sys
import textwrap

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from typer.testing import CliRunner

from pipelines import cli
from pipelines.metadata import ENVIRONMENT, MetadataError, parse, sqlite
from pipelines.stores import connect, retrying
from tests import services


@pytest.fixture(params=["sqlite", "mariadb", "postgresql"])
def connection(request, tmp_path):
    """A new store of each kind."""
    if request.param == "sqlite":
        return sqlite(tmp_path / "metadata.sqlite")
    return request.getfixturevalue(request.param).connection()


def test_long_text_in_any_script_comes_back(connection):
    """A privacy report has some twenty thousand characters; PostgreSQL's index would take 2.7 KB."""
    text = "".join(f"{n:x}é😀" for n in range(20_000))
    store = connect(connection)
    artifact = mlmd.Artifact(type_id=store.put_artifact_type(mlmd.ArtifactType(name="Report")))
    artifact.custom_properties["report"].string_value = text
    store.put_artifacts([artifact])
    (found,) = connect(connection).get_artifacts_by_type("Report")
    assert found.custom_properties["report"].string_value == text


def test_an_older_schema_is_named_and_upgraded_on_demand(connection, monkeypatch):
    store = connect(connection)
    kind = store.put_artifact_type(mlmd.ArtifactType(name="Kept"))
    store.put_artifacts([mlmd.Artifact(type_id=kind, uri="/kept", name="kept")])
    del store
    metadata_store.downgrade_schema(connection.config, 9)
    with pytest.raises(MetadataError, match="written by an older ml-metadata"):
        retrying(connection, lambda store: store.get_artifacts())

    monkeypatch.setenv(ENVIRONMENT, _uri(connection))
    assert "tfx-privacy upgrade" in CliRunner().invoke(cli.app, ["runs"]).output
    result = CliRunner().invoke(cli.app, ["upgrade"])
    assert result.exit_code == 0, result.output
    assert [a.uri for a in connect(connection).get_artifacts()] == ["/kept"]
    assert CliRunner().invoke(cli.app, ["runs", "--json"]).output == "[]\n"


def test_upgrade_makes_no_store(tmp_path):
    result = CliRunner().invoke(cli.app, ["upgrade", "--metadata", f"sqlite:///{tmp_path}/none"])
    assert result.exit_code == 1
    assert not (tmp_path / "none").exists()


def test_who_may_only_read_on_mariadb_can(mariadb):
    database = mariadb.database()
    connect(parse(mariadb.uri(database), source="test"))
    with mariadb._admin() as cursor:
        cursor.execute("CREATE USER reader IDENTIFIED BY 'x'")
        cursor.execute(f"GRANT SELECT ON {database}.* TO reader")
    reader = parse(mariadb.uri(database, user="reader", password="x"), source="test")
    assert connect(reader, read_only=True).get_artifacts() == []


def test_whatever_is_wrong_with_a_server_the_output_holds_no_credentials(server):
    """In a process of its own, whose whole output is read: native code writes past Python."""
    database = server.database()
    there = server.uri(database)
    other = "other-p@ss'word"
    cases = {
        "refuses": server.uri(database, password=other),
        "refuses too": server.uri(database, user="mallory", password=other),
        "refuses also": server.uri("elsewhere", password=other),
        "no server answers there": server.uri(database, host="nowhere.invalid"),
        "no server": there.replace(f":{server.port}/", ":1/"),
        "options after the question mark": f"{there}?password={other}",
    }
    code = """
        import logging, sys
        from pipelines import cli
        import absl.logging
        from typer.testing import CliRunner
        absl.logging.set_verbosity(absl.logging.DEBUG)
        logging.basicConfig(level=logging.DEBUG)
        for uri in sys.stdin.read().split("\\n"):
            for command in (["runs"], ["show", "latest"], ["upgrade"]):
                result = CliRunner().invoke(cli.app, command, env={"TFX_PRIVACY_METADATA": uri})
                print(result.exit_code, "".join(result.output.split("\\n")), result.exc_info, "|")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        input="\n".join([*cases.values(), there]),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "400", "TFX_PRIVACY_PSEUDONYM_KEY": "of no use " * 4},
    )
    output = done.stdout + done.stderr
    told = [line for line in done.stdout.split("|\n") if "error: " in line]
    assert len(told) >= 3 * len(cases), output[-3000:]
    for number, words in enumerate(cases):
        assert words.split(" t")[0].removesuffix(" also") in told[3 * number], told[3 * number]
    for secret in (
        services.PASSWORD,
        services.USER,
        other,
        "mallory",
        *map(services.quote, (services.PASSWORD, other)),
    ):
        assert secret not in output, secret


def _uri(connection):
    if connection.kind == "sqlite":
        return str(connection)
    user, password = services.USER, services.quote(services.PASSWORD, safe="")
    return str(connection).replace("://", f"://{user}:{password}@")
