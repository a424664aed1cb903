"""PrivacyEvaluator's executor: loads model, ledger and rows; hands them on; writes the report."""

import os
from typing import Any

import numpy as np
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils
from tfx.utils import io_utils, path_utils

from components.artifacts import set_custom_property
from components.canary_injector import canary_set
from components.privacy_evaluator import report, scoring
from components.privacy_evaluator.attacks import attack
from components.privacy_evaluator.guarantee import guarantee
from components.privacy_evaluator.page import Column, render_page

CODE_VERSION = "2"
_MEMBERS, _NONMEMBERS = "train", "eval"
# Which rows are attacked is no secret, and a rerun shall attack the same.
_SAMPLING_SEED = 0


class Executor(base_executor.BaseExecutor):
    """See :class:`components.privacy_evaluator.component.PrivacyEvaluator`."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes ``report.json`` and ``report.html``, and the numbers as custom properties."""
        model = artifact_utils.get_single_instance(input_dict["model"])
        model_path = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        promised = guarantee(_ledger_text(input_dict["ledger"]), exec_properties["target_delta"])
        scores = _Scores(model_path, input_dict.get("transform_graph"), exec_properties)
        canaries, candidates = _canaries(input_dict.get("canaries"))
        members, nonmembers = (
            _rows(input_dict["examples"], split, exec_properties["max_rows"])
            for split in (_MEMBERS, _NONMEMBERS)
        )
        labels = scores.labels(nonmembers)
        found = attack(
            scores.losses(members, scores.labels(members)),
            scores.losses(nonmembers, labels),
            scores.losses(candidates, scores.labels(candidates)) if canaries else None,
            canaries,
            neighboring_relation=promised.neighboring_relation,
            target_delta=exec_properties["target_delta"],
            confidence=exec_properties["confidence"],
        )
        written = report.PrivacyReport(
            format=report.FORMAT,
            **dict(promised),
            **dict(found),
            model_digest=scoring.model_digest(model_path),
            utility=scores.utility(nonmembers, labels),
        )
        _write(artifact_utils.get_single_instance(output_dict["privacy_report"]), written)


class _Scores:
    """The model on raw rows, with their labels from wherever they come."""

    def __init__(
        self, model_path: str, transform_graph: list[Artifact] | None, exec_properties: dict[str, Any]
    ) -> None:
        self._model = scoring.load_model(
            model_path,
            signature_name=exec_properties["signature_name"],
            loss=exec_properties["loss"],
            from_logits=bool(exec_properties["from_logits"]),
        )
        self._label_key = exec_properties["label_key"]
        self._classifies = "crossentropy" in exec_properties["loss"]
        self._transform = artifact_utils.get_single_uri(transform_graph) if transform_graph else None

    def losses(self, records: list[bytes], labels: scoring.Floats) -> scoring.Floats:
        """[records] the loss on each."""
        return self._model.losses(records, labels)

    def utility(self, records: list[bytes], labels: scoring.Floats) -> dict[str, float]:
        """How good a classifier is on rows that it was not trained on; nothing for other models."""
        if not self._classifies or not records:
            return {}
        return {"accuracy": self._model.accuracy(records, labels)}

    def labels(self, records: list[bytes]) -> scoring.Floats:
        """[records] the label of each."""
        if self._transform is None:
            return scoring.raw_labels(records, self._label_key)
        return scoring.transformed_labels(records, self._label_key, self._transform)


def _ledger_text(artifacts: list[Artifact]) -> str | None:
    path = os.path.join(artifact_utils.get_single_uri(artifacts), "ledger.jsonl")
    return io_utils.read_bytes_file(path).decode("utf-8", "replace") if fileio.exists(path) else None


def _rows(examples: list[Artifact], split: str, limit: int) -> list[bytes]:
    (artifact,) = examples
    if split not in artifact_utils.decode_split_names(artifact.split_names):
        return []
    shards = sorted(fileio.glob(io_utils.all_files_pattern(artifact_utils.get_split_uri(examples, split))))
    return scoring.sample(scoring.read_records(shards), limit, np.random.default_rng(_SAMPLING_SEED))


def _canaries(artifacts: list[Artifact] | None) -> tuple[canary_set.CanarySet | None, list[bytes]]:
    if not artifacts:
        return None, []
    uri = artifact_utils.get_single_uri(artifacts)
    text = io_utils.read_string_file(os.path.join(uri, canary_set.PAYLOAD))
    rows = list(scoring.read_records([os.path.join(uri, canary_set.CANDIDATES)]))
    return canary_set.CanarySet.from_json(text), rows


def _write(artifact: Artifact, written: report.PrivacyReport) -> None:
    io_utils.write_string_file(os.path.join(artifact.uri, report.PAYLOAD), written.to_json())
    page = render_page([Column(name="This model", report=written)], title="Privacy report")
    io_utils.write_string_file(os.path.join(artifact.uri, report.PAGE), page)
    for name, value in report.metadata_properties(written).items():
        set_custom_property(artifact, name, value)
