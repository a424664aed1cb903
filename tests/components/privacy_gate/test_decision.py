import json

import pytest

from components.pii.report import Report as ScrubReport
from components.privacy_evaluator.report import PrivacyReport
from components.privacy_gate.decision import decide
from components.privacy_gate.policy import GatePolicy

POLICY = GatePolicy(
    max_epsilon=3.0,
    at_delta=1e-5,
    max_exposure=3.0,
    max_membership_advantage=0.1,
    max_residual_share=0.001,
    allow_declared_public=("schema",),
)
EXPOSURE = {"repetitions": 1, "canaries": 3, "median": 1.1, "mean": 1.4, "max_possible": 9.9, "values": [1.1]}
REPORT = {
    "format": "tfx-privacy-report/1",
    "epsilon": 2.5,
    "epsilon_pld": 2.5,
    "epsilon_rdp": 2.9,
    "accountants_agree": True,
    "target_delta": 1e-5,
    "neighboring_relation": "ADD_OR_REMOVE_ONE",
    "privacy_unit": "example",
    "statement": "The model is (2.5, 1e-05)-differentially private.",
    "noise_multiplier": 1.1,
    "l2_norm_clip": 1.0,
    "sampling_probability": 0.02,
    "steps": 500,
    "mechanisms": [
        {"steps": 500, "sampling_probability": 0.02, "noise_multiplier": 1.1, "l2_norm_clip": 1.0}
    ],
    "seeded": False,
    "declared_public": [{"what": "schema", "why": "it stands in the scrub policy"}],
    "nonprivate_reasons": [],
    "attempts": 1,
    "exposure": [EXPOSURE],
    "membership": {
        "auc": 0.51,
        "advantage": 0.02,
        "low": -0.03,
        "high": 0.07,
        "confidence": 0.95,
        "members": 1000,
        "nonmembers": 1000,
        "roc": [[0.0, 0.0], [1.0, 1.0]],
    },
    "epsilon_lower_bound": {"value": 0.4, "confidence": 0.95, "method": "canaries"},
    "heuristic_lower_bound": {"value": 0.1, "confidence": 0.95, "method": "rows"},
    "problems": [],
    "model_digest": "abc",
    "utility": {},
}
SCRUB = {
    "format": "tfx-privacy-scrub/1",
    "rows_in": 1000,
    "rows_out": 990,
    "rows_rejected": 10,
    "reasons": {"bad": 10},
    "columns": {},
    "residual": {},
    "policy_digest": "x",
    "engine": {},
    "specimens": [],
}
INFINITE = {"epsilon": "infinite", "epsilon_pld": "infinite", "epsilon_rdp": "infinite"}


def decided(report=None, scrub=None, blessed=True, policy=None, digest="abc"):
    """The decision, with changes to an honest report, scrub report and policy."""
    return decide(
        json.dumps({**REPORT, **(report or {})}),
        json.dumps({**SCRUB, **(scrub or {})}),
        blessed,
        POLICY.model_copy(update=policy or {}),
        model_digest=digest,
    )


def test_the_reports_that_the_table_changes_are_what_the_components_write():
    assert json.loads(PrivacyReport.from_json(json.dumps(REPORT)).to_json()) == REPORT
    assert json.loads(ScrubReport.from_json(json.dumps(SCRUB)).to_json()) == SCRUB


