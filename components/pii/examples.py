"""Scrubbed rows as tf.train.Examples."""

from collections.abc import Mapping

import tensorflow as tf

from components.pii.columns import value_type
from components.pii.operators.cells import Value
from components.pii.policy import ScrubPolicy


def to_example(values: Mapping[str, Value], policy: ScrubPolicy) -> tf.train.Example:
    """A scrubbed row as a tf.train.Example. A missing value is an empty list, as CsvExampleGen has it."""
    example = tf.train.Example()
    for name, value in values.items():
        feature = example.features.feature[name]
        kind = value_type(policy.columns[name])
        lists = {"int": feature.int64_list, "float": feature.float_list, "string": feature.bytes_list}
        lists[kind].SetInParent()
        if value is not None:
            lists[kind].value.append(str(value).encode() if kind == "string" else value)
    return example
