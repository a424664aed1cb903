"""ScrubValidator's executor: TFDV statistics of shapes for each split, and the anomalies in them."""

import os
import tempfile
from collections.abc import Collection
from typing import Any

import apache_beam as beam
from tfx.components.example_validator import executor as example_validator
from tfx.components.util import tfxio_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils, standard_component_specs
from tfx.utils import io_utils

from components.pii.report import Report
from components.scrub_validator.shape_statistics import count_shapes, validate
from components.scrubbing_example_gen.executor import REPORT_FILE

CODE_VERSION = "1"
SCRUB_REPORT_KEY = "scrub_report"

# What stands in the cells of these columns is text that people wrote, or that a scrub made of it.
_TEXT_ACTIONS = ("detect", "keep")


class Executor(base_beam_executor.BaseBeamExecutor):
    """See :class:`components.scrub_validator.component.ScrubValidator`."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        del exec_properties
        examples = artifact_utils.get_single_instance(input_dict[standard_component_specs.EXAMPLES_KEY])
        scrub_report = artifact_utils.get_single_instance(input_dict[SCRUB_REPORT_KEY])
        output = artifact_utils.get_single_instance(output_dict[standard_component_specs.ANOMALIES_KEY])
        columns = _text_columns(scrub_report)
        splits = artifact_utils.decode_split_names(examples.split_names)
        output.split_names = examples.split_names
        output.span = examples.span
        blessed = {}
        with tempfile.TemporaryDirectory() as folder:
            self._count(examples, splits, columns, folder)
            for split in splits:
                anomalies = validate(os.path.join(folder, split), columns)
                blessed[split] = int(not anomalies.anomaly_info)
                uri = artifact_utils.get_split_uri([output], split)
                fileio.makedirs(uri)
                io_utils.write_bytes_file(
                    os.path.join(uri, example_validator.DEFAULT_FILE_NAME), anomalies.SerializeToString()
                )
        output.set_json_value_custom_property(example_validator.ARTIFACT_PROPERTY_BLESSED_KEY, blessed)

    def _count(self, examples: Artifact, splits: list[str], columns: Collection[str], folder: str) -> None:
        with self._make_beam_pipeline() as pipeline:
            for split in splits:
                source = tfxio_utils.get_split_tfxio([examples], split, ["ScrubValidator"])
                batches = pipeline | f"Read {split}" >> source.BeamSource()
                count = beam.ptransform_fn(count_shapes)
                _ = batches | f"Count {split}" >> count(columns, os.path.join(folder, split))


def _text_columns(scrub_report: Artifact) -> dict[str, tuple[str, ...]]:
    """The columns to look at, with the entity types of which invented values may stand there."""
    text = io_utils.read_string_file(os.path.join(scrub_report.uri, REPORT_FILE))
    report = Report.from_json(text)
    columns = report.columns.items()
    return {name: column.invented for name, column in columns if column.action in _TEXT_ACTIONS}
