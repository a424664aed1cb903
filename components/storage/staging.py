"""Executors work on local copies of artifacts that lie in a bucket.

TFX's executors read and write through three file layers: TFX's own, TensorFlow's and Beam's. Only the first
can be taught new places. So the artifacts that an executor reads are copied to a folder of this machine, it
runs on the copies, and what it wrote is copied to the bucket before TFX records it, as the launcher of
Kubeflow Pipelines does. The folder is readable by its owner only, and is removed afterwards.

What must outlive this machine at once, and not only after the executor, asks for its :func:`origin`.
"""

import copy
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.proto.orchestration import execution_result_pb2
from tfx.utils import import_utils

import components.storage.plugin  # noqa: F401 (the tasks around an executor use TFX's file layer)
from components.storage import stores
from components.storage.uris import SCHEMES, is_remote

EXECUTOR_FLAG = "--staged_executor="

Artifacts = dict[str, list[types.Artifact]]


@dataclass(frozen=True)
class _Stage:
    mounts: Mapping[str, str]
    when_published: list[Callable[[], None]] = field(default_factory=list)


_active: ContextVar[_Stage | None] = ContextVar("stage", default=None)


@contextmanager
def mounted(mounts: Mapping[str, str]) -> Iterator[None]:
    """Says that local folders are copies of places in buckets, which somebody else carries there.

    Args:
      mounts: local prefix to URI prefix; for the launcher of Kubeflow Pipelines
        ``{"/minio/": "minio://", "/s3/": "s3://", "/gcs/": "gs://"}``.
    """
    with _staged(_Stage(mounts)):
        yield


def origin(path: str) -> str:
    """Where a local copy belongs: its URI in the bucket; any other path is its own origin."""
    stage = _active.get()
    for local, remote in stage.mounts.items() if stage else ():
        if path.startswith(local):
            return remote + path.removeprefix(local)
    return path


def when_published(act: Callable[[], None]) -> None:
    """Calls ``act`` as soon as the executor's outputs are where they will stay.

    Without staging that is now. Where a launcher carries the outputs away after this process has ended, it is
    never: then nobody here can know.
    """
    stage = _active.get()
    if stage is None:
        act()
    else:
        stage.when_published.append(act)


class StagedExecutor(base_executor.BaseExecutor):
    """Runs another executor, the one that the first extra flag names, on local copies."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> execution_result_pb2.ExecutorOutput | None:
        """Copies the inputs here, runs the executor, copies its outputs to the bucket.

        Raises:
          StorageError: an output could not be copied as a whole; nothing of it is left in the bucket.
        """
        with tempfile.TemporaryDirectory(prefix="tfx-privacy-") as scratch:
            mounts = {f"{scratch}/{scheme.removesuffix('://')}/": scheme for scheme in SCHEMES}
            local = {remote: here for here, remote in mounts.items()}
            inputs, outputs = _mapped(input_dict, local), _mapped(output_dict, local)
            for before, after in _pairs(input_dict, inputs):
                stores.download(before.uri, after.uri)
            for _, after in _pairs(output_dict, outputs):
                Path(after.uri).mkdir(parents=True)
            stage = _Stage(mounts)
            with _staged(stage):
                told = self._executor(scratch).Do(inputs, outputs, exec_properties)
                _carry_away([each for several in outputs.values() for each in several])
                if told:
                    for several in told.output_artifacts.values():
                        _name_origins(several.artifacts)
            output_dict.update(outputs)
            for act in stage.when_published:
                act()
            return told

    def _executor(self, scratch: str) -> base_executor.BaseExecutor:
        flag, *others = self._extra_flags
        context = copy.copy(self._context)
        context.extra_flags = others
        context._tmp_dir = f"{scratch}/scratch"
        context._stateful_working_dir = f"{scratch}/state"
        executor: base_executor.BaseExecutor = import_utils.import_class_by_path(
            flag.removeprefix(EXECUTOR_FLAG)
        )(context=context)
        return executor


@contextmanager
def _staged(stage: _Stage) -> Iterator[None]:
    token = _active.set(stage)
    try:
        yield
    finally:
        _active.reset(token)


def _mapped(artifacts: Artifacts, local: Mapping[str, str]) -> Artifacts:
    """Copies of the artifacts, with local paths in place of the URIs of buckets."""
    mapped = copy.deepcopy(artifacts)
    for artifact in (each for several in mapped.values() for each in several):
        for remote, here in local.items():
            if artifact.uri.startswith(remote):
                artifact.uri = here + artifact.uri.removeprefix(remote)
    return mapped


def _pairs(before: Artifacts, after: Artifacts) -> Iterator[tuple[types.Artifact, types.Artifact]]:
    """Those artifacts that lie in a bucket, each with its local copy."""
    for key, several in before.items():
        for artifact, mapped in zip(several, after[key], strict=True):
            if is_remote(artifact.uri):
                yield artifact, mapped


def _carry_away(outputs: list[types.Artifact]) -> None:
    """Copies what was written to where it belongs, and says so in the artifacts."""
    # What was charged is there before what was paid for.
    for artifact in sorted(outputs, key=lambda each: not any(Path(each.uri).glob("*ledger.jsonl"))):
        place = origin(artifact.uri)
        if place != artifact.uri:
            stores.upload_folder(artifact.uri, place)
    _name_origins(artifact.mlmd_artifact for artifact in outputs)


def _name_origins(artifacts: Iterable[metadata_store_pb2.Artifact]) -> None:
    for artifact in artifacts:
        artifact.uri = origin(artifact.uri)
        for value in artifact.custom_properties.values():
            if value.WhichOneof("value") == "string_value":
                value.string_value = origin(value.string_value)
