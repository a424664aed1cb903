"""The whole ScrubbingExampleGen on a job service and a separate pool of workers, by the settings."""

import json
from pathlib import Path

import pytest

from pipelines.settings import LOCAL_BEAM, load_settings
from pipelines.taxi import demo
from tests.kubeflow import scrubbing
from tests.portable import portable
from tests.scrub_policy import KEY


@pytest.mark.slow
def test_rows_scrubbed_on_a_worker_pool_are_those_scrubbed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PSEUDONYM_KEY", KEY)
    scrubbing.write_rows(tmp_path)
    with portable(tmp_path) as (options, _):
        file = tmp_path / "settings.yaml"
        file.write_text(f"{demo.SETTINGS.read_text()}\nbeam: {json.dumps(options)}\n")
        there = scrubbing.run(tmp_path, "there", load_settings(file, for_demo=True).beam)
    records, report = there
    assert (report["rows_in"], report["rows_out"], report["rows_rejected"]) == (2000, 1980, 20)
    assert sum(counter.total() for counter in records.values()) == 1980
    assert b"312-555" not in b"".join(key for counter in records.values() for key in counter)
    assert scrubbing.run(tmp_path, "here", LOCAL_BEAM) == there
    assert "sdk_worker" in (tmp_path / "log.txt").read_text()
