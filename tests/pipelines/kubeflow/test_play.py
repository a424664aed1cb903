"""The players, on a small pipeline of steps that do nothing."""

import json
import sys
from pathlib import Path

import pytest
from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.types import standard_artifacts

from dpcore.errors import NotPrivateError
from pipelines.kubeflow import play
from pipelines.kubeflow.errors import ParameterError, StepError
from pipelines.kubeflow.specification import Specification
from tests.pipelines.kubeflow.test_entrypoint import EXAMPLES

BLESSING = {"instanceSchema": compiler_utils.get_artifact_schema(standard_artifacts.ModelBlessing).decode()}
PUSHED = {"instanceSchema": compiler_utils.get_artifact_schema(standard_artifacts.PushedModel).decode()}
ARGUMENTS = "--json_serialized_invocation_args"


def pipeline(**steps):
    """Steps: name to (executor, inputs {key: (step, output)}, outputs {key: type}, parameters)."""
    tasks, components, executors = {}, {}, {}
    for name, (executor, inputs, outputs, given) in steps.items():
        declared = {
            "artifacts": {key: {"artifactType": EXAMPLES} for key in inputs},
            "parameters": {
                p: {"parameterType": "NUMBER_INTEGER" if p == "rows" else "STRING"} for p in given
            },
        }
        components[name] = {
            "executorLabel": name,
            "inputDefinitions": declared,
            "outputDefinitions": {
                "artifacts": {key: {"artifactType": kind} for key, kind in outputs.items()}
            },
        }
        executors[name] = {
            "container": {
                "image": "i",
                "command": [*play._MODULE, "--pipeline=p", f"--node={name}", f"--component=c.{name}"],
                "args": [
                    *("--executor_class_path", f"tests.pipelines.kubeflow.executors.{executor}"),
                    *(ARGUMENTS, "{{$}}", "--json_serialized_inputs_spec_args", json.dumps(declared)),
                ],
            }
        }
        tasks[name] = {
            "componentRef": {"name": name},
            "dependentTasks": sorted({step for step, _ in inputs.values()}),
            "inputs": {
                "artifacts": {
                    key: {"taskOutputArtifact": {"producerTask": step, "outputArtifactKey": output}}
                    for key, (step, output) in inputs.items()
                },
                "parameters": given,
            },
        }
    offered = {"gate_policy": {"parameterType": "STRING", "defaultValue": "max_epsilon: 4.0"}}
    return Specification(
        name="p",
        pipeline={
            "components": components,
            "deploymentSpec": {"executors": executors},
            "root": {"dag": {"tasks": tasks}, "inputDefinitions": {"parameters": offered}},
        },
        platform={},
    )


ROWS = {"rows": {"runtimeValue": {"constant": 7}}}
POLICY = {"policy": {"componentInputParameter": "gate_policy"}}
TWO = {
    "Second": ("Copying", {"raw_examples": ("First", "examples")}, {"examples": EXAMPLES}, ROWS),
    "First": ("Copying", {}, {"examples": EXAMPLES}, ROWS),
}
GATE = {"PrivacyGate": ("Gate", {}, {"blessing": BLESSING}, POLICY)}


def run(spec, root, given=(), execute=play.in_process):
    told = []
    folder = play.play(
        spec, dict(given), root=root, execute=execute, on_step=lambda step, done: told.append((step, done))
    )
    return folder, told


def test_steps_are_played_in_order_and_hand_on_artifacts(tmp_path):
    folder, told = run(pipeline(**TWO), tmp_path)
    assert told == [("First", False), ("First", True), ("Second", False), ("Second", True)]
    (made,) = json.loads((folder / "Second" / play.OUTPUT_FILE).read_text(encoding="utf-8"))["artifacts"][
        "examples"
    ]["artifacts"]
    assert made["metadata"]["read_at"] == str(folder / "First" / "examples")
    assert made["uri"] == str(folder / "Second" / "examples")


def test_a_wrong_parameter_runs_nothing(tmp_path):
    with pytest.raises(ParameterError, match="epochs: this pipeline has no such parameter"):
        run(pipeline(**TWO), tmp_path, {"epochs": 3})
    assert not list(tmp_path.iterdir())


def test_a_failing_step_ends_the_run(tmp_path):
    failing = pipeline(First=("Failing", {}, {"examples": EXAMPLES}, ROWS), Second=TWO["Second"])
    told = []
    with pytest.raises(NotPrivateError):
        play.play(
            failing, {}, root=tmp_path, execute=play.in_process, on_step=lambda *step: told.append(step)
        )
    assert told == [("First", False)]


@pytest.mark.parametrize(("policy", "blessed"), [("max_epsilon: 4.0", True), ("max_epsilon: 1.0", False)])
def test_the_gates_verdict_is_read_from_what_it_told(tmp_path, policy, blessed):
    folder, _ = run(pipeline(**GATE), tmp_path, {"gate_policy": policy})
    assert play.verdict(folder) == (blessed, False)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"artifacts": {}}', '{"artifacts": {"blessing": {"artifacts": []}}}']
)
def test_a_verdict_that_cannot_be_read_is_no(tmp_path, text):
    (tmp_path / "PrivacyGate").mkdir()
    (tmp_path / "PrivacyGate" / play.OUTPUT_FILE).write_text(text, encoding="utf-8")
    assert play.verdict(tmp_path) == (False, False)


def test_a_process_of_its_own_gets_the_command_and_keeps_a_log(tmp_path):
    (tmp_path / "Step").mkdir()
    play.in_processes("Step", ["python", "-c", "print('done')"], tmp_path)
    assert (tmp_path / "Step" / "step.log").read_text(encoding="utf-8") == "done\n"


def test_a_process_that_fails_is_told_by_its_own_words(tmp_path):
    (tmp_path / "Step").mkdir()
    words = "import sys; print('error: the policy is missing', file=sys.stderr); print('bye'); sys.exit(1)"
    with pytest.raises(StepError, match=r"Step: the policy is missing \(exit status 1; .*step\.log\)"):
        play.in_processes("Step", [sys.executable, "-c", words], tmp_path)


def test_only_our_entrypoint_is_run_in_this_process(tmp_path):
    with pytest.raises(StepError, match=r"only `python -m pipelines\.kubeflow\.entrypoint`"):
        play.in_process("Step", ["sh", "-c", "true"], tmp_path)


def test_the_environment_is_as_before_afterwards(monkeypatch):
    import os

    monkeypatch.setenv("FOR_THE_STEP", "before")
    monkeypatch.delenv("NEW_FOR_THE_STEP", raising=False)
    with play.environment({"FOR_THE_STEP": "meanwhile", "NEW_FOR_THE_STEP": "x"}):
        assert os.environ["FOR_THE_STEP"] == "meanwhile"
    assert os.environ["FOR_THE_STEP"] == "before"
    assert "NEW_FOR_THE_STEP" not in os.environ


def test_a_folder_of_its_own_for_each_run(tmp_path):
    first, _ = run(pipeline(**GATE), tmp_path)
    second, _ = run(pipeline(**GATE), tmp_path)
    assert first != second
    assert {Path(first), Path(second)} == set(tmp_path.iterdir())
