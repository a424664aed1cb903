import json

import pytest
import yaml
from tfx.components.pusher import executor as pusher
from tfx.components.util import model_utils
from tfx.types import channel_utils, standard_artifacts

from components.artifacts import PrivacyReport, ScrubReport
from components.documents import DocumentError
from components.privacy_evaluator.scoring import model_digest
from components.privacy_gate.component import PrivacyGate
from components.privacy_gate.executor import Executor
from dpcore.errors import ConfigError
from tests.components.privacy_gate.test_decision import POLICY, REPORT, SCRUB

POLICY_TEXT = yaml.safe_dump(POLICY.model_dump(mode="json"))


def artifact(kind, path):
    found = kind()
    found.uri = str(path)
    return found


@pytest.fixture
def inputs(tmp_path):
    serving = tmp_path / "model/Format-Serving"
    serving.mkdir(parents=True)
    (serving / "saved_model.pb").write_bytes(b"a model")
    for name, content in {
        "privacy": {**REPORT, "model_digest": model_digest(str(serving))},
        "scrub": SCRUB,
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text(json.dumps(content))
    evaluation = artifact(standard_artifacts.ModelBlessing, tmp_path / "evaluation")
    evaluation.set_int_custom_property("blessed", 1)
    model = artifact(standard_artifacts.Model, tmp_path / "model")
    model.id = 42
    return {
        "privacy_report": [artifact(PrivacyReport, tmp_path / "privacy")],
        "scrub_report": [artifact(ScrubReport, tmp_path / "scrub")],
        "evaluation_blessing": [evaluation],
        "model": [model],
    }


def run(inputs, tmp_path, **properties):
    blessing = artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
    Executor().Do(inputs, {"blessing": [blessing]}, {"policy": POLICY_TEXT, **properties})
    return blessing, json.loads((tmp_path / "blessing/reasons.json").read_text())


def test_a_blessing_is_what_stock_components_understand(inputs, tmp_path):
    blessing, reasons = run(inputs, tmp_path)
    assert model_utils.is_model_blessed(blessing)
    assert pusher.Executor().CheckBlessing({"model_blessing": [blessing]})
    assert blessing.get_string_custom_property("current_model") == inputs["model"][0].uri
    assert blessing.get_int_custom_property("current_model_id") == 42
    assert blessing.get_string_custom_property("policy_digest") == POLICY.digest
    assert blessing.get_string_custom_property("reasons").splitlines() == reasons["checks"]
    assert (tmp_path / "blessing/BLESSED").exists()
    assert not (tmp_path / "blessing/NOT_BLESSED").exists()


def test_a_refusal_is_a_result_that_pusher_obeys(inputs, tmp_path):
    blessing, reasons = run(inputs, tmp_path, max_epsilon=1.0)
    assert not pusher.Executor().CheckBlessing({"model_blessing": [blessing]})
    assert blessing.get_int_custom_property("blessed") == 0
    assert blessing.get_string_custom_property("reasons") == "Epsilon must be at most 1; got 2.5."
    assert reasons["refusals"] == ["Epsilon must be at most 1; got 2.5."]
    assert (tmp_path / "blessing/NOT_BLESSED").exists()
    assert not (tmp_path / "blessing/BLESSED").exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("privacy", "The privacy report is missing."),
        ("scrub", "The scrub report is missing, and the policy limits what it reports."),
    ],
)
def test_a_payload_that_is_not_there_refuses(inputs, tmp_path, name, reason):
    (tmp_path / name / "report.json").unlink()
    blessing, reasons = run(inputs, tmp_path)
    assert blessing.get_int_custom_property("blessed") == 0
    assert reason in reasons["refusals"]


def test_a_payload_that_is_not_even_text_refuses(inputs, tmp_path):
    (tmp_path / "privacy/report.json").write_bytes(b"\xff\xfe\x00")
    _, reasons = run(inputs, tmp_path)
    assert not reasons["blessed"]


def test_inputs_that_are_not_connected_refuse_where_the_policy_needs_them(inputs, tmp_path):
    _, reasons = run({"privacy_report": inputs["privacy_report"]}, tmp_path)
    assert len(reasons["refusals"]) == 2


def test_an_evaluator_that_decided_nothing_has_not_blessed(inputs, tmp_path):
    inputs["evaluation_blessing"] = [artifact(standard_artifacts.ModelBlessing, tmp_path / "undecided")]
    _, reasons = run(inputs, tmp_path)
    assert reasons["refusals"] == ["The Evaluator must bless the model; it left it not blessed."]


def test_a_model_that_was_exchanged_after_its_report_is_refused(inputs, tmp_path):
    (tmp_path / "model/Format-Serving/saved_model.pb").write_bytes(b"another model")
    _, reasons = run(inputs, tmp_path)
    assert "it is about another one" in reasons["refusals"][0]


def test_the_component_checks_its_policy_when_the_pipeline_is_written(tmp_path):
    report = channel_utils.as_channel([PrivacyReport()])
    path = tmp_path / "gate.yaml"
    path.write_text(POLICY_TEXT)
    gate = PrivacyGate(privacy_report=report, policy=path, max_epsilon=2.0)
    assert gate.exec_properties["policy"] == POLICY_TEXT
    assert gate.exec_properties["max_epsilon"] == 2.0
    assert gate.outputs["blessing"].type is standard_artifacts.ModelBlessing
    with pytest.raises(ConfigError, match="max_epsilon must be finite and > 0; got nan"):
        PrivacyGate(privacy_report=report, policy=path, max_epsilon=float("nan"))
    path.write_text("max_epsilon: lots")
    with pytest.raises(DocumentError, match=r"gate\.yaml: max_epsilon"):
        PrivacyGate(privacy_report=report, policy=path)
