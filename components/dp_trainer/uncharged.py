"""Paths from raw rows to the model that carry no event: found, and either declared public or charged as such.

DP-SGD bounds what the gradients reveal. What reaches the model by another road (a vocabulary or a moment
that Transform learned, an inferred schema, a warm start, a tuned hyperparameter) is not covered by it.
"""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

import dp_accounting
import tensorflow as tf
import tensorflow_transform as tft

from dpcore.ledger import Charge, DeclaredPublic, Entry

_WHY = {
    "schema": "the schema was inferred from the rows",
    "statistics": "the statistics were computed on the rows",
    "base_model": "the model was warm-started from another model",
    "hyperparameters": "the hyperparameters were tuned on the rows",
}


def uncharged_paths(
    inputs: Collection[str], *, transform_graph: str | None, preprocessing_fn: Callable[..., Any] | None
) -> dict[str, str]:
    """What reaches the model beside the gradients: name to reason.

    Args:
      inputs: the keys of the trainer's input channels that are connected.
      transform_graph: where Transform's output lies, if it is an input.
      preprocessing_fn: the function that Transform ran; without it nothing is known about its analyzers.
    """
    found = {name: why for name, why in _WHY.items() if name in inputs}
    if transform_graph is not None:
        found["schema"] = _WHY["schema"]
        why = _learned_by_transform(transform_graph, preprocessing_fn)
        if why is not None:
            found["transform_graph"] = why
    return found


def entries_for(paths: Mapping[str, str], declared_public: Mapping[str, str], attempt: str) -> list[Entry]:
    """Ledger entries: a declaration where somebody vouches for the path, otherwise a charge without bound."""
    return [
        DeclaredPublic(what=what, why=declared_public[what])
        if what in declared_public
        else non_private_charge(attempt, f"{what}: {why}, and nothing accounts for that")
        for what, why in paths.items()
    ]


def non_private_charge(attempt: str, why: str) -> Charge:
    """A charge that makes epsilon infinite, with the reason that the report will name."""
    return Charge(event=dp_accounting.NonPrivateDpEvent(), attempt=attempt, note=why)


def _learned_by_transform(transform_graph: str, preprocessing_fn: Callable[..., Any] | None) -> str | None:
    if preprocessing_fn is None:
        return "the trainer was not told the preprocessing_fn, so its analyzers are unknown"
    if "custom_config" in inspect.signature(preprocessing_fn).parameters:
        return "the preprocessing_fn depends on a custom_config, so its analyzers are unknown"
    columns = analyzed_columns(preprocessing_fn, transform_graph)
    return f"Transform's analyzers learned from the columns {', '.join(columns)}" if columns else None


def analyzed_columns(preprocessing_fn: Callable[..., Any], transform_graph: str) -> list[str]:
    """The raw columns that a preprocessing_fn learns from in a full pass; empty for constants only."""
    features = tft.TFTransformOutput(transform_graph).raw_feature_spec()

    @tf.function
    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        return tf.io.parse_example(serialized, features)

    specs = parse.get_concrete_function(tf.TensorSpec([None], tf.string)).structured_outputs
    specs = tf.nest.map_structure(_type_spec, specs, expand_composites=False)
    return sorted(tft.get_analyze_input_columns(preprocessing_fn, specs))


def _type_spec(value: Any) -> tf.TypeSpec:
    return value if isinstance(value, tf.TypeSpec) else tf.type_spec_from_value(value)
