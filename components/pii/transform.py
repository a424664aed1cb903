"""The scrubber as a Beam transform: files of rows to tf.Examples and dead letters.

What travels between workers is places, not rows: each part of a file is read, scrubbed and made into Examples
by one worker, a batch at a time. So memory does not grow with the input, and no row is in a shuffle before it
is scrubbed.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics.metric import Metrics, MetricsFilter
from apache_beam.runners.runner import PipelineResult

from components.pii import sources
from components.pii.batches import batches, scrub_batch
from components.pii.columns import may_be_nested
from components.pii.errors import RowsLostError, UnreadableSourceError
from components.pii.examples import to_example as to_example
from components.pii.policy import ScrubPolicy, load_key, require_columns
from components.pii.report import Tally
from components.pii.scrubber import Scrubber
from components.storage import stores
from components.storage.uris import is_remote

EXAMPLES = "examples"
REJECTED = "rejected"

_NAMESPACE = "components.pii"

# A worker process may have several threads, each with its own DoFns. The models belong to the process
# (components.pii.detector keeps them; beam.utils.shared would drop them with the last DoFn), so one thread
# loads them and the others wait; and they are used by one at a time, because not all of them allow more.
_MODELS = threading.Lock()


class Place(NamedTuple):
    """A part of a file, and how to read it."""

    file: str
    file_format: str
    part: sources.Part


class ScrubFiles(beam.PTransform):
    """Reads files of rows, scrubs them by the policy, and gives ``{"examples": ..., "rejected": ...}``.

    ``examples`` holds tf.train.Example (an empty list where a cell was empty), ``rejected`` holds
    :class:`components.pii.report.Rejected`. Counts go to Beam counters; :func:`read_tally` reads them
    from the finished run. Rows are counted in where the files are cut into parts, and out where they are
    scrubbed: a part that a runner loses or repeats in between shows. The key is loaded on the worker, from
    the source that the policy names: it is never part of the pipeline.

    Other runners (Dataflow, Flink, Spark) need this package and the key's source on their workers: a
    container image with both, or ``--setup_file`` and an environment that sets the key.

    Args:
      file_pattern: a glob, on any file system that Beam knows, or in a bucket (:mod:`components.storage`).
      policy: the scrub policy.
      policy_source: the policy's name in error messages.
      file_format: one of :data:`components.pii.sources.FORMATS`; None: each file's name tells it.

    Raises (when it is applied):
      ScrubError: no file matches, the headers differ, the policy does not fit them, or no key is set.
    """

    def __init__(
        self,
        file_pattern: str,
        policy: ScrubPolicy,
        *,
        policy_source: str = "policy",
        file_format: str | None = None,
    ) -> None:
        super().__init__()
        self._pattern = file_pattern
        self._policy = policy
        self._policy_source = policy_source
        self._format = file_format

    @beam.typehints.no_annotations
    def expand(self, pipeline: beam.Pipeline) -> dict[str, beam.PCollection]:
        files = [(file, sources.format_of(file, self._format)) for file in _match(self._pattern)]
        columns = sources.common_columns({file: _columns(file, kind) for file, kind in files})
        if columns is None:
            columns = list(self._policy.columns)
        require_columns(self._policy, columns, data=self._pattern, source=self._policy_source)
        load_key(self._policy)
        scrubbed = (
            pipeline
            | "Files" >> beam.Create(files)
            | "Cut" >> beam.ParDo(_Cut())
            | "Spread" >> beam.Reshuffle()
            | "Scrub" >> beam.ParDo(_Scrub(self._policy, columns)).with_outputs(REJECTED, main=EXAMPLES)
        )
        return {EXAMPLES: scrubbed[EXAMPLES], REJECTED: scrubbed[REJECTED]}


class _Cut(beam.DoFn):
    def process(self, element: tuple[str, str]) -> Iterator[Place]:
        file, file_format = element
        rows_in = Metrics.counter(_NAMESPACE, "rows_in")
        with _open(file) as stream:
            for part in sources.read_parts(stream, file=file, file_format=file_format):
                rows_in.inc(part.count)
                yield Place(file, file_format, part)


class _Scrub(beam.DoFn):
    def __init__(self, policy: ScrubPolicy, columns: Sequence[str]) -> None:
        self._policy = policy
        self._columns = list(columns)
        self._scrubber: Scrubber | None = None

    def setup(self) -> None:
        self._scrubber = Scrubber(self._policy, load_key(self._policy), self._columns)
        with _MODELS:
            self._scrubber.scrub_rows([])

    def process(self, place: Place) -> Iterator[Any]:
        if self._scrubber is None:
            raise RuntimeError("setup() must run before process().")
        read = 0
        with _open(place.file) as stream:
            records = sources.source(place.file_format).read_records(
                stream,
                file=place.file,
                columns=self._columns,
                nested=may_be_nested(self._policy),
                part=place.part,
            )
            for batch in batches(records):
                with _MODELS:
                    rows, rejected, tally = scrub_batch(self._scrubber, batch)
                read += len(batch)
                for row in rows:
                    yield to_example(row.values, self._policy)
                for letter in rejected:
                    yield beam.pvalue.TaggedOutput(REJECTED, letter)
                for name, count in _counters(tally).items():
                    Metrics.counter(_NAMESPACE, name).inc(count)
        if read != place.part.count:
            raise RowsLostError(
                f"{place.file}: from line {place.part.line} on there were {place.part.count} rows, and then "
                f"{read}: the file changed while it was read."
            )


def _counters(tally: Tally) -> Mapping[str, int]:
    """The counters that a batch moves. A column's name may hold anything, so types come first."""
    counters = Counter({"rows_out": tally.rows_out})
    counters.update({f"reason/{reason}": count for reason, count in tally.reasons.items()})
    counters.update({f"finding/{kind}/{name}": count for (name, kind), count in tally.findings.items()})
    counters.update({f"residual/{kind}": count for kind, count in tally.residual.items()})
    return counters


def read_tally(result: PipelineResult) -> Tally:
    """The counts of a finished run."""
    tally = Tally()
    for counter in result.metrics().query(MetricsFilter().with_namespace(_NAMESPACE))["counters"]:
        kind, _, rest = counter.key.metric.name.partition("/")
        # Flink and Spark know attempted counts only; where a part was repeated they are too high: refused.
        count = counter.attempted if counter.committed is None else counter.committed
        if kind == "rows_in":
            tally.rows_in += count
        elif kind == "rows_out":
            tally.rows_out += count
        elif kind == "reason":
            tally.reasons[rest] += count
        elif kind == "residual":
            tally.residual[rest] += count
        else:
            entity_type, _, column = rest.partition("/")
            tally.findings[column, entity_type] += count
    return tally


def _open(file: str) -> BinaryIO:
    """Beam's own layer knows buckets only with extras of its own, and minio:// not at all."""
    if is_remote(file):
        return stores.open_input(file)
    stream: BinaryIO = FileSystems.open(file)
    return stream


def _match(pattern: str) -> list[str]:
    if is_remote(pattern):
        files = stores.glob(pattern)
    else:
        files = sorted(entry.path for match in FileSystems.match([pattern]) for entry in match.metadata_list)
    if not files:
        raise UnreadableSourceError(f"{pattern}: matches no file.")
    return files


def _columns(file: str, file_format: str) -> list[str] | None:
    with _open(file) as stream:
        columns: list[str] | None = sources.source(file_format).read_columns(stream, file=file)
        return columns
