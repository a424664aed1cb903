"""What each step asks of the cluster, written by kfp and kfp-kubernetes into the specification."""

from typing import Any

from google.protobuf import json_format
from kfp import dsl, kubernetes
from kfp.compiler import pipeline_spec_builder

from pipelines.kubeflow.entrypoint import JOURNAL
from pipelines.kubeflow.settings import Kubeflow


def place(spec: dict[str, Any], kubeflow: Kubeflow) -> dict[str, Any]:
    """Adds resources, environment and retries to a pipeline specification.

    Args:
      spec: the pipeline specification as a dictionary; it is changed.
      kubeflow: what the steps ask for.

    Returns:
      The platform specification: secrets, volumes and node selectors, which only Kubernetes knows.
    """
    executors = {}
    for name, task in spec["root"]["dag"]["tasks"].items():
        label = spec["components"][task["componentRef"]["name"]]["executorLabel"]
        container = spec["deploymentSpec"]["executors"][label]["container"]
        asked = _asked(name, kubeflow)
        written = json_format.MessageToDict(pipeline_spec_builder.build_container_spec_for_task(asked))
        container |= {part: written[part] for part in ("resources", "env") if part in written}
        container["image"] = kubeflow.step(name).image or container["image"]
        if kubeflow.step(name).retries:
            task["retryPolicy"] = {"maxRetryCount": kubeflow.step(name).retries}
        if asked.platform_config:
            executors[label] = asked.platform_config["kubernetes"]
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


@dsl.container_component
def _step() -> dsl.ContainerSpec:
    """Stands in for a step while kfp is told what the step asks for."""
    return dsl.ContainerSpec(image="step", command=["step"])


def _asked(name: str, kubeflow: Kubeflow) -> dsl.PipelineTask:
    asked, step = dsl.PipelineTask(_step.component_spec, {}), kubeflow.step(name)
    asked.set_cpu_request(step.cpu).set_memory_request(step.memory).set_memory_limit(step.memory)
    if step.cpu_limit is not None:
        asked.set_cpu_limit(step.cpu_limit)
    if step.accelerators is not None:
        asked.set_accelerator_type(step.accelerators.type).set_accelerator_limit(step.accelerators.count)
    for label, value in sorted(step.node_selector.items()):
        kubernetes.add_node_selector(asked, label, value)
    for secret in kubeflow.secrets:
        if not secret.steps or name in secret.steps:
            kubernetes.use_secret_as_env(
                asked, secret.secret, {secret.key: secret.env}, optional=secret.optional
            )
    if name in kubeflow.volume.steps:
        kubernetes.mount_pvc(asked, kubeflow.volume.claim, kubeflow.volume.mount)
        asked.set_env_variable(JOURNAL, kubeflow.volume.journal)
    return asked
