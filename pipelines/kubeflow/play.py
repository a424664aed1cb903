"""Plays a compiled pipeline on this machine: every step gets what Kubeflow's launcher would give it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.kubeflow import entrypoint, parameters
from pipelines.kubeflow.errors import StepError
from pipelines.kubeflow.specification import Specification

OUTPUT_FILE = "executor_output.json"
_MODULE = ["python", "-m", "pipelines.kubeflow.entrypoint"]

Execute = Callable[[str, list[str], Path], None]
OnStep = Callable[[str, bool], None]


def play(
    spec: Specification, given: Mapping[str, object], *, root: Path, execute: Execute, on_step: OnStep
) -> Path:
    """Plays all steps, one after the other.

    Args:
      spec: the compiled pipeline.
      given: parameters that do not take their defaults.
      root: where the run gets a folder of its own.
      execute: runs one step; see :func:`in_process` and :func:`in_processes`.
      on_step: called with a step's name when it starts (False) and when it is finished (True).

    Returns:
      The folder of the run: a folder for each step, with its artifacts and what it told the launcher.

    Raises:
      ParameterError: a parameter is unknown, missing or wrong; nothing was run.
      Exception: whatever ``execute`` raised.
    """
    arguments = spec.arguments(given)
    run_id = f"{spec.name}-{datetime.now(UTC):%Y-%m-%d-%H-%M-%S-%f}"
    folder = root / run_id
    made: dict[str, dict[str, Any]] = {}
    for step in spec.steps:
        on_step(step, False)
        (folder / step).mkdir(parents=True)
        handed = _executor_input(spec, step, arguments, made, run_id, folder / step)
        container = spec.container(step)
        text = json.dumps(handed)
        execute(
            step, [part.replace("{{$}}", text) for part in container["command"] + container["args"]], folder
        )
        made[step] = _merged(handed, folder / step)
        on_step(step, True)
    return folder


def in_process(step: str, command: list[str], folder: Path) -> None:
    """Runs a step in this process: TFX is imported once for all steps."""
    if command[: len(_MODULE)] != _MODULE:
        raise StepError(f"{step}: only `{' '.join(_MODULE)}` can be run in this process; got {command[:3]}.")
    entrypoint.run_step(command[len(_MODULE) :])


def in_processes(step: str, command: list[str], folder: Path) -> None:
    """Runs a step in a process of its own, as in a container, but with this Python and this environment.

    Raises:
      StepError: the process failed.
    """
    log = folder / step / "step.log"
    program = sys.executable if command[0] == "python" else command[0]
    with log.open("wb") as file:
        done = subprocess.run(  # noqa: S603 (the command is the compiled pipeline's)
            [program, *command[1:]], stdout=file, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        why = next((line for line in reversed(lines) if line.startswith("error: ")), (lines or [""])[-1])
        raise StepError(f"{step}: {why.removeprefix('error: ')} (exit status {done.returncode}; {log})")


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables meanwhile, for the steps."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def verdict(folder: Path) -> tuple[bool, bool]:
    """Whether the gate blessed, and whether the model was pushed, as the steps of a run told the launcher.

    What is missing or unreadable counts as no.
    """
    blessed = _told(folder / "PrivacyGate", "blessing").get("blessed") == 1
    return blessed, _told(folder / "Pusher", "pushed_model").get("pushed") == 1


def _executor_input(
    spec: Specification,
    step: str,
    arguments: Mapping[str, object],
    made: Mapping[str, dict[str, Any]],
    run_id: str,
    folder: Path,
) -> dict[str, Any]:
    """What Kubeflow's driver resolves for a step."""
    inputs = spec.task(step)["inputs"]
    values = {name: _value(source, arguments) for name, source in inputs.get("parameters", {}).items()}
    values[parameters.RUN_ID] = run_id
    artifacts = {}
    for key, source in inputs.get("artifacts", {}).items():
        origin = source["taskOutputArtifact"]
        artifacts[key] = made[origin["producerTask"]][origin["outputArtifactKey"]]
    outputs = {
        key: {"artifacts": [{"name": key, "uri": str(folder / key), "type": declared["artifactType"]}]}
        for key, declared in spec.component(step)["outputDefinitions"].get("artifacts", {}).items()
    }
    return {
        "inputs": {"parameterValues": values, "artifacts": artifacts},
        "outputs": {"artifacts": outputs, "outputFile": str(folder / OUTPUT_FILE)},
    }


def _value(source: Mapping[str, Any], arguments: Mapping[str, object]) -> object:
    if "componentInputParameter" in source:
        return arguments[source["componentInputParameter"]]
    return source["runtimeValue"]["constant"]


def _merged(handed: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The declared outputs with what the step said about them, as Kubeflow's launcher merges them."""
    told = json.loads((folder / OUTPUT_FILE).read_text(encoding="utf-8")).get("artifacts", {})
    return {
        key: {"artifacts": [{**declared["artifacts"][0], **(told.get(key, {}).get("artifacts") or [{}])[0]}]}
        for key, declared in handed["outputs"]["artifacts"].items()
    }


def _told(folder: Path, key: str) -> dict[str, Any]:
    try:
        told = json.loads((folder / OUTPUT_FILE).read_text(encoding="utf-8"))
        metadata: dict[str, Any] = told["artifacts"][key]["artifacts"][0]["metadata"]
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return metadata if isinstance(metadata, dict) else {}
