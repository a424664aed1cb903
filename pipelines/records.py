"""Runs as ML Metadata tells them. Reads the store only: no artifact's payload is opened.

Lineage is walked by events, because newer ml-metadata releases have no lineage queries.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.documents import DocumentError
from components.pii.report import Report as ScrubReport
from components.privacy_evaluator.report import PrivacyReport
from dpcore import accounting, ledger
from dpcore.errors import DpError
from pipelines.metadata import Connection
from pipelines.stores import connect, retrying

_OUTPUTS = (mlmd.Event.OUTPUT, mlmd.Event.DECLARED_OUTPUT, mlmd.Event.PENDING_OUTPUT)
_STATES = {mlmd.Execution.COMPLETE: "ran", mlmd.Execution.CACHED: "cached", mlmd.Execution.FAILED: "failed"}
# What other steps may build on.
FINISHED = ("ran", "cached")

R = TypeVar("R", PrivacyReport, ScrubReport)
T = TypeVar("T")


class RecordError(LookupError):
    """A run or a store cannot be found."""


@dataclass(frozen=True)
class Output:
    """An artifact that a step left."""

    id: int
    key: str
    type: str
    uri: str
    properties: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Step:
    """One execution of a component in a run."""

    id: int
    name: str
    state: str
    seconds: float
    outputs: tuple[Output, ...]


@dataclass(frozen=True)
class Run:
    """A pipeline run: its steps, and what they recorded about privacy."""

    id: str
    pipeline: str
    steps: tuple[Step, ...]

    @property
    def privacy_report(self) -> PrivacyReport | None:
        """The guarantee and the attacks; None where there is none, or its record is damaged."""
        return _document(PrivacyReport, self._output("components.PrivacyReport"))

    @property
    def scrub_report(self) -> ScrubReport | None:
        """What was scrubbed; None as above."""
        return _document(ScrubReport, self._output("components.ScrubReport"))

    @property
    def problems(self) -> list[str]:
        """The records that are there and cannot be read, and why: damaged, or of another version's format."""
        readers: dict[str, tuple[str, Callable[[str], Any]]] = {
            "components.PrivacyReport": ("report", PrivacyReport.from_json),
            "components.ScrubReport": ("report", ScrubReport.from_json),
            "components.PrivacyLedger": ("ledger", ledger.loads),
        }
        found = []
        for name, (key, reader) in readers.items():
            output = self._output(name)
            if output is not None:
                try:
                    reader(output.properties.get(key, ""))
                except (DocumentError, DpError) as error:
                    found.append(f"{name} cannot be read; another tfx-privacy may have written it: {error}")
        return found

    @property
    def canaries(self) -> dict[str, Any]:
        """What was recorded about the canaries; empty without any."""
        found = self._output("components.CanarySet")
        return {} if found is None else found.properties

    @property
    def blessed(self) -> bool | None:
        """What the gate said; None where it did not speak."""
        gate = self._gate()
        return None if gate is None else gate.properties.get("blessed") == 1

    @property
    def reasons(self) -> list[str]:
        """The gate's reasons, in words: to refuse, or else what it checked."""
        gate = self._gate()
        return [] if gate is None else [r for r in gate.properties.get("reasons", "").split("\n") if r]

    @property
    def model(self) -> Output | None:
        """The trained model."""
        return self._output("Model")

    @property
    def pushed_to(self) -> str | None:
        """Where the model was pushed; None where it was not."""
        pushed = self._output("PushedModel")
        return None if pushed is None else pushed.properties.get("pushed_destination")

    def recomputed_epsilon(self, target_delta: float) -> float | None:
        """Epsilon from the charges in the metadata alone; None where there is no ledger to read."""
        found = self._output("components.PrivacyLedger")
        if found is None:
            return None
        try:
            return accounting.epsilon(ledger.loads(found.properties.get("ledger", "")), target_delta)
        except DpError:
            return None

    def _gate(self) -> Output | None:
        gates = [step for step in self.steps if step.name == "PrivacyGate" and step.state in FINISHED]
        found = [o for step in gates for o in step.outputs]
        return found[0] if found else None

    def _output(self, type_name: str) -> Output | None:
        found = [o for step in self.steps for o in step.outputs if o.type == type_name]
        return found[-1] if found else None


