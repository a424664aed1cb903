"""One task of a Kubeflow run in ML Metadata: with retries, side by side, and while a server restarts."""

import multiprocessing
import threading
import time

import dp_accounting
import pytest
import tfx.v1 as tfx
from ml_metadata import errors, metadata_store
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts

from components import PrivacyGate, PrivacyLedger
from components.dp_trainer import training
from dpcore import accounting, ledger
from dpcore.ledger import Charge, DeclaredPublic, Ledger, Settled
from pipelines.kubeflow.recording import Task, record
from pipelines.metadata import MetadataError, sqlite
from pipelines.records import open_store, read
from pipelines.stores import connect

KINDS = ["sqlite", "mariadb", "postgresql"]


@pytest.fixture(params=KINDS)
def connection(request, tmp_path):
    """A new store of each kind."""
    if request.param == "sqlite":
        return sqlite(tmp_path / "metadata.sqlite")
    return request.getfixturevalue(request.param).connection()


# What does not depend on the database.
on_sqlite = pytest.mark.parametrize("connection", ["sqlite"], indirect=True)


def examples(uri="/data/examples"):
    made = standard_artifacts.Examples()
    made.uri = uri
    made.split_names = '["train", "eval"]'
    return made


def charge(attempt, count=1):
    event = dp_accounting.PoissonSampledDpEvent(0.01, dp_accounting.GaussianDpEvent(1.0))
    return Charge(event=event, count=count, attempt=attempt, l2_norm_clip=1.0)


def ledger_artifact(*entries, uri="/data/ledger"):
    made = PrivacyLedger()
    made.uri = uri
    if entries:
        for name, value in training.metadata_properties(ledger.of(entries)).items():
            setter = {str: "string", int: "int", float: "float"}[type(value)]
            getattr(made, f"set_{setter}_custom_property")(name, value)
    return made


def task(state, node="DPTrainer", **changes):
    defaults = {
        "pipeline": "taxi",
        "run_id": "run-1",
        "node": node,
        "component_type": f"components.{node}",
        "inputs": {},
        "outputs": {},
        "exec_properties": {"epochs": 2, "rate": 0.5, "run_fn": "a.b"},
    }
    return Task(state=state, **(defaults | changes))


def steps(connection, run_id="run-1"):
    return {step.name: step for step in open_store(connection).run(run_id).steps}


def count(connection):
    """Everything that could double."""
    store = connect(connection)
    executions = store.get_executions()
    events = store.get_events_by_execution_ids([e.id for e in executions])
    return len(executions), len(store.get_artifacts()), len(events), len(store.get_contexts())


def run_two(connection, run_id="run-1"):
    """Two steps, the second on what the first made."""
    made, book = examples(), ledger_artifact(charge("a", 10), Settled(attempt="a"))
    for state in ("running", "complete"):
        record(connection, task(state, "ExampleGen", run_id=run_id, outputs={"examples": [made]}))
    for state in ("running", "complete"):
        inputs, outputs = {"examples": [examples()]}, {"ledger": [book]}
        record(connection, task(state, run_id=run_id, inputs=inputs, outputs=outputs))


def test_a_run_is_read_with_its_steps_outputs_properties_and_lineage(connection):
    run_two(connection)
    run = open_store(connection).run("run-1")
    assert (run.pipeline, run.problems) == ("taxi", [])
    assert [(step.name, step.state) for step in run.steps] == [("ExampleGen", "ran"), ("DPTrainer", "ran")]
    (book,) = run.steps[1].outputs
    assert (book.key, book.type, book.properties["steps"]) == ("ledger", "components.PrivacyLedger", 10)
    expected = accounting.epsilon(ledger.of([charge("a", 10)]), 1e-5)
    assert run.recomputed_epsilon(1e-5) == pytest.approx(expected)
    lineage = open_store(connection).lineage(book.id)
    assert [(output.type, made_by) for output, made_by in lineage] == [
        ("components.PrivacyLedger", "DPTrainer"),
        ("Examples", "ExampleGen"),
    ]
    (execution,) = connect(connection).get_executions_by_type("components.DPTrainer")
    assert execution.custom_properties["epochs"].int_value == 2
    assert execution.custom_properties["rate"].double_value == 0.5


def test_a_task_that_is_repeated_doubles_nothing(connection):
    run_two(connection)
    once = count(connection)
    run_two(connection)
    assert count(connection) == once
    run_two(connection, run_id="run-2")
    assert [run.id for run in open_store(connection).runs()] == ["run-1", "run-2"]


