"""Records one task of a Kubeflow run in ML Metadata, as LocalDagRunner records its components.

A task is recorded when it starts and when it ends, by whatever pod it runs in. Its execution and its
outputs have names made of pipeline, run and node, which the store keeps unique. So a retry finds what the
attempt before it left, and a call that is repeated because the server went away in its middle changes
nothing.
"""

import contextlib
import copy
import hashlib
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ml_metadata import errors, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx import types
from tfx.dsl.compiler import compiler_utils, constants
from tfx.orchestration.portable import outputs_utils
from tfx.orchestration.portable.mlmd import event_lib

from components.artifacts import PrivacyLedger, set_custom_property
from components.dp_trainer import training
from components.storage.journal import open_journal
from dpcore import ledger as ledgers
from dpcore.errors import LedgerError
from dpcore.ledger import Charge, Ledger
from pipelines.metadata import Connection, MetadataError
from pipelines.stores import PATIENCE, retrying

_STATES = {
    "running": mlmd.Execution.RUNNING,
    "complete": mlmd.Execution.COMPLETE,
    "failed": mlmd.Execution.FAILED,
}
Artifacts = Mapping[str, list[types.Artifact]]


@dataclass(frozen=True)
class Task:
    """One node of one pipeline run.

    Attributes:
      pipeline: the pipeline's name.
      run_id: the run's id; the same in all of its tasks and their retries.
      node: TFX's node id, such as ``DPTrainer``.
      component_type: the name of the execution type, as TFX forms it: the component's module and class.
      inputs: by their key; found in the store by their URI and type.
      outputs: by their key. They are recorded when the task is complete; of a task that failed, only what
        its privacy ledger was charged.
      exec_properties: the task's parameters; nothing secret.
      state: what to record.
    """

    pipeline: str
    run_id: str
    node: str
    component_type: str
    state: Literal["running", "complete", "failed"]
    inputs: Artifacts = field(default_factory=dict)
    outputs: Artifacts = field(default_factory=dict)
    exec_properties: Mapping[str, int | float | str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Unique in the store among the executions of a type."""
        return f"{self.pipeline}.{self.run_id}.{self.node}"


def record(connection: Connection, task: Task, *, patience: float = PATIENCE) -> None:
    """Records the task's state.

    A ledger keeps every charge that was recorded for the task before, whatever became of the attempt.

    Args:
      connection: the store.
      task: what to record.
      patience: seconds to wait for a server that does not answer.

    Raises:
      MetadataError: the store cannot be used, or holds a damaged ledger for this task. The task must then
        fail too: what is not recorded must not be used.
    """
    retrying(connection, lambda store: _write(store, task), patience=patience)


def _write(store: metadata_store.MetadataStore, task: Task) -> None:
    contexts = _contexts(store, task)
    execution = _execution(store, task)
    known = set()
    if execution.HasField("id"):
        known = {(e.artifact_id, e.type) for e in store.get_events_by_execution_ids([execution.id])}
    pairs: list[tuple[mlmd.Artifact, mlmd.Event | None]] = []
    events: dict[tuple[int, int], mlmd.Event] = {}
    found = itertools.chain(
        ((mlmd.Event.INPUT, *each) for each in _inputs(store, task)),
        ((mlmd.Event.OUTPUT, *each) for each in _outputs(store, task)),
    )
    for kind, key, index, artifact in found:
        if (artifact.id, kind) in known:
            pairs.append((artifact, None))
        elif artifact.id and (artifact.id, kind) in events:
            # The same artifact under two keys: one event with two paths.
            event_lib.add_event_path(events[artifact.id, kind], key, index)
        else:
            events[artifact.id, kind] = event_lib.generate_event(kind, key, index)
            pairs.append((artifact, events[artifact.id, kind]))
    # One transaction: all of it is there, or nothing.
    _, _, context_ids = store.put_execution(execution, pairs, contexts, reuse_context_if_already_exist=True)
    with contextlib.suppress(errors.AlreadyExistsError):
        store.put_parent_contexts([mlmd.ParentContext(parent_id=context_ids[0], child_id=context_ids[1])])


def _contexts(store: metadata_store.MetadataStore, task: Task) -> list[mlmd.Context]:
    names = {
        constants.PIPELINE_CONTEXT_TYPE_NAME: task.pipeline,
        constants.PIPELINE_RUN_CONTEXT_TYPE_NAME: task.run_id,
        constants.NODE_CONTEXT_TYPE_NAME: compiler_utils.node_context_name(task.pipeline, task.node),
    }
    return [
        mlmd.Context(type_id=store.put_context_type(mlmd.ContextType(name=kind)), name=name)
        for kind, name in names.items()
    ]


def _execution(store: metadata_store.MetadataStore, task: Task) -> mlmd.Execution:
    execution = store.get_execution_by_type_and_name(task.component_type, task.name)
    if execution is None:
        kind = mlmd.ExecutionType(name=task.component_type)
        type_id = store.put_execution_type(kind, can_add_fields=True, can_omit_fields=True)
        execution = mlmd.Execution(type_id=type_id, name=task.name)
    late = task.state == "failed" and execution.last_known_state == mlmd.Execution.COMPLETE
    if not late:  # Else an attempt that was given up tells so after the next one is done.
        execution.last_known_state = _STATES[task.state]
    for name, value in task.exec_properties.items():
        _set(execution.custom_properties[name], value)
    return execution


def _inputs(store: metadata_store.MetadataStore, task: Task) -> Iterator[tuple[str, int, mlmd.Artifact]]:
    for key, index, artifact in _each(task.inputs):
        type_id = _type_id(store, artifact)
        there = [a for a in store.get_artifacts_by_uri(artifact.uri) if a.type_id == type_id]
        if there:
            stored = max(there, key=lambda a: a.id)
            artifact.mlmd_artifact.id = stored.id  # The executors that name a model by its id ask for it.
            yield key, index, stored
        else:
            # Made outside of what this store knows.
            digest = hashlib.sha256(artifact.uri.encode()).hexdigest()
            yield key, index, _as_stored(artifact, type_id, f"outside.{digest}")


def _outputs(store: metadata_store.MetadataStore, task: Task) -> Iterator[tuple[str, int, mlmd.Artifact]]:
    if task.state == "running":
        return
    outputs = {key: copy.deepcopy(artifacts) for key, artifacts in task.outputs.items()}
    outputs_utils.tag_output_artifacts_with_version(outputs)
    for key, index, artifact in _each(outputs):
        name = f"{task.name}.{key}.{index}"
        stored = store.get_artifact_by_type_and_name(artifact.type_name, name)
        if artifact.type_name == PrivacyLedger.TYPE_NAME:
            _complete_ledger(artifact, stored, task)
        if task.state == "failed" and not _ledger(artifact.mlmd_artifact, task).charges:
            continue
        ours = _as_stored(artifact, _type_id(store, artifact), name)
        if stored is not None:
            ours.id = stored.id
        yield key, index, ours


def _complete_ledger(artifact: types.Artifact, stored: mlmd.Artifact | None, task: Task) -> None:
    """Makes the artifact tell each charge that the store knew before, and those of an attempt that failed."""
    before = Ledger() if stored is None else _ledger(stored, task)
    now = _ledger(artifact.mlmd_artifact, task)
    if task.state == "failed":
        now, before = before, now
        if "journal" in task.exec_properties:
            before = open_journal(str(task.exec_properties["journal"]))
    told, new = _counts(before), _counts(now)
    missing = {attempt for attempt in told if told[attempt] > new[attempt]}
    if missing or task.state == "failed":
        carried = [charge for charge in before.charges if charge.attempt in missing]
        rest = [e for e in now.entries if not (isinstance(e, Charge) and e.attempt in missing)]
        for name, value in training.metadata_properties(ledgers.of([*carried, *rest])).items():
            set_custom_property(artifact, name, value)


def _counts(ledger: Ledger) -> Counter[str]:
    """How often each attempt was charged."""
    counts: Counter[str] = Counter()
    for charge in ledger.charges:
        counts[charge.attempt] += charge.count
    return counts


def _ledger(artifact: mlmd.Artifact, task: Task) -> Ledger:
    if "ledger" not in artifact.custom_properties:
        return Ledger()
    try:
        return ledgers.loads(artifact.custom_properties["ledger"].string_value)
    except LedgerError as error:
        raise MetadataError(f"{task.name}: the recorded ledger is damaged: {error}") from None


def _type_id(store: metadata_store.MetadataStore, artifact: types.Artifact) -> int:
    kind = copy.deepcopy(artifact.artifact_type)
    kind.ClearField("id")
    return store.put_artifact_type(kind, can_add_fields=True, can_omit_fields=True)


def _as_stored(artifact: types.Artifact, type_id: int, name: str) -> mlmd.Artifact:
    stored = mlmd.Artifact()
    stored.CopyFrom(artifact.mlmd_artifact)
    for unset in ("id", "type", "create_time_since_epoch", "last_update_time_since_epoch"):
        stored.ClearField(unset)
    stored.type_id, stored.name = type_id, name
    stored.state = mlmd.Artifact.LIVE
    return stored


def _set(target: mlmd.Value, value: int | float | str) -> None:
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif math.isfinite(value):
        target.double_value = value
    else:
        target.string_value = str(value)  # No database of ml-metadata's holds an infinite number.


def _each(artifacts: Artifacts) -> Iterator[tuple[str, int, types.Artifact]]:
    for key, found in artifacts.items():
        for index, artifact in enumerate(found):
            yield key, index, artifact
