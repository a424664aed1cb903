"""Shapes of personal data as TFDV statistics, and the TFDV validation that wants none."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import apache_beam as beam
import pyarrow as pa
import tfx  # noqa: F401  (Without it TFDV asks for a module that the newest tfx_bsl no longer has.)

# isort: split
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.anomalies.proto import custom_validation_config_pb2
from tensorflow_data_validation.statistics.generators import stats_generator
from tensorflow_data_validation.types import FeaturePath
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.pii.shapes import SHAPES, shapes_in

_FORM = {
    "CREDIT_CARD": "a payment card number",
    "EMAIL_ADDRESS": "an e-mail address",
    "PHONE_NUMBER": "a phone number",
}
_NONE_COUNTED = (
    "EXISTS(SELECT 1 FROM UNNEST(feature.custom_stats) AS shape WHERE shape.name = '%s' AND shape.num = 0)"
)


class ShapeStatistics(stats_generator.CombinerFeatureStatsGenerator):
    """Counts, for each text feature, what is shaped like personal data: one custom statistic for a shape."""

    def __init__(self) -> None:
        super().__init__("ShapeStatistics")

    def create_accumulator(self) -> Counter[str]:
        return Counter()

    def add_input(
        self, accumulator: Counter[str], feature_path: FeaturePath, column: pa.Array
    ) -> Counter[str]:
        del feature_path
        if not pa.types.is_null(column.type):
            for value in column.flatten():
                if isinstance(cell := value.as_py(), bytes):
                    accumulator.update(shapes_in(cell.decode("utf-8", "replace")))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Counter[str]]) -> Counter[str]:
        return sum(accumulators, Counter())

    def extract_output(self, accumulator: Counter[str]) -> statistics_pb2.FeatureNameStatistics:
        statistics = statistics_pb2.FeatureNameStatistics()
        for shape in SHAPES:
            statistics.custom_stats.add(name=shape, num=accumulator[shape])
        return statistics


def count_shapes(batches: beam.PCollection, columns: Collection[str], path: str) -> beam.PCollection:
    """Writes the TFDV statistics of these columns of Arrow record batches to a file: shapes, nothing else."""
    options = tfdv.StatsOptions(
        generators=[ShapeStatistics()], feature_allowlist=list(columns), add_default_generators=False
    )
    return batches | tfdv.GenerateStatistics(options) | tfdv.WriteStatisticsToBinaryFile(path)


def validate(path: str, columns: Mapping[str, Collection[str]]) -> anomalies_pb2.Anomalies:
    """An anomaly for each column in which a shape was counted, by a custom validation of TFDV.

    Args:
      path: of the statistics that :func:`count_shapes` wrote.
      columns: those that were counted in, with the shapes that may stand in each: invented ones.

    Raises:
      ValueError: there are examples, and a column is not among their features: what was not looked at is
        not clean.
    """
    statistics = tfdv.load_stats_binary(path)
    counted = {feature.path.step[0] for dataset in statistics.datasets for feature in dataset.features}
    if not counted:
        return anomalies_pb2.Anomalies()
    if absent := sorted(set(columns) - counted):
        raise ValueError(f"columns {', '.join(absent)} were scrubbed, and the examples do not have them.")
    schema, config = schema_pb2.Schema(), custom_validation_config_pb2.CustomValidationConfig()
    for column, allowed in columns.items():
        presence = schema_pb2.FeaturePresence(min_count=0)
        schema.feature.add(name=column, type=schema_pb2.BYTES, presence=presence)
        validations = config.feature_validations.add()
        validations.feature_path.step.append(column)
        for shape in sorted(set(SHAPES) - set(allowed)):
            validations.validations.add(
                sql_expression=_NONE_COUNTED % shape,
                severity=anomalies_pb2.AnomalyInfo.ERROR,
                description=f"After the scrub, something in this column has the form of {_FORM[shape]}.",
            )
    anomalies = tfdv.validate_statistics(statistics, schema, custom_validation_config=config)
    anomalies.ClearField("data_missing")  # Rows were not counted here.
    return anomalies