def test_when_all_is_well_the_model_is_blessed_and_every_check_is_named():
    decision = decided()
    assert decision.blessed
    assert decision.refusals == ()
    for words in (
        "the model that would be pushed",
        "Epsilon is 2.5; at most 3 is allowed.",
        "delta of the guarantee is 1e-05",
        "Adjacency is ADD_OR_REMOVE_ONE; the privacy unit is one example.",
        "noise came from the operating system",
        "accountants agree",
        "audited to be at least 0.4 with 95% confidence (canaries)",
        "schema was declared public (it stands in the scrub policy)",
        "canaries inserted once, in bits, is 1.1; at most 3",
        "membership advantage (upper end of its interval) is 0.07",
        "Residual findings per scrubbed row is 0; at most 0.001",
        "The Evaluator blessed the model.",
    ):
        assert any(words in check for check in decision.checks), words


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ({"epsilon": 3.01, "epsilon_pld": 3.01, "epsilon_rdp": 4.0}, "Epsilon must be at most 3; got 3.01."),
        (
            {**INFINITE, "nonprivate_reasons": ["transform_graph: a vocabulary was learned"]},
            "Epsilon must be at most 3; got infinite: transform_graph: a vocabulary was learned.",
        ),
        ({"target_delta": 1e-4}, "The delta of the guarantee must be at most 1e-05; got 0.0001."),
        ({"neighboring_relation": "REPLACE_ONE"}, "Adjacency must be ADD_OR_REMOVE_ONE with a named"),
        ({"neighboring_relation": None}, "got none with example"),
        ({"privacy_unit": None}, "got ADD_OR_REMOVE_ONE with none"),
        ({"seeded": True}, "it came from a fixed seed"),
        (
            {"accountants_agree": False, "epsilon": 2.9, "epsilon_pld": 2.9, "epsilon_rdp": 2.5},
            "The accountants must agree; they contradict each other: PLD 2.9, RDP 2.5.",
        ),
        (
            {"epsilon_lower_bound": {"value": 2.6, "confidence": 0.95, "method": "canaries"}},
            "Epsilon is claimed to be 2.5, but audited to be at least 2.6 with 95% confidence (canaries).",
        ),
        (
            {"heuristic_lower_bound": {"value": 9.0, "confidence": 0.9, "method": "rows"}},
            "Epsilon is claimed to be 2.5, but audited to be at least 9 with 90% confidence (rows).",
        ),
        (
            {"declared_public": [{"what": "vocabulary", "why": "trust me"}]},
            "Only schema may be declared public; vocabulary was, too (trust me).",
        ),
        ({"exposure": []}, "no canary was inserted once, so it is unknown"),
        ({"exposure": [{**EXPOSURE, "repetitions": 4}]}, "no canary was inserted once"),
        ({"exposure": [{**EXPOSURE, "median": 3.5}]}, "inserted once, in bits, must be at most 3; got 3.5."),
        ({"exposure": [{**EXPOSURE, "max_possible": 3.0}]}, "it cannot show more than 3. Draw more."),
        ({"membership": None}, "Membership advantage must be at most 0.1; it was not measured."),
        (
            {"membership": {**REPORT["membership"], "high": 0.11}},
            "The membership advantage (upper end of its interval) must be at most 0.1; got 0.11.",
        ),
        ({"problems": ["exposure: losses must be finite; got nan"]}, "An attack could not be run: exposure:"),
        ({"model_digest": "other"}, "it is about another one"),
        ({"model_digest": None}, "it is about another one"),
    ],
)
def test_the_gate_refuses_what_breaks_the_policy(report, reason):
    decision = decided(report)
    assert not decision.blessed
    assert any(reason in refusal for refusal in decision.refusals), decision.refusals


@pytest.mark.parametrize(
    "report",
    [
        {"epsilon": float("nan")},
        {"epsilon": float("inf"), "epsilon_pld": float("inf"), "epsilon_rdp": float("inf")},
        {"epsilon": -1.0, "epsilon_pld": -1.0, "epsilon_rdp": -1.0},
        {"epsilon": "2.5"},
        {"epsilon": None},
        {"epsilon": True},
        {"epsilon": 0.1},
        {"epsilon_pld": 2.6},
        {"nonprivate_reasons": ["something"]},
        {"neighboring_relation": "ADD_OR_REMOVE_ONE, REPLACE_ONE"},
        {"target_delta": float("nan")},
        {"target_delta": 0.0},
        {"seeded": "false"},
        {"seeded": None},
        {"format": "tfx-privacy-report/2"},
        {"exposure": [{**EXPOSURE, "median": float("nan")}]},
        {"exposure": [{**EXPOSURE, "median": -5.0}]},
        {"membership": {**REPORT["membership"], "high": float("nan")}},
        {"membership": {**REPORT["membership"], "high": 0.0}},
        {"epsilon_lower_bound": {"value": float("nan"), "confidence": 0.95, "method": "x"}},
        {"surprise": 1},
    ],
    ids=str,
)
def test_the_gate_refuses_a_report_that_makes_no_sense(report):
    decision = decided(report)
    assert not decision.blessed
    assert any("The privacy report is malformed" in refusal for refusal in decision.refusals)


