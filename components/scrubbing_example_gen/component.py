"""ScrubbingExampleGen: raw rows in, scrubbed Examples and a ScrubReport out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tfx import types
from tfx.components.example_gen import utils
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import ScrubReport
from components.documents import DocumentError
from components.pii import sources
from components.pii.policy import Pseudonymize, ScrubPolicy, parse_policy
from components.pii.report import engine_versions
from components.scrubbing_example_gen import driver, executor

DEFAULT_SPLITS: Mapping[str, int] = {"train": 2, "eval": 1}


class ScrubbingExampleGenSpec(ComponentSpec):
    """The stock file-based spec, with the policy as parameters and the report as a second output."""

    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {
        **standard_component_specs.FileBasedExampleGenSpec.PARAMETERS,
        executor.POLICY_KEY: ExecutionParameter(type=str),
        executor.POLICY_SOURCE_KEY: ExecutionParameter(type=str),
        executor.VERSION_KEY: ExecutionParameter(type=str),
        executor.FILE_FORMAT_KEY: ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {
        standard_component_specs.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples),
        executor.SCRUB_REPORT_KEY: ChannelParameter(type=ScrubReport),
    }


class ScrubbingExampleGen(FileBasedExampleGen):
    """Reads files and removes personal data on the way in: nothing downstream ever holds it.

    It stands where CsvExampleGen or ImportExampleGen would, and reads CSV, JSON lines, Parquet, TFRecord of
    tf.Example and Avro, by the files' names:

        example_gen = ScrubbingExampleGen(
            input_base="/data/trips", policy="scrub_policy.yaml", split_by="rider_id"
        )
        statistics_gen = StatisticsGen(examples=example_gen.outputs["examples"])
        gate = PrivacyGate(scrub_report=example_gen.outputs["scrub_report"], ...)

    Rows of a warehouse (BigQuery, say) come in through its own export to one of these formats: what TFX's
    BigQueryExampleGen writes is already an artifact, in plain text, before any component could scrub it.

    The policy is YAML and says what happens to every column (:mod:`components.pii.policy`); its text goes
    into TFX's cache key, and so do the versions of everything that decides what is found. The key of the
    pseudonyms does not: it is read where the rows are, from the source that the policy names. Where the
    driver can read it too, a tag of it does, so that under a new key the rows are scrubbed anew.

    Outputs:
      ``examples``: tf.Examples. A kept column is int64, float or bytes as the policy says, any other is
        bytes, and an empty cell is an empty list.
      ``scrub_report``: :class:`components.artifacts.ScrubReport`: ``report.json`` and
        ``dead_letter.jsonl``, and the custom properties that are listed in the executor.
    """

    SPEC_CLASS = ScrubbingExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(
        self,
        input_base: str,
        policy: str | Path,
        *,
        split_by: str | None = None,
        splits: Mapping[str, int] | None = None,
        input_config: example_gen_pb2.Input | None = None,
        range_config: range_config_pb2.RangeConfig | None = None,
        file_format: str | None = None,
    ) -> None:
        """Reads and checks the policy.

        Args:
          input_base: the folder of the files.
          policy: the path of the policy.
          split_by: a pseudonymized column: all rows with the same pseudonym are in the same split. Without
            it each row is on its own, and one person's rows may be in several splits.
          splits: hash buckets of each split, by its name; ``train`` 2 and ``eval`` 1 if None.
          input_config: which files, spans and versions to read, as for CsvExampleGen; all files if None.
            Where it has several splits (``train/*`` and ``eval/*``, say), they are the splits of the output,
            and neither ``splits`` nor ``split_by`` can be given.
          range_config: which spans to consider, as for CsvExampleGen.
          file_format: one of :data:`components.pii.sources.FORMATS`; None: the files' names tell it.

        Raises:
          DocumentError: the policy cannot be read or breaks a rule, or ``split_by`` does not fit it.
          ValueError: there are no splits, or two ways to make them; or no such format.
        """
        text = _read(policy)
        source = Path(policy).name
        _check_split_by(parse_policy(text, source=str(policy)), split_by, str(policy))
        if file_format is not None:
            sources.format_of("", file_format)
        input_config = input_config or utils.make_default_input_config()
        spec = ScrubbingExampleGenSpec(
            **{
                standard_component_specs.INPUT_BASE_KEY: str(input_base),
                standard_component_specs.INPUT_CONFIG_KEY: input_config,
                standard_component_specs.OUTPUT_CONFIG_KEY: _output_config(input_config, splits, split_by),
                standard_component_specs.RANGE_CONFIG_KEY: range_config,
                standard_component_specs.OUTPUT_DATA_FORMAT_KEY: example_gen_pb2.FORMAT_TF_EXAMPLE,
                standard_component_specs.OUTPUT_FILE_FORMAT_KEY: example_gen_pb2.FORMAT_TFRECORDS_GZIP,
                executor.POLICY_KEY: text,
                executor.POLICY_SOURCE_KEY: source,
                executor.FILE_FORMAT_KEY: file_format,
                executor.VERSION_KEY: json.dumps(engine_versions(), sort_keys=True),
                standard_component_specs.EXAMPLES_KEY: types.Channel(type=standard_artifacts.Examples),
                executor.SCRUB_REPORT_KEY: types.Channel(type=ScrubReport),
            }
        )
        # FileBasedExampleGen's own __init__ builds a spec with one output; TFX knows the class by its type.
        base_beam_component.BaseBeamComponent.__init__(self, spec=spec)


def _output_config(
    input_config: example_gen_pb2.Input, splits: Mapping[str, int] | None, split_by: str | None
) -> example_gen_pb2.Output:
    if len(input_config.splits) > 1:
        if splits is not None or split_by is not None:
            raise ValueError(
                f"input_config has {len(input_config.splits)} splits, and they are those of the output; give "
                "neither splits nor split_by with them."
            )
        return example_gen_pb2.Output()
    splits = DEFAULT_SPLITS if splits is None else splits
    if not splits:
        raise ValueError("splits must name at least one split; got none.")
    named = [
        example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=buckets) for name, buckets in splits.items()
    ]
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(splits=named, partition_feature_name=split_by)
    )


def _read(policy: str | Path) -> str:
    try:
        return Path(policy).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{policy}: cannot be read: {error}") from None


def _check_split_by(policy: ScrubPolicy, split_by: str | None, source: str) -> None:
    if split_by is None:
        return
    if not isinstance(policy.columns.get(split_by), Pseudonymize):
        rule = policy.columns.get(split_by)
        action = f"its action is {rule.action}" if rule else "the policy does not name it"
        raise DocumentError(
            f"{source}: columns.{split_by}: must be pseudonymized to split by it, because a split must not "
            f"need the plain value; {action}."
        )
