import json
import math

import numpy as np
import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from components.artifacts import PrivacyReport as PrivacyReportArtifact
from components.artifacts import set_custom_property
from components.canary_injector.canary_set import CanarySet, Candidate
from components.documents import DocumentError
from components.privacy_evaluator import report
from components.privacy_evaluator.attacks import attack
from components.privacy_evaluator.guarantee import guarantee
from components.privacy_evaluator.report import PrivacyReport, metadata_properties, report_schema

FATES = [1] * 16 + [4] * 4 + [0] * 80
CANARIES = CanarySet(
    plan_digest="x",
    candidates=tuple(
        Candidate(index=i, repetitions=repetitions, coin_flip=False) for i, repetitions in enumerate(FATES)
    ),
)


def attacks(canary_losses=None, canary_set=None, relation="ADD_OR_REMOVE_ONE", rows=200):
    rng = np.random.default_rng(0)
    return attack(
        rng.normal(0, 1, rows),
        rng.normal(1, 1, rows),
        canary_losses,
        canary_set,
        neighboring_relation=relation,
        target_delta=1e-5,
        confidence=0.95,
    )


def make(found, ledger_text=None):
    return PrivacyReport(
        format=report.FORMAT,
        **dict(guarantee(ledger_text, 1e-5)),
        **dict(found),
        model_digest="abc",
        utility={"accuracy": 0.8},
    )


def test_a_report_is_read_back_as_it_was_written_and_follows_its_schema():
    written = make(attacks([-float(fate) for fate in FATES], CANARIES))
    assert PrivacyReport.from_json(written.to_json()) == written
    schema = report_schema()
    assert schema["additionalProperties"] is False
    assert sorted(schema["required"]) == sorted(schema["properties"]) == sorted(json.loads(written.to_json()))


def test_a_model_that_remembers_its_canaries_and_one_that_remembers_nothing():
    remembers = attacks([-float(fate) for fate in FATES], CANARIES)
    assert [(g.repetitions, g.canaries) for g in remembers.exposure] == [(1, 16), (4, 4)]
    assert all(g.median == pytest.approx(g.max_possible) for g in remembers.exposure)
    assert remembers.epsilon_lower_bound.value == pytest.approx(math.log(81 * 0.05 * 9 / 16), abs=0.01)
    constant = attacks([0.5] * 100, CANARIES)
    assert all(g.median == pytest.approx(1, abs=0.05) for g in constant.exposure)
    assert constant.epsilon_lower_bound.value == 0


def test_the_audit_follows_from_plan_and_adjacency():
    fates = np.random.default_rng(1).integers(0, 2, 200)
    flipped = CanarySet(
        plan_digest="x",
        candidates=tuple(
            Candidate(index=i, repetitions=int(fate), coin_flip=True) for i, fate in enumerate(fates)
        ),
    )
    assert "coin-flipped" in attacks(-fates.astype(float), flipped).epsilon_lower_bound.method
    replaced = attacks(-fates.astype(float), flipped, relation="REPLACE_ONE")
    assert "ranks of" in replaced.epsilon_lower_bound.method


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_losses_that_are_no_numbers_become_problems_and_not_numbers(broken):
    found = attacks([broken, *[0.5] * 99], CANARIES)
    assert found.exposure == ()
    assert found.epsilon_lower_bound is None
    assert found.problems[0].startswith("exposure: losses must be finite; got")


def test_no_rows_become_problems():
    found = attacks(rows=0)
    assert found.membership is None
    assert found.heuristic_lower_bound is None
    assert len(found.problems) == 2


def test_values_are_few_however_many_canaries_there_are():
    fates = [1] * 20_000 + [0] * 20_000
    many = CanarySet(
        plan_digest="x",
        candidates=tuple(Candidate(index=i, repetitions=f, coin_flip=False) for i, f in enumerate(fates)),
    )
    found = attacks(np.random.default_rng(2).normal(size=40_000), many)
    assert (found.exposure[0].canaries, len(found.exposure[0].values)) == (20_000, 200)
    assert len(make(found).to_json()) < report.MAX_PROPERTY_BYTES


def test_an_error_names_keys_and_not_values():
    with pytest.raises(DocumentError, match=r"report\.json is malformed") as error:
        PrivacyReport.from_json('{"statement": "Jane Doe"}')
    assert "Jane" not in str(error.value)


def test_metadata_has_the_numbers_and_the_whole_report_and_can_be_stored():
    written = make(attacks([-float(fate) for fate in FATES], CANARIES))
    artifact = PrivacyReportArtifact()
    for name, value in metadata_properties(written).items():
        set_custom_property(artifact, name, value)
    config = metadata_store_pb2.ConnectionConfig(fake_database=metadata_store_pb2.FakeDatabaseConfig())
    store = metadata_store.MetadataStore(config)
    artifact.mlmd_artifact.type_id = store.put_artifact_type(artifact.artifact_type)
    (stored,) = store.get_artifacts_by_id(store.put_artifacts([artifact.mlmd_artifact]))
    properties = stored.custom_properties
    assert "epsilon" not in properties
    assert properties["epsilon_is_finite"].int_value == 0
    assert properties["delta"].double_value == 1e-5
    assert properties["exposure_1"].double_value == pytest.approx(math.log2(81))
    assert PrivacyReport.from_json(properties["report"].string_value) == written