@pytest.mark.parametrize("key", sorted(REPORT))
def test_the_gate_refuses_a_report_that_lacks_a_key(key):
    text = json.dumps({name: value for name, value in REPORT.items() if name != key})
    decision = decide(text, json.dumps(SCRUB), True, POLICY)
    assert any(f"malformed: {key}: Field required" in refusal for refusal in decision.refusals)


def test_the_gate_refuses_a_report_that_was_cut_short_anywhere():
    text = json.dumps(REPORT)
    for end in range(0, len(text), 97):
        assert not decide(text[:end], json.dumps(SCRUB), True, POLICY).blessed


@pytest.mark.parametrize("text", [None, "", "null", "[]", "not json", "{}"])
def test_the_gate_refuses_what_is_no_report(text):
    decision = decide(text, json.dumps(SCRUB), True, POLICY)
    assert not decision.blessed
    assert any("The privacy report is" in refusal for refusal in decision.refusals)


@pytest.mark.parametrize(
    ("scrub", "reason"),
    [
        (
            {"residual": {"PERSON": 1}},
            "Residual findings per scrubbed row must be at most 0.001; got 0.00101.",
        ),
        ({"rows_out": 991}, "must account for every row, and some must be left; got 1000 in, 991 out"),
        ({"rows_in": 10, "rows_out": 0}, "some must be left; got 10 in, 0 out, 10 rejected"),
        ({"residual": {"PERSON": -1}}, "The scrub report: residual.PERSON"),
        ({"residual": None}, "The scrub report: residual"),
        ({"rows_in": float("nan")}, "The scrub report: rows_in"),
        ({"surprise": 1}, "The scrub report: surprise: no such key"),
    ],
)
def test_the_gate_refuses_data_that_was_not_scrubbed_well(scrub, reason):
    decision = decided(scrub=scrub)
    assert not decision.blessed
    assert any(reason in refusal for refusal in decision.refusals), decision.refusals


# Specimens are for people to look at; reports from before there was a format are of the first one.
@pytest.mark.parametrize("key", sorted(SCRUB.keys() - {"specimens", "format"}))
def test_the_gate_refuses_a_scrub_report_that_lacks_a_key(key):
    text = json.dumps({name: value for name, value in SCRUB.items() if name != key})
    decision = decide(json.dumps(REPORT), text, True, POLICY)
    assert decision.refusals == (f"The scrub report: {key}: required, but missing.",)


@pytest.mark.parametrize("text", [None, "", "null", "[1]", json.dumps(SCRUB)[:-20]])
def test_the_gate_refuses_what_is_no_scrub_report(text):
    decision = decide(json.dumps(REPORT), text, True, POLICY)
    assert not decision.blessed
    assert any("The scrub report" in refusal for refusal in decision.refusals)


@pytest.mark.parametrize(
    ("blessed", "reason"), [(None, "it left it without a blessing"), (False, "it left it not blessed")]
)
def test_the_gate_refuses_what_the_evaluator_did_not_bless(blessed, reason):
    decision = decided(blessed=blessed)
    assert not decision.blessed
    assert any(reason in refusal for refusal in decision.refusals)


def test_what_the_policy_does_not_ask_for_may_be_absent():
    lax = GatePolicy(
        max_epsilon=3.0, at_delta=1e-5, allow_declared_public=("schema",), require_evaluation_blessing=False
    )
    bare = {"exposure": [], "membership": None, "epsilon_lower_bound": None, "heuristic_lower_bound": None}
    assert decide(json.dumps({**REPORT, **bare}), None, None, lax).blessed
    assert not decide(json.dumps({**REPORT, **bare}), None, False, lax).blessed


def test_a_smaller_delta_than_asked_for_passes():
    assert decided({"target_delta": 1e-6}).blessed


def test_all_refusals_are_listed_and_not_only_the_first():
    decision = decided({"seeded": True, "target_delta": 0.1, "exposure": []}, blessed=False)
    assert len(decision.refusals) == 4
    assert json.loads(decision.to_json())["refusals"] == list(decision.refusals)
