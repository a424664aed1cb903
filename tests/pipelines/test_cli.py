"""The command line, as a person types it."""

import json
import math
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines import cli
from pipelines.metadata import sqlite
from pipelines.records import open_store
from pipelines.taxi import data, demo

KEY = "of no use but in tests " * 2


@pytest.fixture
def invoke(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TFX_PRIVACY_PSEUDONYM_KEY", KEY)

    def run(*arguments, exit_code=0):
        result = CliRunner().invoke(cli.app, [str(a) for a in arguments])
        assert result.exit_code == exit_code, result.output
        return result.output

    return run


def test_epsilon_and_noise_agree(invoke):
    common = ("--examples", 60000, "--batch-size", 256, "--epochs", 10)
    said = invoke("noise", *common, "--target-epsilon", 2)
    noise = float(re.search(r"noise_multiplier = ([\d.]+)", said)[1])
    said = invoke("epsilon", *common, "--noise-multiplier", noise)
    assert 1.97 < float(re.search(r"epsilon = ([\d.]+)", said)[1]) <= 2.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("epsilon", "--batch-size", 300, "--noise-multiplier", 1),
            "--batch-size must not exceed --examples",
        ),
        (("epsilon", "--batch-size", 10, "--noise-multiplier", 1, "--delta", 2), "must lie strictly"),
        (("noise", "--batch-size", 10, "--target-epsilon", 0), "target_epsilon must be finite"),
    ],
)
def test_numbers_that_make_no_sense_are_named(invoke, arguments, said):
    assert said in invoke(*arguments, "--examples", 100, "--epochs", 1, exit_code=1)


def test_scrub_writes_what_the_policy_lets_through(invoke, tmp_path):
    trips = data.generate(tmp_path / "data", rows=30).trips / "trips.csv"
    policy = demo.SETTINGS.parent / "scrub_policy.yaml"
    output = invoke("scrub", trips, tmp_path / "clean.csv", "--policy", policy)
    assert "30 of 30 rows" in output
    clean = (tmp_path / "clean.csv").read_text(encoding="utf-8")
    truth = data.load_truth(tmp_path / "data" / "truth.jsonl")
    assert "<PERSON>" in clean
    assert not [v for v in truth if v.entity_type == "EMAIL_ADDRESS" and v.value in clean]


def test_scrub_names_a_column_without_a_rule(invoke, tmp_path):
    (tmp_path / "rows.csv").write_text("fare,surname\n1,Doe\n", encoding="utf-8")
    (tmp_path / "policy.yaml").write_text("columns: {fare: keep}\n", encoding="utf-8")
    arguments = (tmp_path / "rows.csv", tmp_path / "out.csv", "--policy", tmp_path / "policy.yaml")
    output = invoke("scrub", *arguments, exit_code=1)
    assert "surname" in output
    assert "Doe" not in output


