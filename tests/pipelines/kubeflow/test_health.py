from pathlib import Path

import pytest

from pipelines.kubeflow import health
from pipelines.pipeline import create_pipeline
from pipelines.places import Places
from pipelines.settings import load_settings
from pipelines.taxi import demo


def test_the_executors_are_those_of_the_pipeline(tmp_path: Path) -> None:
    settings = load_settings(demo.SETTINGS, for_demo=True)
    pipeline = create_pipeline(settings, Places(tmp_path))
    run = {component.executor_spec.class_path for component in pipeline.components}
    assert set(health.EXECUTORS) == run


def test_it_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "EXECUTORS", ("json.JSONDecoder", "json.Nothing", "no_such_package.Executor"))
    monkeypatch.setattr(health, "ENTRYPOINT", ())
    assert [problem.split(":")[0] for problem in health.problems()] == [
        "json.Nothing",
        "no_such_package.Executor",
    ]
    with pytest.raises(SystemExit, match=r"no_such_package.Executor: ModuleNotFoundError"):
        health.main()
