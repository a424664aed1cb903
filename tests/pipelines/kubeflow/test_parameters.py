"""What an operator changes: offered with defaults when compiled, put in its place when a step runs."""

import copy
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.kubeflow import parameters
from pipelines.kubeflow.errors import ParameterError

PRIVACY = {"l2_norm_clip": 1.0, "noise_multiplier": None, "target": {"epsilon": 3.0, "delta": 1e-5}}


def spec(privacy=PRIVACY, custom_config=None):
    def constant(value):
        return {"runtimeValue": {"constant": value}}

    given = {
        "ScrubbingExampleGen": {"input_base": constant("None")},
        "DPTrainer": {
            "privacy": constant(json.dumps(privacy)),
            "custom_config": constant(json.dumps({"epochs": 15} if custom_config is None else custom_config)),
        },
        "PrivacyGate": {"policy": constant("max_epsilon: 4.0\n")},
        "Pusher": {
            "push_destination": constant(json.dumps({"filesystem": {"base_directory": "/pushed"}})),
        },
    }
    return {
        "components": {name: {"executorLabel": name} for name in given},
        "root": {
            "dag": {
                "tasks": {
                    name: {"componentRef": {"name": name}, "inputs": {"parameters": values}}
                    for name, values in given.items()
                }
            }
        },
    }


def offered(made):
    return made["root"]["inputDefinitions"]["parameters"]


def test_each_parameter_is_offered_with_its_default():
    made = spec()
    parameters.offer(made, {"input": "/rows", "push_to": "/elsewhere"})
    assert offered(made) == {
        "input": {"parameterType": "STRING", "defaultValue": "/rows"},
        "target_epsilon": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 3.0},
        "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 15},
        "gate_policy": {"parameterType": "STRING", "defaultValue": "max_epsilon: 4.0\n"},
        "push_to": {"parameterType": "STRING", "defaultValue": "/elsewhere"},
    }


def test_a_parameter_without_a_default_must_be_given():
    made = spec()
    parameters.offer(made, {"input": None})
    assert offered(made)["input"] == {"parameterType": "STRING"}


def test_no_target_is_offered_where_the_noise_is_given_or_privacy_is_off():
    for privacy in ({**PRIVACY, "target": None, "noise_multiplier": 1.1}, None):
        made = spec(privacy=privacy, custom_config={})
        parameters.offer(made, {})
        assert set(offered(made)) == {"input", "gate_policy", "push_to"}


def test_whole_properties_come_from_the_parameter_and_others_beside_the_property():
    made = spec()
    parameters.offer(made, {})
    tasks = made["root"]["dag"]["tasks"]
    assert tasks["PrivacyGate"]["inputs"]["parameters"]["policy"] == {
        "componentInputParameter": "gate_policy"
    }
    trainer = tasks["DPTrainer"]["inputs"]["parameters"]
    assert trainer["target_epsilon"] == {"componentInputParameter": "target_epsilon"}
    assert json.loads(trainer["privacy"]["runtimeValue"]["constant"]) == PRIVACY
    declared = made["components"]["DPTrainer"]["inputDefinitions"]["parameters"]
    assert declared["epochs"] == {"parameterType": "NUMBER_INTEGER"}


def test_every_step_learns_the_id_of_its_run_in_the_spelling_that_kubeflow_replaces():
    made = spec()
    parameters.offer(made, {})
    for task in made["root"]["dag"]["tasks"].values():
        assert task["inputs"]["parameters"]["run_id"] == {
            "runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}
        }


@given(st.floats(min_value=1e-3, max_value=1e3, exclude_min=True), st.integers(min_value=1, max_value=10_000))
def test_what_is_given_arrives_at_its_place_and_changes_nothing_else(epsilon, epochs):
    before = {
        "privacy": json.dumps(PRIVACY),
        "custom_config": json.dumps({"epochs": 15, "batch_size": 256}),
        "target_epsilon": epsilon,
        "epochs": float(epochs),  # Kubeflow's JSON knows one kind of number.
        "run_fn": "a.b",
    }
    kept = copy.deepcopy(before)
    settled = parameters.settle("DPTrainer", before)
    assert before == kept
    assert json.loads(settled.pop("privacy")) == {**PRIVACY, "target": {"epsilon": epsilon, "delta": 1e-5}}
    config = json.loads(settled.pop("custom_config"))
    assert config == {"epochs": epochs, "batch_size": 256}
    assert isinstance(config["epochs"], int)
    assert settled == {"run_fn": "a.b"}


def test_another_step_keeps_a_property_of_the_same_name():
    assert parameters.settle("Transform", {"epochs": 3}) == {"epochs": 3}


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 0, "no", "nan", "", None, [3], True and "1e999"])
def test_a_target_that_is_no_finite_positive_number_is_refused(value):
    with pytest.raises(ParameterError, match="target_epsilon: must be a finite number > 0"):
        parameters.checked("target_epsilon", value)


def test_half_an_epoch_is_refused():
    with pytest.raises(ParameterError, match=r"epochs: must be a whole number > 0; got 2\.5"):
        parameters.checked("epochs", 2.5)


def test_text_from_a_command_line_is_read():
    assert parameters.checked("epochs", "7") == 7
    assert parameters.checked("target_epsilon", "0.5") == 0.5