def test_scrub_takes_a_folder_and_says_what_became_of_each_file(invoke, tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "policy.yaml").write_text(
        "columns: {note: detect}\nprofile: fast\nmax_malformed_share: 0.5\n"
    )
    row = '{"note": "mail doe@example.com"}\n'
    (tmp_path / "in" / "a.jsonl").write_text(row * 2 + '{"surname": "Doe"}\n')
    (tmp_path / "in" / "deep" / "b.csv").write_text("note\nmail doe@example.com\n")
    arguments = ("scrub", tmp_path / "in", tmp_path / "out", "--policy", tmp_path / "policy.yaml")
    output = invoke(*arguments)
    assert re.search(r"a.jsonl +3 +2 +1 ", output)
    assert re.search(r"deep/b.csv +1 +1 +0 ", output)
    assert re.search(r"EMAIL_ADDRESS +3 +0 ", output)
    assert "1 rejected: " in output
    assert "a.jsonl.dead_letters.jsonl" in output
    assert "3 of 4 rows" in output
    assert (tmp_path / "out" / "deep" / "b.csv").read_text() == "note\nmail <EMAIL_ADDRESS>\n"

    (tmp_path / "in" / "deep" / "b.csv").write_text('note\n"Doe')
    output = invoke(*arguments, exit_code=1)
    assert re.search(r"deep/b.csv +failed", output)
    assert "line 2: a quote is opened and not closed" in output
    assert "Doe" not in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none", "out"), "there is no such file or folder"),
        (("rows.csv", "out.parquet"), "ends in parquet, but the output has the format of the input, csv"),
        (("rows.csv", "out.csv", "--format", "xml"), "format: must be one of csv, jsonl"),
        ((".", "out"), "so the next run would take what is written for input"),
    ],
)
def test_scrub_says_what_cannot_be_done(invoke, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("note\nDoe\n")
    (tmp_path / "policy.yaml").write_text("columns: {note: redact}\n")
    assert said in invoke("scrub", *arguments, "--policy", "policy.yaml", exit_code=1)


@pytest.mark.parametrize("command", [("runs",), ("show", "latest")])
def test_a_missing_store_is_named(invoke, tmp_path, command):
    output = invoke(*command, "--metadata", f"sqlite:///{tmp_path}/none.sqlite", exit_code=1)
    assert "there is no metadata store" in output


def test_a_store_of_another_kind_is_refused_without_its_password(invoke):
    output = invoke("runs", "--metadata", "redis://me:secret@db/mlmd", exit_code=1)
    assert "redis" in output
    assert "secret" not in output


def test_contradicting_options_are_refused(invoke, tmp_path):
    own = _own_settings(tmp_path, tmp_path / "rows")
    arguments = (own, "--workdir", tmp_path, "--target-epsilon", 1, "--no-privacy")
    assert "at most one of" in invoke("run", *arguments, exit_code=1)


@pytest.mark.slow
def test_a_settings_file_with_its_model_beside_it_and_without_privacy_the_gate_refuses(
    first_run, invoke, tmp_path, settings, places
):
    own = _own_settings(tmp_path, settings.input)
    output = invoke("run", own, "--workdir", places.workdir, "--no-privacy", "--epochs", 1, exit_code=3)
    assert "REFUSED" in output
    assert re.search(r"ScrubbingExampleGen +cached", output)
    run = open_store(sqlite(places.metadata)).run("latest")
    assert run.privacy_report.epsilon == "infinite"
    assert run.recomputed_epsilon(1e-5) == math.inf
    assert not run.blessed
    assert run.pushed_to is None


def _own_settings(directory, rows):
    """A settings file of a user's, who starts from the taxi example."""
    for document in demo.SETTINGS.parent.glob("*.yaml"):
        (directory / document.name).write_text(document.read_text(encoding="utf-8"), encoding="utf-8")
    (directory / "own_model.py").write_text("from pipelines.taxi.model import *\n", encoding="utf-8")
    text = demo.SETTINGS.read_text(encoding="utf-8").replace("pipelines.taxi.model.", "own_model.")
    own = directory / "own.yaml"
    own.write_text(f"{text}\ninput: {rows}\n", encoding="utf-8")
    return own


@pytest.mark.slow
def test_runs_and_show_read_the_store(first_run, places, invoke, tmp_path):
    run, _ = first_run
    metadata = f"sqlite:///{places.metadata}"
    listed = json.loads(invoke("runs", "--metadata", metadata, "--json"))
    assert run.id in [each["run"] for each in listed]
    assert run.id.partition(".")[0] in invoke("runs", "--metadata", metadata)

    shown = invoke("show", run.id, "--metadata", metadata, "--html", tmp_path / "page.html")
    for word in ("BLESSED", "epsilon", "recomputed from the ledger", "exposure, inserted 1x", "Lineage"):
        assert word in shown
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert run.id in page
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"|@import|<script|url\(http', page)

    whole = json.loads(invoke("show", run.id, "--metadata", metadata, "--json"))
    assert whole["recomputed_epsilon"] == pytest.approx(whole["privacy_report"]["epsilon"])
    assert whole["blessed"] is True
    assert any("ScrubbingExampleGen" in row for row in whole["lineage"])


@pytest.mark.slow
def test_show_does_not_open_artifacts(first_run, places, invoke, tmp_path):
    """The store is copied away from everything that it speaks of."""
    run, _ = first_run
    copy = tmp_path / "metadata.sqlite"
    copy.write_bytes(places.metadata.read_bytes().replace(b"/artifacts/", b"/elsewhere/"))
    assert "BLESSED" in invoke("show", run.id, "--metadata", f"sqlite:///{copy}")


@pytest.mark.slow
def test_run_exits_with_3_when_the_gate_refuses(first_run, settings, places, invoke, monkeypatch):
    monkeypatch.setattr(demo, "demo_settings", lambda places: settings)
    output = invoke("run", "--workdir", places.workdir, "--epochs", 2, "--max-epsilon", 0.5, exit_code=3)
    assert "REFUSED" in output
    assert "Epsilon must be at most 0.5" in output
    assert "not pushed" in output
    assert "cached" in output
    output = invoke("run", "--workdir", places.workdir, "--epochs", 2)
    assert "BLESSED" in output
    (page,) = re.findall(r"The page:\s+(\S+\.html)", output)
    assert "Blessed" in Path(page).read_text(encoding="utf-8")