@on_sqlite
def test_a_task_is_running_then_failed_then_done(connection):
    states = []
    for state in ("running", "failed", "running", "complete", "failed"):
        record(connection, task(state, "Evaluator", outputs={"examples": [examples()]}))
        step = steps(connection)["Evaluator"]
        states.append((step.state, len(step.outputs)))
    # The last word came late, from an attempt that had been given up.
    assert states == [("unfinished", 0), ("failed", 0), ("unfinished", 0), ("ran", 1), ("ran", 1)]


@on_sqlite
def test_a_verdict_counts_only_while_its_step_stands(connection):
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = "/data/blessing"
    blessing.set_int_custom_property("blessed", 1)
    said = []
    for state in ("running", "complete", "running", "failed"):
        record(connection, task(state, PrivacyGate.__name__, outputs={"blessing": [blessing]}))
        said.append(open_store(connection).run("run-1").blessed)
    assert said == [None, True, None, None]


@on_sqlite
def test_what_a_failed_attempt_was_charged_is_recorded_and_stays(connection, tmp_path):
    journal = Ledger(tmp_path / "attempts.jsonl")
    journal.append(charge("first", 7))
    properties = {"journal": str(tmp_path / "attempts.jsonl")}
    record(connection, task("failed", outputs={"ledger": [ledger_artifact()]}, exec_properties=properties))
    assert steps(connection)["DPTrainer"].outputs[0].properties["steps"] == 7

    # Another pod, to which the journal did not come along.
    public = DeclaredPublic(what="schema", why="published")
    book = ledger_artifact(public, charge("second", 5), Settled(attempt="second"))
    record(connection, task("complete", outputs={"ledger": [book]}))
    (stored,) = steps(connection)["DPTrainer"].outputs
    assert (stored.properties["steps"], stored.properties["attempts"]) == (12, 2)
    assert ledger.loads(stored.properties["ledger"]).declared_public == (public,)

    # A late word of the first one takes nothing away.
    record(connection, task("failed", outputs={"ledger": [ledger_artifact()]}, exec_properties=properties))
    (stored,) = steps(connection)["DPTrainer"].outputs
    assert stored.properties["steps"] == 12
    assert ledger.loads(stored.properties["ledger"]).declared_public == (public,)


@on_sqlite
def test_an_attempt_that_the_trainer_carried_itself_is_charged_once(connection):
    for entries in ([charge("a", 3)], [charge("a", 3), charge("b", 4)], [charge("a", 3), charge("b", 4)]):
        record(connection, task("complete", outputs={"ledger": [ledger_artifact(*entries)]}))
    (stored,) = steps(connection)["DPTrainer"].outputs
    assert stored.properties["steps"] == 7


@on_sqlite
def test_a_damaged_ledger_in_the_store_stops_the_task(connection):
    damaged = ledger_artifact()
    damaged.set_string_custom_property("ledger", '{"format": "of another age"}\n')
    with pytest.raises(MetadataError, match="damaged"):
        record(connection, task("complete", outputs={"ledger": [damaged]}))


@on_sqlite
def test_the_same_artifact_under_two_keys_is_one_event_with_two_paths(connection):
    record(connection, task("complete", "ExampleGen", outputs={"examples": [examples()]}))
    for _ in range(2):
        inputs = {"examples": [examples()], "baseline": [examples()]}
        record(connection, task("complete", "Evaluator", inputs=inputs))
    store = connect(connection)
    (execution,) = store.get_executions_by_type("components.Evaluator")
    (event,) = store.get_events_by_execution_ids([execution.id])
    assert [part.key for part in event.path.steps if part.key] == ["examples", "baseline"]


def test_an_answer_that_is_lost_after_the_commit_doubles_nothing(connection, monkeypatch):
    run_two(connection)
    once = count(connection)
    fresh = [metadata_store.MetadataStore.put_execution]
    lost = []

    def forgetful(self, *args, **kwargs):
        done = fresh[0](self, *args, **kwargs)
        if len(lost) % 2 == 0:
            lost.append(None)
            raise errors.InternalError("the server has gone away")
        lost.append(None)
        return done

    monkeypatch.setattr(metadata_store.MetadataStore, "put_execution", forgetful)
    run_two(connection, run_id="run-2")
    monkeypatch.undo()
    assert len(lost) == 8
    both = count(connection)
    # The contexts of the pipeline and of its two nodes, and the input, are shared.
    assert both == (2 * once[0], 2 * once[1], 2 * once[2], once[3] + 1)


