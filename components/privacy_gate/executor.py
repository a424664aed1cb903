"""PrivacyGate's executor: reads reports, asks :func:`.decision.decide`, writes the blessing."""

import os
from typing import Any

from tfx.components.evaluator import constants
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils
from tfx.utils import io_utils, path_utils

from components.privacy_evaluator.report import PAYLOAD
from components.privacy_evaluator.scoring import model_digest
from components.privacy_gate.decision import Decision, decide
from components.privacy_gate.policy import parse_policy

CODE_VERSION = "1"
REASONS = "reasons.json"
_SCRUB_PAYLOAD = "report.json"


class Executor(base_executor.BaseExecutor):
    """See :class:`components.privacy_gate.component.PrivacyGate`."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the blessing and its reasons. A refusal is a result, not a failure."""
        policy = parse_policy(exec_properties["policy"], source="policy")
        if exec_properties.get("max_epsilon") is not None:
            policy = policy.with_max_epsilon(exec_properties["max_epsilon"])
        evaluation = input_dict.get("evaluation_blessing")
        model = _single(input_dict.get("model"))
        decision = decide(
            _text(input_dict.get("privacy_report"), PAYLOAD),
            _text(input_dict.get("scrub_report"), _SCRUB_PAYLOAD),
            model_utils.is_model_blessed(artifact_utils.get_single_instance(evaluation))
            if evaluation
            else None,
            policy,
            model_digest=_digest(model) if model else None,
        )
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        blessing.set_string_custom_property("policy_digest", policy.digest)
        if model:
            blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
            blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
        _write(blessing, decision)


def _single(artifacts: list[Artifact] | None) -> Artifact | None:
    return artifact_utils.get_single_instance(artifacts) if artifacts else None


def _text(artifacts: list[Artifact] | None, payload: str) -> str | None:
    if not artifacts:
        return None
    path = os.path.join(artifact_utils.get_single_uri(artifacts), payload)
    return io_utils.read_bytes_file(path).decode("utf-8", "replace") if fileio.exists(path) else None


def _digest(model: Artifact) -> str:
    return model_digest(path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model)))


def _write(blessing: Artifact, decision: Decision) -> None:
    reasons = decision.refusals or decision.checks
    blessing.set_string_custom_property("reasons", "\n".join(reasons))
    io_utils.write_string_file(os.path.join(blessing.uri, REASONS), decision.to_json())
    name = constants.BLESSED_FILE_NAME if decision.blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    value = constants.BLESSED_VALUE if decision.blessed else constants.NOT_BLESSED_VALUE
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
