"""The executor of ScrubbingExampleGen: it runs :class:`components.pii.transform.ScrubCsv`."""

import os
from typing import Any

import apache_beam as beam
from tfx import types
from tfx.components.example_gen import base_example_gen_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs

from components.artifacts import set_custom_property
from components.pii.errors import ScrubError
from components.pii.policy import ScrubPolicy, parse_policy
from components.pii.report import Rejected, Report, make_report, require_enough
from components.pii.transform import EXAMPLES, REJECTED, ScrubCsv, read_tally

POLICY_KEY = "policy"
POLICY_SOURCE_KEY = "policy_source"
VERSION_KEY = "scrubber_version"
SCRUB_REPORT_KEY = "scrub_report"
REPORT_FILE = "report.json"
DEAD_LETTER_FILE = "dead_letter.jsonl"


class Executor(base_example_gen_executor.BaseExampleGenExecutor):
    """Writes the Examples, the report and the dead letters.

    Custom properties of the ScrubReport: ``rows_in``, ``rows_out``, ``rows_rejected``, ``findings``,
    ``residual_findings`` (int), ``residual_share`` (float, findings per row), ``policy_digest`` and
    ``report`` (str: the report's JSON).

    TFX removes the outputs of a failed execution. So when the rows are refused, the report and the dead
    letters are kept beside the output, in a folder that the error names.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        artifact = artifact_utils.get_single_instance(output_dict[SCRUB_REPORT_KEY])
        policy = _policy(exec_properties)
        self._dead_letters = os.path.join(artifact.uri, DEAD_LETTER_FILE)
        super().Do(input_dict, output_dict, exec_properties)
        report = make_report(read_tally(self._pipeline.result), policy)
        _write(os.path.join(artifact.uri, REPORT_FILE), report.to_json())
        kept = f"{artifact.uri.rstrip('/')}.refused"
        try:
            require_enough(
                report,
                policy,
                source=exec_properties[standard_component_specs.INPUT_BASE_KEY],
                dead_letters=os.path.join(kept, DEAD_LETTER_FILE),
            )
        except ScrubError:
            _keep(artifact.uri, kept)
            raise
        _describe(artifact, report)

    def GenerateExamplesByBeam(
        self, pipeline: beam.Pipeline, exec_properties: dict[str, Any]
    ) -> dict[str, beam.PCollection]:
        self._rejected: list[beam.PCollection] = []
        splits = super().GenerateExamplesByBeam(pipeline, exec_properties)
        (
            self._rejected
            | "AllRejected" >> beam.Flatten(pipeline=pipeline)
            | "AsJson" >> beam.Map(Rejected.to_json)
            | "WriteDeadLetters"
            >> beam.io.WriteToText(self._dead_letters, num_shards=1, shard_name_template="")
        )
        return splits

    def GetInputSourceToExamplePTransform(self) -> Any:
        rejected = self._rejected

        @beam.ptransform_fn
        def scrub(pipeline: beam.Pipeline, exec_properties: dict[str, Any], split_pattern: str) -> Any:
            pattern = os.path.join(exec_properties[standard_component_specs.INPUT_BASE_KEY], split_pattern)
            source = exec_properties[POLICY_SOURCE_KEY]
            rows = pipeline | ScrubCsv(pattern, _policy(exec_properties), policy_source=source)
            rejected.append(rows[REJECTED])
            return rows[EXAMPLES]

        return scrub

    def _make_beam_pipeline(self) -> Any:
        self._pipeline = super()._make_beam_pipeline()
        return self._pipeline


def _policy(exec_properties: dict[str, Any]) -> ScrubPolicy:
    return parse_policy(exec_properties[POLICY_KEY], source=exec_properties[POLICY_SOURCE_KEY])


def _describe(artifact: types.Artifact, report: Report) -> None:
    properties: dict[str, str | int | float] = {
        "rows_in": report.rows_in,
        "rows_out": report.rows_out,
        "rows_rejected": report.rows_rejected,
        "findings": sum(report.findings.values()),
        "residual_findings": report.residual_findings,
        "residual_share": report.residual_share,
        "policy_digest": report.policy_digest,
        "report": report.to_json(),
    }
    for name, value in properties.items():
        set_custom_property(artifact, name, value)


def _keep(uri: str, kept: str) -> None:
    for name in (REPORT_FILE, DEAD_LETTER_FILE):
        if fileio.exists(os.path.join(uri, name)):
            fileio.makedirs(kept)
            fileio.copy(os.path.join(uri, name), os.path.join(kept, name), overwrite=True)


def _write(path: str, text: str) -> None:
    fileio.makedirs(os.path.dirname(path))
    with fileio.open(path, "w") as file:
        file.write(text)