class Records:
    """The runs in an ML Metadata store."""

    def __init__(self, store: metadata_store.MetadataStore) -> None:
        self._store = store
        self._types = {t.id: t.name for t in store.get_artifact_types()}

    def runs(self) -> list[Run]:
        """All pipeline runs, oldest first."""
        contexts = sorted(self._store.get_contexts_by_type("pipeline_run"), key=lambda c: c.id)
        return [self._run(context) for context in contexts]

    def run(self, run_id: str) -> Run:
        """The run with this id, or whose id begins so; ``latest`` for the last one.

        Raises:
          RecordError: there is none, or more than one.
        """
        contexts = sorted(self._store.get_contexts_by_type("pipeline_run"), key=lambda c: c.id)
        if run_id == "latest":
            found = contexts[-1:]
        else:
            exact = [c for c in contexts if _run_id(c) == run_id]
            found = exact or [c for c in contexts if _run_id(c).startswith(run_id)]
        if len(found) != 1:
            ids = ", ".join(_run_id(c) for c in contexts) or "none"
            raise RecordError(f"{run_id!r} must name one run; {len(found)} match. There are: {ids}.")
        return self._run(found[0])

    def lineage(self, artifact_id: int) -> list[tuple[Output, str]]:
        """The artifacts that an artifact was made from, nearest first, each with the step that made it."""
        seen: dict[int, tuple[Output, str]] = {}
        frontier = [artifact_id]
        while frontier:
            events = self._store.get_events_by_artifact_ids(frontier)
            makers = {e.artifact_id: e.execution_id for e in events if e.type in _OUTPUTS}
            steps = self._executions(makers.values())
            for output in self._artifacts(dict.fromkeys(frontier, "")):
                seen[output.id] = (output, steps.get(makers.get(output.id, -1), "(outside)"))
            inputs = self._store.get_events_by_execution_ids(list(set(makers.values()))) if makers else []
            frontier = sorted({e.artifact_id for e in inputs if e.type not in _OUTPUTS} - seen.keys())
        return list(seen.values())

    def _run(self, context: mlmd.Context) -> Run:
        executions = sorted(self._store.get_executions_by_context(context.id), key=lambda e: e.id)
        names = self._executions([e.id for e in executions])
        events = self._store.get_events_by_execution_ids([e.id for e in executions]) if executions else []
        steps = []
        for execution in executions:
            keys = {
                e.artifact_id: e.path.steps[0].key if e.path.steps else ""
                for e in events
                if e.execution_id == execution.id and e.type in _OUTPUTS
            }
            steps.append(
                Step(
                    id=execution.id,
                    name=names[execution.id],
                    state=_STATES.get(execution.last_known_state, "unfinished"),
                    seconds=_seconds(execution),
                    outputs=tuple(self._artifacts(keys)),
                )
            )
        return Run(id=_run_id(context), pipeline=self._pipeline(executions), steps=tuple(steps))

    def _pipeline(self, executions: list[mlmd.Execution]) -> str:
        contexts = self._store.get_contexts_by_execution(executions[0].id) if executions else []
        return next((c.name for c in contexts if c.type == "pipeline"), "")

    def _artifacts(self, keys: dict[int, str]) -> list[Output]:
        artifacts = self._store.get_artifacts_by_id(list(keys)) if keys else []
        return [
            Output(a.id, keys[a.id], self._types[a.type_id], a.uri, _properties(a))
            for a in sorted(artifacts, key=lambda a: a.id)
        ]

    def _executions(self, ids: Iterable[int]) -> dict[int, str]:
        wanted = list(set(ids))
        executions = self._store.get_executions_by_id(wanted) if wanted else []
        names = {}
        for execution in executions:
            contexts = self._store.get_contexts_by_execution(execution.id)
            nodes = [c.name for c in contexts if c.type == "node"]
            names[execution.id] = nodes[0].rpartition(".")[2] if nodes else execution.type
        return names


def open_store(connection: Connection) -> Records:
    """Opens a store for reading.

    Raises:
      RecordError: there is no such file.
      MetadataError: the store cannot be opened.
    """
    _require_file(connection)
    return Records(connect(connection, read_only=True))


def read(connection: Connection, question: Callable[[Records], T]) -> T:
    """Asks a store something.

    Raises:
      RecordError: there is no such file, or what the question raises.
      MetadataError: the store cannot be opened, or fails meanwhile.
    """
    _require_file(connection)
    return retrying(connection, lambda store: question(Records(store)), read_only=True, patience=0)


def _require_file(connection: Connection) -> None:
    if connection.kind == "sqlite" and not Path(connection.config.sqlite.filename_uri).is_file():
        raise RecordError(
            f"there is no metadata store at {connection}. Run a pipeline first, or name another one."
        )


def _run_id(context: mlmd.Context) -> str:
    name: str = context.name
    if "run_id" in context.properties:
        return str(context.properties["run_id"].string_value)
    return name


def _seconds(execution: mlmd.Execution) -> float:
    return (execution.last_update_time_since_epoch - execution.create_time_since_epoch) / 1000.0


def _properties(artifact: mlmd.Artifact) -> dict[str, Any]:
    found = {}
    for values in (artifact.properties, artifact.custom_properties):
        for name, value in values.items():
            found[name] = getattr(value, value.WhichOneof("value"))
    return found


def _document(kind: type[R], output: Output | None) -> R | None:
    if output is None:
        return None
    try:
        return kind.from_json(output.properties.get("report", ""))
    except DocumentError:
        return None
