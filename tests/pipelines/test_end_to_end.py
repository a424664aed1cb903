"""Whole pipelines: what they leave in ML Metadata, what the cache saves, what is pushed and what refused."""

import math
from pathlib import Path

import pytest

import dpcore
from dpcore import ledger
from dpcore.ledger import Ledger
from pipelines.local import run_locally
from pipelines.metadata import sqlite
from pipelines.records import open_store
from pipelines.settings import override

STEPS = [
    "ScrubbingExampleGen",
    "ScrubValidator",
    "CanaryInjector",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "DPTrainer",
    "Evaluator",
    "PrivacyEvaluator",
    "PrivacyGate",
    "Pusher",
]
ONE_OF_EACH = {
    "components.ScrubReport",
    "components.CanarySet",
    "components.PrivacyLedger",
    "components.PrivacyReport",
    "Model",
    "ModelEvaluation",
    "PushedModel",
}

pytestmark = pytest.mark.slow


def states(run):
    return {step.name: step.state for step in run.steps}


def artifacts(run, type_name):
    return [o for step in run.steps for o in step.outputs if o.type == type_name]


def test_a_private_run_is_blessed_and_pushed(first_run):
    run, told = first_run
    assert sorted(states(run)) == sorted(STEPS)
    assert set(states(run).values()) == {"ran"}
    assert {name for name, done in told if done} == set(STEPS)
    assert run.blessed, run.reasons
    assert Path(run.pushed_to, "saved_model.pb").is_file()
    report = run.privacy_report
    assert 2.9 < report.epsilon <= 3.0
    assert report.steps == 2 * math.ceil(len_of_training(run) / 64)
    assert [entry.what for entry in report.declared_public] == ["schema"]


def len_of_training(run):
    report = run.privacy_report
    return round(64 / report.sampling_probability)


def test_every_artifact_is_recorded_once(first_run):
    run, _ = first_run
    for type_name in ONE_OF_EACH:
        assert len(artifacts(run, type_name)) == 1, type_name
    # Scrubbed, with canaries, transformed.
    assert len(artifacts(run, "Examples")) == 3
    # The Evaluator's, and the gate's. Only the gate's reaches Pusher.
    assert len(artifacts(run, "ModelBlessing")) == 2


def test_the_guarantee_can_be_recomputed_from_metadata_alone(first_run, places):
    run, _ = first_run
    (recorded,) = artifacts(run, "components.PrivacyLedger")
    again = dpcore.epsilon(ledger.loads(recorded.properties["ledger"]), run.privacy_report.target_delta)
    assert again == pytest.approx(run.privacy_report.epsilon)
    (report,) = artifacts(run, "components.PrivacyReport")
    for name in ("epsilon", "delta", "noise_multiplier", "l2_norm_clip", "sampling_probability", "steps"):
        assert name in report.properties
    assert report.properties["epsilon"] == pytest.approx(again)


def test_the_model_is_traced_back_to_the_scrubbed_examples(first_run, places):
    run, _ = first_run
    lineage = open_store(sqlite(places.metadata)).lineage(run.model.id)
    makers = [step for _, step in lineage]
    assert makers[0] == "DPTrainer"
    assert "ScrubbingExampleGen" in makers
    assert "CanaryInjector" in makers


def test_no_key_and_no_personal_value_is_in_the_metadata_store(first_run, places):
    content = places.metadata.read_bytes()
    assert b"of no use but in tests" not in content
    from pipelines.taxi import data

    truth = data.load_truth(places.data / "truth.jsonl")
    emails = {value.value.encode() for value in truth if value.entity_type == "EMAIL_ADDRESS"}
    assert emails
    assert not [email for email in emails if email in content]


def test_a_second_run_comes_from_the_cache_and_charges_nothing(first_run, settings, places):
    first, _ = first_run
    journal = places.root / "DPTrainer" / "ledger" / "attempts.jsonl"
    charged = journal.read_text(encoding="utf-8")
    again = run_locally(settings, places)
    assert set(states(again).values()) == {"cached"}
    assert journal.read_text(encoding="utf-8") == charged
    assert again.id != first.id
    assert again.privacy_report == first.privacy_report
    assert again.blessed


def test_epsilon_over_the_limit_is_refused_and_not_pushed(first_run, settings, places):
    run = run_locally(override(settings, max_epsilon=1.0), places)
    assert states(run)["DPTrainer"] == "cached"
    assert not run.blessed
    assert run.pushed_to is None
    assert any("Epsilon must be at most 1" in reason for reason in run.reasons)


def test_training_that_forgets_about_privacy_is_refused(first_run, settings, places):
    changed = settings.model_copy(update={"run_fn": "tests.pipelines.user_code.ordinary_run_fn"})
    run = run_locally(changed, places)
    assert states(run)["Transform"] == "cached"
    assert run.privacy_report.epsilon == "infinite"
    assert not run.blessed
    assert run.pushed_to is None
    assert any("no PrivateModel was trained" in said for said in run.reasons), run.reasons


def test_batch_normalisation_stops_the_run_and_names_the_way_out(first_run, settings, places):
    changed = settings.model_copy(update={"run_fn": "tests.pipelines.user_code.batch_normalised_run_fn"})
    with pytest.raises(dpcore.errors.NotPrivateError, match="GroupNormalization"):
        run_locally(changed, places)
    run = open_store(sqlite(places.metadata)).run("latest")
    assert states(run)["DPTrainer"] == "failed"
    assert run.blessed is None


def test_an_undeclared_schema_and_a_fixed_seed_each_refuse_and_training_again_charges_again(
    first_run, settings, places
):
    journal = places.root / "DPTrainer" / "ledger" / "attempts.jsonl"
    before = len(Ledger(journal).charges)
    changes = {"declared_public": {}, "run_fn": "tests.pipelines.user_code.seeded_run_fn"}
    run = run_locally(settings.model_copy(update=changes), places)
    # One for the schema, and one for each of two epochs.
    assert len(Ledger(journal).charges) == before + 3
    assert run.privacy_report.epsilon == "infinite"
    for reason in ("schema", "fixed seed"):
        assert any(reason in said for said in run.reasons), run.reasons
    assert not run.blessed
    assert run.pushed_to is None
