"""The pipeline as one YAML file that Kubeflow Pipelines 2 takes: schema 2.1.0, the same bytes every time.

Policies and plans travel in the file as text. Paths do not: where the rows lie and where a model goes are
parameters. No key, password or connection string is in it: those are secrets of the cluster, by name.
"""

import re
from pathlib import Path
from typing import Any

import yaml
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.orchestration.pipeline import Pipeline

from components.documents import DocumentError
from pipelines.kubeflow import parameters, placement
from pipelines.pipeline import create_pipeline
from pipelines.places import Places
from pipelines.settings import Settings

ENTRYPOINT = ("python", "-m", "pipelines.kubeflow.entrypoint")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")


def compile_pipeline(settings: Settings, *, image: str, root: str) -> str:
    """The pipeline of the given settings as YAML: the pipeline specification, and the platform's.

    Args:
      settings: what to run. ``settings.kubeflow`` says where and with what.
      image: the container image of every step that names no other.
      root: where artifacts go (``minio://``, ``s3://``, ``gs://`` or a path).

    Raises:
      DocumentError: Kubeflow does not take the pipeline's name.
    """
    if not _NAME.fullmatch(settings.name):
        raise DocumentError(
            f"name: Kubeflow takes lower-case letters, digits and '-', at most 128; got {settings.name!r}."
        )
    # Kubeflow looks for cached results before anything of ours runs: it knows no fingerprint of the rows,
    # and a cached step would leave no record. So nothing is cached there.
    pipeline = create_pipeline(settings.model_copy(update={"cache": False}), Places(Path("/")))
    config = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
        default_image=image, default_commands=list(ENTRYPOINT), use_pipeline_spec_2_1=True
    )
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(config)
    spec = runner.run(pipeline, write_out=False)["pipelineSpec"]
    spec["defaultPipelineRoot"] = root
    _name_steps(spec, pipeline)
    source = settings.kubeflow.input or (None if settings.input is None else str(settings.input))
    parameters.offer(spec, {"input": source, "push_to": settings.kubeflow.push_to})
    platform = placement.place(spec, settings.kubeflow)
    return yaml.dump_all([spec, platform], Dumper=_Dumper, sort_keys=True, width=110, allow_unicode=True)


def _name_steps(spec: dict[str, Any], pipeline: Pipeline) -> None:
    """Says to each container which step it is; gives components and executors the names kfp expects."""
    types = {component.id: component.type for component in pipeline.components}
    components, executors = spec["components"], spec["deploymentSpec"]["executors"]
    for name, task in spec["root"]["dag"]["tasks"].items():
        component = components.pop(task["componentRef"]["name"])
        container = executors.pop(component["executorLabel"])["container"]
        # TFX's own ExampleGen driver: only Vertex would run it. The entrypoint does its work.
        container.pop("lifecycle", None)
        container["command"] += [f"--pipeline={pipeline.pipeline_info.pipeline_name}"]
        container["command"] += [f"--node={name}", f"--component={types[name]}"]
        task["componentRef"]["name"], component["executorLabel"] = f"comp-{name}", f"exec-{name}"
        components[f"comp-{name}"], executors[f"exec-{name}"] = component, {"container": container}


class _Dumper(yaml.SafeDumper):
    """Writes long texts as blocks, so that a policy can be read in the compiled pipeline."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
