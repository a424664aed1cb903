"""The scrubber as a Beam transform: CSV files to tf.Examples and dead letters."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import apache_beam as beam
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics.metric import Metrics, MetricsFilter
from apache_beam.runners.runner import PipelineResult

from components.pii.csv_source import Record, read_header, read_records
from components.pii.errors import UnreadableSourceError
from components.pii.policy import Keep, ScrubPolicy, load_key, require_columns
from components.pii.report import Rejected, Tally
from components.pii.scrubber import ScrubbedRow, Scrubber, Value

EXAMPLES = "examples"
REJECTED = "rejected"
BATCH = 256

_NAMESPACE = "components.pii"


class ScrubCsv(beam.PTransform):
    """Reads CSV files, scrubs them by the policy, and gives ``{"examples": ..., "rejected": ...}``.

    ``examples`` holds tf.train.Example (an empty list where a cell was empty), ``rejected`` holds
    :class:`components.pii.report.Rejected`. Counts go to Beam counters; :func:`read_tally` reads them
    from the finished run. The key is loaded on the worker, from the source that the policy names: it is
    never part of the pipeline.

    Args:
      file_pattern: a glob, on any file system that Beam knows.
      policy: the scrub policy.
      policy_source: the policy's name in error messages.

    Raises (when it is applied):
      ScrubError: no file matches, the headers differ, the policy does not fit them, or no key is set.
    """

    def __init__(self, file_pattern: str, policy: ScrubPolicy, *, policy_source: str = "policy") -> None:
        super().__init__()
        self._pattern = file_pattern
        self._policy = policy
        self._policy_source = policy_source

    @beam.typehints.no_annotations
    def expand(self, pipeline: beam.Pipeline) -> dict[str, beam.PCollection]:
        files = _match(self._pattern)
        columns = _common_header(files)
        require_columns(self._policy, columns, data=self._pattern, source=self._policy_source)
        load_key(self._policy)
        scrubbed = (
            pipeline
            | "Files" >> beam.Create(files)
            | "Read" >> beam.ParDo(_Read())
            | "Spread" >> beam.Reshuffle()
            | "Batch" >> beam.BatchElements(min_batch_size=BATCH, max_batch_size=BATCH)
            | "Scrub" >> beam.ParDo(_Scrub(self._policy, columns)).with_outputs(REJECTED, main=EXAMPLES)
        )
        return {EXAMPLES: scrubbed[EXAMPLES], REJECTED: scrubbed[REJECTED]}


class _Read(beam.DoFn):
    def process(self, file: str) -> Iterator[Record]:
        rows_in = Metrics.counter(_NAMESPACE, "rows_in")
        with FileSystems.open(file) as stream:
            for record in read_records(stream, file=file):
                rows_in.inc()
                yield record


class _Scrub(beam.DoFn):
    def __init__(self, policy: ScrubPolicy, columns: Sequence[str]) -> None:
        self._policy = policy
        self._columns = list(columns)
        self._scrubber: Scrubber | None = None

    def setup(self) -> None:
        self._scrubber = Scrubber(self._policy, load_key(self._policy), self._columns)

    def process(self, batch: Sequence[Record]) -> Iterator[tf.train.Example | beam.pvalue.TaggedOutput]:
        if self._scrubber is None:
            raise RuntimeError("setup() must run before process().")
        counts: Counter[str] = Counter()
        for row in self._scrubber.scrub_rows(batch):
            counts.update(_counts(row))
            if isinstance(row, Rejected):
                yield beam.pvalue.TaggedOutput(REJECTED, row)
            else:
                yield to_example(row.values, self._policy)
        for name, count in counts.items():
            Metrics.counter(_NAMESPACE, name).inc(count)


def to_example(values: Mapping[str, Value], policy: ScrubPolicy) -> tf.train.Example:
    """A scrubbed row as a tf.train.Example. A missing value is an empty list, as CsvExampleGen has it."""
    features = {}
    for name, value in values.items():
        rule = policy.columns[name]
        features[name] = _feature(value, rule.type if isinstance(rule, Keep) else "string")
    return tf.train.Example(features=tf.train.Features(feature=features))


def _feature(value: Value, kind: str) -> tf.train.Feature:
    cells = [] if value is None else [value]
    if kind == "int":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=cells))
    if kind == "float":
        return tf.train.Feature(float_list=tf.train.FloatList(value=cells))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[str(cell).encode() for cell in cells]))


def _counts(row: ScrubbedRow | Rejected) -> Iterable[str]:
    """The counters that one row moves. A column's name may hold anything, so types come first."""
    if isinstance(row, Rejected):
        return [f"reason/{row.reason}"]
    found = [f"finding/{kind}/{column}" for column, kind in row.findings.elements()]
    return ["rows_out", *found, *(f"residual/{kind}" for kind in row.residual.elements())]


def read_tally(result: PipelineResult) -> Tally:
    """The counts of a finished run."""
    tally = Tally()
    for counter in result.metrics().query(MetricsFilter().with_namespace(_NAMESPACE))["counters"]:
        kind, _, rest = counter.key.metric.name.partition("/")
        if kind == "rows_in":
            tally.rows_in += counter.committed
        elif kind == "rows_out":
            tally.rows_out += counter.committed
        elif kind == "reason":
            tally.reasons[rest] += counter.committed
        elif kind == "residual":
            tally.residual[rest] += counter.committed
        else:
            entity_type, _, column = rest.partition("/")
            tally.findings[column, entity_type] += counter.committed
    return tally


def _match(pattern: str) -> list[str]:
    files = sorted(entry.path for match in FileSystems.match([pattern]) for entry in match.metadata_list)
    if not files:
        raise UnreadableSourceError(f"{pattern}: matches no file.")
    return files


def _common_header(files: Sequence[str]) -> list[str]:
    headers = []
    for file in files:
        with FileSystems.open(file) as stream:
            headers.append(read_header(stream, file=file))
    for file, header in zip(files, headers, strict=True):
        if header != headers[0]:
            raise UnreadableSourceError(
                f"{file}: its header differs from that of {files[0]}; they must be equal."
            )
    return headers[0]
