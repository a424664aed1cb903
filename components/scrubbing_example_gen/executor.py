"""The executor of ScrubbingExampleGen: it runs :class:`components.pii.transform.ScrubFiles`."""

import os
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from tfx import types
from tfx.components.example_gen import base_example_gen_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs

from components.artifacts import set_custom_property
from components.pii.errors import RowsLostError, ScrubError
from components.pii.policy import Randomize, ScrubPolicy, parse_policy
from components.pii.report import Rejected, Report, local_ledger, make_report, require_enough
from components.pii.specimens import specimens
from components.pii.transform import EXAMPLES, REJECTED, ScrubFiles, read_tally
from components.storage import staging

POLICY_KEY = "policy"
POLICY_SOURCE_KEY = "policy_source"
VERSION_KEY = "scrubber_version"
FILE_FORMAT_KEY = "input_file_format"
SCRUB_REPORT_KEY = "scrub_report"
REPORT_FILE = "report.json"
DEAD_LETTER_FILE = "dead_letter.jsonl"
LOCAL_LEDGER_FILE = "local_ledger.jsonl"


class Executor(base_example_gen_executor.BaseExampleGenExecutor):
    """Writes the Examples, the report and the dead letters; first, the charges of randomised columns.

    Custom properties of the ScrubReport: ``rows_in``, ``rows_out``, ``rows_rejected``, ``findings``,
    ``residual_findings`` (int), ``residual_share`` (float, findings per row), ``policy_digest`` and
    ``report`` (str: the report's JSON); ``local_epsilon`` (float) and ``local_statement`` (str) where a
    column is randomised.

    The written Examples are counted again, from the files: a runner that says it is done is not believed.

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
        if policy.columns_with(Randomize):
            _write(os.path.join(artifact.uri, LOCAL_LEDGER_FILE), local_ledger(policy).dumps())
        super().Do(input_dict, output_dict, exec_properties)
        report = make_report(read_tally(self._pipeline.result), policy, specimens(policy))
        examples = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        _require_all(report, written=_count(examples), letters=_count_lines(self._dead_letters))
        _write(os.path.join(artifact.uri, REPORT_FILE), report.to_json())
        kept = staging.origin(f"{artifact.uri.rstrip('/')}.refused")
        try:
            require_enough(
                report,
                policy,
                source=exec_properties[standard_component_specs.INPUT_BASE_KEY],
                dead_letters=os.path.join(kept, DEAD_LETTER_FILE),
            )
        except ScrubError as refusal:
            try:
                _keep(artifact.uri, kept)
            except OSError as error:
                raise type(refusal)(f"{refusal} The report could not be kept: {error}") from None
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
            rows = pipeline | ScrubFiles(
                pattern,
                _policy(exec_properties),
                policy_source=exec_properties[POLICY_SOURCE_KEY],
                file_format=exec_properties.get(FILE_FORMAT_KEY),
            )
            rejected.append(rows[REJECTED])
            return rows[EXAMPLES]

        return scrub

    def _make_beam_pipeline(self) -> Any:
        self._pipeline = super()._make_beam_pipeline()
        return self._pipeline


def _policy(exec_properties: dict[str, Any]) -> ScrubPolicy:
    return parse_policy(exec_properties[POLICY_KEY], source=exec_properties[POLICY_SOURCE_KEY])


def _require_all(report: Report, *, written: int, letters: int) -> None:
    if (written, letters) != (report.rows_out, report.rows_rejected):
        raise RowsLostError(
            f"the runner's counters say {report.rows_out} Examples and {report.rows_rejected} dead letters; "
            f"the files hold {written} and {letters}. Rows were lost or doubled, so nothing is accepted."
        )


def _count(examples: types.Artifact) -> int:
    """The Examples in the files of all splits."""
    files = [
        file
        for split in artifact_utils.decode_split_names(examples.split_names)
        for file in fileio.glob(os.path.join(artifact_utils.get_split_uri([examples], split), "*"))
    ]
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    return int(records.reduce(np.int64(0), lambda count, _: count + 1))


def _count_lines(path: str) -> int:
    if not fileio.exists(path):
        return 0
    with fileio.open(path) as file:
        return sum(1 for _ in file)


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
    if report.local_epsilon is not None:
        properties |= {"local_epsilon": report.local_epsilon, "local_statement": report.local_statement}
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