def test_many_tasks_at_once_on_an_empty_store(connection):
    """Each in a process of its own; all of them create the tables, the types and the contexts."""
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(6)

    def one(number):
        start.wait()
        for state in ("running", "complete"):
            outputs = {"examples": [examples(f"/data/{number}")]}
            record(connection, task(state, f"Step{number % 3}", run_id=f"run-{number // 3}", outputs=outputs))

    tasks = [fork.Process(target=one, args=(number,)) for number in range(6)]
    for each in tasks:
        each.start()
    for each in tasks:
        each.join(60)
    assert [each.exitcode for each in tasks] == [0] * 6
    for run in ("run-0", "run-1"):
        assert {(s.name, s.state, len(s.outputs)) for s in steps(connection, run).values()} == {
            (f"Step{number}", "ran", 1) for number in range(3)
        }
    # A pipeline, two runs, three nodes.
    assert count(connection) == (6, 6, 6, 6)


def test_a_restart_of_the_server_between_and_during_the_records(server):
    connection = server.connection()
    outputs = {"ledger": [ledger_artifact(charge("a", 3))]}
    record(connection, task("running", outputs=outputs))
    server.stop()
    again = threading.Timer(2.0, server.start)
    started = time.monotonic()
    again.start()
    try:
        record(connection, task("complete", outputs=outputs))
    finally:
        again.join()
    assert time.monotonic() - started > 1.5
    assert count(connection) == (1, 1, 1, 3)
    assert steps(connection)["DPTrainer"].state == "ran"


def test_a_server_that_stays_away_is_named_without_credentials(server):
    connection = server.connection()
    record(connection, task("running"))
    server.stop()
    try:
        with pytest.raises(MetadataError, match="no server answers there") as caught:
            record(connection, task("complete"), patience=0.5)
    finally:
        server.start()
    assert not connection.is_in(str(caught.value))
    assert caught.value.unreachable


@component
def MakeText(
    text: tfx.dsl.components.OutputArtifact[standard_artifacts.String],
    word: tfx.dsl.components.Parameter[str] = "fine",
):
    text.value = word


@pytest.mark.parametrize("first", ["local", "recorded"])
def test_the_local_runner_and_this_write_the_same(connection, tmp_path, first):
    """Whichever comes first into a store: types, contexts, events and their paths agree."""
    node = MakeText(word="fine")
    pipeline = Pipeline("taxi", str(tmp_path / "root"), components=[node], enable_cache=False)
    pipeline.metadata_connection_config = connection.config
    text = standard_artifacts.String()
    text.uri = "/data/text"

    def local():
        connect(connection)
        tfx.orchestration.LocalDagRunner().run(pipeline)

    def recorded():
        for state in ("running", "complete"):
            done = task(
                state,
                "MakeText",
                component_type=node.type,
                outputs={"text": [text]},
                exec_properties={"word": "fine"},
            )
            record(connection, done)

    for write in (local, recorded) if first == "local" else (recorded, local):
        write()
    local_run, ours = sorted(read(connection, lambda records: records.runs()), key=lambda r: r.id == "run-1")
    assert local_run.pipeline == ours.pipeline == "taxi"
    shapes = [
        [(s.name, s.state, [(o.key, o.type) for o in s.outputs]) for s in run.steps]
        for run in (local_run, ours)
    ]
    assert shapes == [[("MakeText", "ran", [("text", "String")])]] * 2
    store = connect(connection)
    by_run = {}
    for execution in store.get_executions():
        contexts = {c.type: c for c in store.get_contexts_by_execution(execution.id)}
        (event,) = store.get_events_by_execution_ids([execution.id])
        (artifact,) = store.get_artifacts_by_id([event.artifact_id])
        by_run[contexts["pipeline_run"].name] = (
            execution.type,
            execution.custom_properties["word"].string_value,
            contexts["pipeline"].id,
            contexts["node"].name,
            [c.id for c in store.get_parent_contexts_by_context(contexts["pipeline_run"].id)],
            (event.type, str(event.path)),
            (
                artifact.type_id,
                artifact.state,
                sorted({c.type for c in store.get_contexts_by_artifact(artifact.id)} - {"execution_cache"}),
            ),
        )
    one, other = by_run.values()
    assert one == other
