"""The taxi pipeline, compiled and played, beside LocalDagRunner: artifacts, records, verdicts."""

import json
from pathlib import Path

import pytest

from dpcore.ledger import Ledger
from pipelines import metadata, records
from pipelines.kubeflow import play, specification
from pipelines.kubeflow.compile import compile_pipeline

pytestmark = pytest.mark.slow

# What says where and when, or follows from what each run draws anew: canaries (and so the number of rows) and
# noise.
OF_THE_RUN = {
    *("input_fingerprint", "pushed_destination", "pushed_version", "current_model", "current_model_id"),
    *("baseline_model", "baseline_model_id", "name", "ledger", "report", "reasons"),
    *(
        "inserted",
        "rows_added",
        "sampling_probability",
        "noise_multiplier",
        "epsilon",
        "epsilon_pld",
        "epsilon_rdp",
        "model_digest",
        "steps",
    ),
}
# On a model that was trained with other noise.
MEASURED = ("accuracy", "audited", "epsilon_lower", "exposure", "lower", "membership", "utility")


@pytest.fixture(scope="session")
def compiled(settings, tmp_path_factory):
    file = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    file.write_text(compile_pipeline(settings, image="i", root="minio://b/r"), encoding="utf-8")
    return specification.load(file)


@pytest.fixture(scope="session")
def played(compiled, settings, tmp_path_factory):
    """Everything is played once: the run's folder and record, what was told, each step's command."""
    work = tmp_path_factory.mktemp("played")
    told, commands = [], {}

    def execute(step, command, folder):
        commands[step] = command
        play.in_process(step, command, folder)

    with play.environment({"TFX_PRIVACY_METADATA": f"sqlite:///{work}/metadata.sqlite"}):
        folder = play.play(
            compiled,
            {"input": str(settings.input), "push_to": str(work / "pushed")},
            root=work / "artifacts",
            execute=execute,
            on_step=lambda name, done: told.append((name, done)),
        )
    run = records.open_store(metadata.sqlite(work / "metadata.sqlite")).run(folder.name)
    return folder, run, told, commands


def left(run):
    """What each step left: of each key, the artifact's type and properties."""
    return {(step.name, o.key): (o.type, o.properties) for step in run.steps for o in step.outputs}


def test_the_same_artifacts_and_properties_are_recorded(played, first_run):
    _, run, _, _ = played
    local, _ = first_run
    assert {step.name: step.state for step in run.steps} == {s.name: s.state for s in local.steps}
    ours, theirs = left(run), left(local)
    assert ours.keys() == theirs.keys()
    for where, (kind, expected) in theirs.items():
        assert ours[where][0] == kind
        found = ours[where][1]
        assert found.keys() == expected.keys(), where
        assert {name: type(value) for name, value in found.items()} == {
            name: type(value) for name, value in expected.items()
        }, where
        for name in expected.keys() - OF_THE_RUN:
            if not name.startswith(MEASURED):
                assert found[name] == expected[name], (where, name)


def test_the_same_guarantee_and_the_same_verdict(played, first_run):
    folder, run, _, _ = played
    local, _ = first_run
    assert run.blessed == local.blessed
    assert run.blessed, run.reasons
    assert play.verdict(folder) == (True, True)
    assert Path(run.pushed_to, "saved_model.pb").is_file()
    ours, theirs = run.privacy_report, local.privacy_report
    # Not to the last digit: how many canaries there are is drawn, and with it the number of rows.
    assert ours.epsilon == pytest.approx(theirs.epsilon, abs=0.01)
    assert ours.noise_multiplier == pytest.approx(theirs.noise_multiplier, rel=0.1)
    for name in ("target_delta", "l2_norm_clip", "neighboring_relation", "privacy_unit", "declared_public"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert run.recomputed_epsilon(1e-5) == pytest.approx(ours.epsilon)
    assert run.scrub_report == local.scrub_report


def test_every_step_is_told(played, compiled):
    _, _, told, _ = played
    assert told == [(step, done) for step in compiled.steps for done in (False, True)]


def test_the_journal_keeps_every_charge_of_the_run(played):
    folder, run, _, _ = played
    journal = Ledger(folder / "DPTrainer" / f"{folder.name}.jsonl")
    assert sum(charge.count for charge in journal.charges) == run.privacy_report.steps
    assert journal.unsettled() == journal.entries


@pytest.mark.parametrize("how", [play.in_process, play.in_processes])
def test_the_gate_refuses_and_nothing_is_pushed(played, settings, how, tmp_path):
    _, _, _, commands = played
    strict = settings.gate_policy.read_text(encoding="utf-8").replace("max_epsilon: 4.0", "max_epsilon: 1.0")

    def refuse(handed):
        handed["inputs"]["parameterValues"]["policy"] = strict

    def refused(handed):
        handed["inputs"]["parameterValues"]["push_to"] = str(tmp_path / "pushed")
        told = json.loads((tmp_path / "PrivacyGate" / play.OUTPUT_FILE).read_text(encoding="utf-8"))
        (blessing,) = handed["inputs"]["artifacts"]["model_blessing"]["artifacts"]
        blessing |= told["artifacts"]["blessing"]["artifacts"][0]

    for step, change in (("PrivacyGate", refuse), ("Pusher", refused)):
        (tmp_path / step).mkdir()
        how(step, _changed(commands[step], change, tmp_path / step), tmp_path)
    assert play.verdict(tmp_path) == (False, False)
    assert not list((tmp_path / "pushed").rglob("*"))
    reasons = json.loads((tmp_path / "PrivacyGate/blessing/reasons.json").read_text(encoding="utf-8"))
    assert any("Epsilon must be at most 1" in reason for reason in reasons["refusals"])


def test_a_retry_of_the_trainer_carries_what_the_attempt_before_it_spent(played):
    folder, run, _, commands = played
    store = folder.parents[1] / "metadata.sqlite"
    with play.environment({"TFX_PRIVACY_METADATA": f"sqlite:///{store}"}):
        play.in_process("DPTrainer", commands["DPTrainer"], folder)
    again = records.open_store(metadata.sqlite(store)).run(folder.name)
    assert [s.name for s in again.steps] == [s.name for s in run.steps]
    (ledger,) = (o for s in again.steps for o in s.outputs if o.type == "components.PrivacyLedger")
    assert ledger.properties["attempts"] == 2
    assert ledger.properties["steps"] == 2 * run.privacy_report.steps


def _changed(command, change, folder):
    """A step's command with changed inputs, and with outputs in another folder."""
    changed = list(command)
    (place,) = (i for i, part in enumerate(command) if part.startswith('{"inputs"'))
    handed = json.loads(command[place])
    change(handed)
    handed["outputs"]["outputFile"] = str(folder / play.OUTPUT_FILE)
    for key, found in handed["outputs"]["artifacts"].items():
        found["artifacts"][0]["uri"] = str(folder / key)
    changed[place] = json.dumps(handed)
    return changed
