"""What an operator changes from run to run, as parameters of the compiled pipeline with defaults.

TFX's RuntimeParameters lose their defaults when they are compiled, and reach only whole execution
properties. So a parameter here is a place: an execution property of a step or, where that property is JSON,
a value inside of it. :func:`offer` makes the place a pipeline parameter whose default is what was compiled;
:func:`settle` writes the value back to its place, in the step's container.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.kubeflow.errors import ParameterError

RUN_ID = "run_id"
# The one spelling that Kubeflow's driver replaces where it is the whole value of a task's parameter.
_RUN_ID_PLACEHOLDER = "{{$.pipeline_job_uuid}}"


@dataclass(frozen=True)
class Place:
    """Where a parameter's value goes.

    Attributes:
      step: the step.
      property: its execution property.
      kind: of the value.
      inside: the keys that lead to the value where the property is JSON; empty: the whole property.
    """

    step: str
    property: str
    kind: type[str] | type[int] | type[float]
    inside: tuple[str, ...] = ()


PLACES = {
    "input": Place("ScrubbingExampleGen", "input_base", str),
    "target_epsilon": Place("DPTrainer", "privacy", float, ("target", "epsilon")),
    "epochs": Place("DPTrainer", "custom_config", int, ("epochs",)),
    "gate_policy": Place("PrivacyGate", "policy", str),
    "push_to": Place("Pusher", "push_destination", str, ("filesystem", "base_directory")),
}
_KINDS = {str: "STRING", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE"}


def offer(spec: dict[str, Any], defaults: Mapping[str, str | None]) -> None:
    """Turns every place that the pipeline has into a parameter of it, and tells each step the run's id.

    Args:
      spec: the pipeline specification as a dictionary; it is changed.
      defaults: take the place of what was compiled; None: there is no default, the caller must say.
    """
    offered: dict[str, dict[str, str | int | float]] = {}
    for name, place in PLACES.items():
        if place.step not in spec["root"]["dag"]["tasks"]:
            continue
        given = spec["root"]["dag"]["tasks"][place.step]["inputs"]["parameters"]
        compiled = _look(given[place.property]["runtimeValue"]["constant"], place.inside)
        if compiled is None:
            continue  # Noise given outright has no target; a run_fn without epochs has none to change.
        default = defaults.get(name, compiled)
        offered[name] = {"parameterType": _KINDS[place.kind]}
        if default is not None:
            offered[name]["defaultValue"] = place.kind(default)
        _take(spec, place.step, name if place.inside else place.property, {"componentInputParameter": name})
    spec["root"].setdefault("inputDefinitions", {})["parameters"] = offered
    for step in spec["root"]["dag"]["tasks"]:
        _take(spec, step, RUN_ID, {"runtimeValue": {"constant": _RUN_ID_PLACEHOLDER}})


def settle(step: str, exec_properties: dict[str, Any]) -> dict[str, Any]:
    """The execution properties with every parameter's value at its place.

    Raises:
      ParameterError: a value breaks its parameter's rule.
    """
    settled = dict(exec_properties)
    for name, place in PLACES.items():
        if place.step == step and place.inside and name in settled:
            value = checked(name, settled.pop(name))
            content = json.loads(settled[place.property])
            inner = content
            for key in place.inside[:-1]:
                inner = inner[key]
            inner[place.inside[-1]] = value
            settled[place.property] = json.dumps(content, sort_keys=True)
    return settled


def checked(name: str, value: object) -> str | int | float:
    """A parameter's value as its own kind; text, as from a command line, is read.

    Raises:
      ParameterError: there is no such parameter, or the value is not of its kind.
    """
    if name not in PLACES:
        raise ParameterError(f"{name}: no such parameter; there are {', '.join(PLACES)}.")
    kind = PLACES[name].kind
    if kind is str:
        if isinstance(value, str) and value:
            return value
        raise ParameterError(f"{name}: must be text that is not empty; got {value!r}.")
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number <= 0 or (kind is int and number != int(number)):
        what = "a whole number" if kind is int else "a finite number"
        raise ParameterError(f"{name}: must be {what} > 0; got {value!r}.")
    return kind(number)


def _look(constant: Any, inside: tuple[str, ...]) -> Any:
    found = json.loads(constant) if inside else constant
    for key in inside:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _take(spec: dict[str, Any], step: str, name: str, source: dict[str, Any]) -> None:
    """The step gets an input parameter from the given source."""
    task = spec["root"]["dag"]["tasks"][step]
    task.setdefault("inputs", {}).setdefault("parameters", {})[name] = source
    declared = spec["components"][task["componentRef"]["name"]].setdefault("inputDefinitions", {})
    kind = _KINDS[PLACES[name].kind] if name in PLACES else "STRING"
    declared.setdefault("parameters", {})[name] = {"parameterType": kind}
