"""A compiled pipeline, read back: its steps in order, its parameters, the secrets that it needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from components.documents import DocumentError
from pipelines.kubeflow import parameters
from pipelines.kubeflow.errors import ParameterError, StepError


@dataclass(frozen=True)
class Specification:
    """A compiled pipeline.

    Attributes:
      name: the pipeline's.
      pipeline: the pipeline specification.
      platform: what only Kubernetes knows.
    """

    name: str
    pipeline: dict[str, Any] = field(repr=False)
    platform: dict[str, Any] = field(repr=False)

    @property
    def steps(self) -> list[str]:
        """The steps, each after those that it depends on."""
        tasks = self.pipeline["root"]["dag"]["tasks"]
        return list(TopologicalSorter({n: tasks[n].get("dependentTasks", []) for n in tasks}).static_order())

    def task(self, step: str) -> dict[str, Any]:
        """Where the step's inputs come from."""
        task: dict[str, Any] = self.pipeline["root"]["dag"]["tasks"][step]
        return task

    def component(self, step: str) -> dict[str, Any]:
        """What goes in and what comes out."""
        component: dict[str, Any] = self.pipeline["components"][self.task(step)["componentRef"]["name"]]
        return component

    def container(self, step: str) -> dict[str, Any]:
        """Image, command and arguments."""
        label = self.component(step)["executorLabel"]
        container: dict[str, Any] = self.pipeline["deploymentSpec"]["executors"][label]["container"]
        return container

    def secrets(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The variables that the cluster's secrets would be, from an environment.

        Raises:
          StepError: one is missing and not optional.
        """
        platform = self.platform.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {})
        found = {}
        for executor in platform.get("executors", {}).values():
            for secret in executor.get("secretAsEnv", []):
                for name in (key["envVar"] for key in secret["keyToEnv"]):
                    if environment.get(name):
                        found[name] = environment[name]
                    elif not secret.get("optional"):
                        raise StepError(
                            f"{name}: the pipeline takes it from the secret {secret['secretName']!r} of the "
                            "cluster; here, set it in the environment."
                        )
        return found

    def arguments(self, given: Mapping[str, object]) -> dict[str, str | int | float]:
        """Every parameter's value: the given one, else its default.

        Raises:
          ParameterError: one is unknown, missing, or has a value that breaks its rule.
        """
        offered = self.pipeline["root"].get("inputDefinitions", {}).get("parameters", {})
        for name in given:
            if name not in offered:
                raise ParameterError(
                    f"{name}: this pipeline has no such parameter; it has {', '.join(sorted(offered))}."
                )
        missing = [name for name in offered if name not in given and "defaultValue" not in offered[name]]
        if missing:
            raise ParameterError(
                f"{missing[0]}: required, and has no default; give --parameter {missing[0]}=..."
            )
        return {
            name: parameters.checked(name, given.get(name, offered[name].get("defaultValue")))
            for name in offered
        }


def load(file: str | Path) -> Specification:
    """Reads a compiled pipeline.

    Raises:
      DocumentError: the file cannot be read, or is no pipeline specification 2.1.0.
    """
    try:
        documents = list(yaml.safe_load_all(Path(file).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DocumentError(f"{file}: cannot be read: {error}") from None
    first = documents[0] if documents and isinstance(documents[0], dict) else {}
    if first.get("schemaVersion") != "2.1.0" or "root" not in first:
        raise DocumentError(
            f"{file}: must be a compiled pipeline with schemaVersion 2.1.0; got "
            f"{first.get('schemaVersion')!r}. Compile it with `tfx-privacy kubeflow compile`."
        )
    return Specification(
        name=first["pipelineInfo"]["name"],
        pipeline=first,
        platform=documents[1] if len(documents) > 1 else {},
    )
