"""A compiled pipeline, read back. The one that is checked in stands for all."""

from pathlib import Path

import pytest

from components.documents import DocumentError
from pipelines.kubeflow import specification
from pipelines.kubeflow.errors import ParameterError, StepError

GOLDEN = Path(__file__).parents[3] / "kubeflow" / "pipeline.yaml"


@pytest.fixture(scope="module")
def spec():
    return specification.load(GOLDEN)


def test_steps_come_after_what_they_depend_on(spec):
    seen = set()
    for step in spec.steps:
        assert set(spec.task(step).get("dependentTasks", [])) <= seen
        seen.add(step)
    assert len(seen) == 12


def test_defaults_survive_and_what_is_given_wins(spec):
    plain = spec.arguments({})
    assert (plain["target_epsilon"], plain["epochs"]) == (3.0, 15)
    assert plain["gate_policy"].startswith("# What must hold before the taxi model is pushed.")
    changed = spec.arguments({"target_epsilon": "1.5", "input": "s3://bucket/rows"})
    assert (changed["target_epsilon"], changed["input"]) == (1.5, "s3://bucket/rows")
    assert changed["epochs"] == 15


def test_an_unknown_parameter_is_refused_with_those_that_there_are(spec):
    with pytest.raises(ParameterError, match=r"epsilon: .* no such parameter; it has epochs, gate_policy"):
        spec.arguments({"epsilon": 3})


def test_a_parameter_without_default_must_be_given(spec, tmp_path):
    file = tmp_path / "p.yaml"
    text = GOLDEN.read_text(encoding="utf-8").replace("defaultValue: /tfx-privacy/trips\n", "", 1)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match="input: required"):
        specification.load(file).arguments({})


def test_secrets_are_taken_from_the_environment_and_none_may_be_missing(spec):
    here = {"TFX_PRIVACY_METADATA": "sqlite:///a", "TFX_PRIVACY_PSEUDONYM_KEY": "k", "HOME": "/"}
    assert spec.secrets(here) == {"TFX_PRIVACY_METADATA": "sqlite:///a", "TFX_PRIVACY_PSEUDONYM_KEY": "k"}
    with pytest.raises(StepError, match=r"TFX_PRIVACY_PSEUDONYM_KEY: .* set it in the environment") as error:
        spec.secrets({"TFX_PRIVACY_METADATA": "mysql://user:password@host/db"})
    assert "password" not in str(error.value)


@pytest.mark.parametrize("text", ["", "a: [", "a: 1", "- 1", "schemaVersion: 2.0.0\nroot: {}\n"])
def test_what_is_no_compiled_pipeline_is_refused(tmp_path, text):
    file = tmp_path / "p.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError, match=r"p\.yaml"):
        specification.load(file)
