"""Plays a compiled pipeline in containers, by kfp's own DockerRunner."""

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import docker
import docker.errors
from kfp import components, local

from pipelines.kubeflow.errors import StepError
from pipelines.kubeflow.play import OUTPUT_FILE, OnStep
from pipelines.kubeflow.specification import Specification

_STARTED = re.compile(r"Executing task .*?'([^']+)'")
_ENDED = re.compile(r"Task .*?'([^']+)'.* finished with status .*SUCCESS")


def play_in_containers(
    file: Path,
    spec: Specification,
    given: Mapping[str, object],
    *,
    root: Path,
    environment: Mapping[str, str],
    folders: Mapping[str, bool],
    on_step: OnStep,
) -> Path:
    """Plays all steps, each in a container of its image, and returns the run's folder.

    Args:
      file: the compiled pipeline.
      spec: the same, read.
      given: parameters that do not take their defaults.
      root: where the run gets a folder of its own.
      environment: for the containers; secrets come this way.
      folders: of this machine, that the containers see under the same path; whether they may write.
      on_step: as in :func:`pipelines.kubeflow.play.play`.

    Raises:
      ParameterError: a parameter is unknown, missing or wrong; nothing was run.
      StepError: no container engine answers, an image is not there, or a step failed.
    """
    arguments = spec.arguments(given)
    _require_engine()
    runner = local.DockerRunner(
        environment={**environment, "HOME": "/tmp"},  # noqa: S108 (in the container)
        mounts=[
            docker.types.Mount(target=folder, source=folder, type="bind", read_only=not writable)
            for folder, writable in folders.items()
        ],
        network_mode="host",
        user=f"{os.getuid()}:{os.getgid()}",
    )
    root.mkdir(parents=True, exist_ok=True)
    before = set(root.iterdir())
    local.init(runner=runner, pipeline_root=str(root))
    failed: list[str] = []
    with _told(on_step, failed):
        try:
            components.load_component_from_file(str(file))(**arguments)
        except (RuntimeError, ValueError, docker.errors.DockerException) as error:
            where = f"{failed[0]}: " if failed else ""
            raise StepError(f"{where}the container failed: {error}") from None
    (folder,) = set(root.iterdir()) - before
    # kfp takes a container that is gone before it is asked how it ended for one that succeeded.
    for step in spec.steps:
        if not (folder / step / OUTPUT_FILE).is_file():
            raise StepError(f"{step}: the container ended without saying what it made; kfp shows its log.")
    return folder


def _require_engine() -> None:
    try:
        client = docker.from_env()
        client.ping()
        client.close()
    except docker.errors.DockerException as error:
        where = os.environ.get("DOCKER_HOST") or "the default socket"
        raise StepError(
            f"no container engine answers at {where}: {error}. "
            "Start Docker or `podman system service`, and let DOCKER_HOST name its socket."
        ) from None


@contextmanager
def _told(on_step: Callable[[str, bool], None], running: list[str]) -> Iterator[None]:
    """kfp.local has no hooks; it logs each step as it starts and ends, with handlers of its own."""

    def listen(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if found := _STARTED.search(message):
            running[:] = [found[1]]
            on_step(found[1], False)
        elif found := _ENDED.search(message):
            running.clear()
            on_step(found[1], True)
        return True

    logging.getLogger().addFilter(listen)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(listen)
