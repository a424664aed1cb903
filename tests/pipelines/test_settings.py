"""Settings files: what is refused, and how it is said."""

import pytest
import yaml

from components.documents import DocumentError
from pipelines.settings import LOCAL_BEAM, load_settings, override, steps
from pipelines.taxi import demo


@pytest.fixture
def content():
    return yaml.safe_load(demo.SETTINGS.read_text(encoding="utf-8")) | {"input": "rows"}


def load(tmp_path, content):
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_settings(file)


def test_only_the_demo_makes_its_own_input(tmp_path, content):
    del content["input"]
    with pytest.raises(DocumentError, match="input: required"):
        load(tmp_path, content)


def test_paths_are_relative_to_the_file(tmp_path, content):
    assert load(tmp_path, content).gate_policy == tmp_path / "gate_policy.yaml"


def test_beams_runner_is_named(tmp_path, content):
    assert load(tmp_path, content).beam == LOCAL_BEAM
    content["beam"] = ["--runner=DataflowRunner"]
    assert load(tmp_path, content).beam == ("--runner=DataflowRunner",)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("name", "two words", "name: "),
        ("label_kay", "x", "label_kay: no such key"),
        ("run_fn", None, "run_fn: "),
        ("quality", {}, "quality.at_least: required"),
    ],
)
def test_errors_name_file_and_key(tmp_path, content, key, value, said):
    content[key] = value
    with pytest.raises(DocumentError) as error:
        load(tmp_path, content)
    assert "settings.yaml" in str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"noise_multiplier": 1.0},
        {"target_epsilon": None},
        {"target_epsilon": float("nan")},
        {"target_delta": 1.5},
        {"l2_norm_clip": 0},
        {"expected_batch_size": 0.5},
    ],
)
def test_privacy_numbers_are_checked(tmp_path, content, changes):
    content["privacy"] |= changes
    with pytest.raises(DocumentError, match=r"privacy"):
        load(tmp_path, content)


def test_a_command_line_overrides(tmp_path, content):
    settings = load(tmp_path, content)
    assert override(settings, noise_multiplier=2.0).privacy.config().noise_multiplier == 2.0
    assert override(settings, target_epsilon=1.0).privacy.config().target.epsilon == 1.0
    assert override(settings, no_privacy=True).privacy.config() is None
    assert override(settings, epochs=3).custom_config["epochs"] == 3
    assert override(settings).model_dump() == settings.model_dump()
    assert steps(settings) == steps(settings.model_copy(update={"canary_plan": None})) + 1


def test_privacy_cannot_be_switched_off_and_calibrated(tmp_path, content):
    with pytest.raises(DocumentError, match="at most one of"):
        override(load(tmp_path, content), no_privacy=True, noise_multiplier=1.0)
