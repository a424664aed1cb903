"""What reaches a model beside the gradients is found."""

import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from components.dp_trainer.uncharged import analyzed_columns, uncharged_paths


def constants_only(inputs):
    return {"x": inputs["x"] / 10.0}


def learns_a_moment(inputs):
    return {"x": tft.scale_to_z_score(inputs["x"]), "word": tft.hash_strings(inputs["word"], 8)}


def learns_a_vocabulary(inputs):
    return {"word": tft.compute_and_apply_vocabulary(inputs["word"])}


def configured(inputs, custom_config):
    return constants_only(inputs)


@pytest.fixture(scope="module")
def transform_graph(tmp_path_factory):
    """A real TransformGraph; which function made it does not matter here, its raw schema does."""
    directory = tmp_path_factory.mktemp("transform")
    features = {"x": tf.io.FixedLenFeature([1], tf.float32), "word": tf.io.VarLenFeature(tf.string)}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(features))
    rows = [{"x": [1.0], "word": ["a"]}, {"x": [2.0], "word": []}]
    with tft_beam.Context(temp_dir=str(directory / "tmp")):
        (_, fn) = (rows, metadata) | tft_beam.AnalyzeAndTransformDataset(constants_only)
        _ = fn | tft_beam.WriteTransformFn(str(directory / "graph"))
    output = tft.TFTransformOutput(str(directory / "graph"))
    schema_utils_dir = str(directory / "graph" / tft.TFTransformOutput.RAW_METADATA_DIR)
    if not tf.io.gfile.exists(schema_utils_dir):
        from tensorflow_transform.tf_metadata import metadata_io

        metadata_io.write_metadata(metadata, schema_utils_dir)
    assert set(output.raw_feature_spec()) == set(features)
    return str(directory / "graph")


@pytest.mark.parametrize(
    ("preprocessing_fn", "columns"),
    [(constants_only, []), (learns_a_moment, ["x"]), (learns_a_vocabulary, ["word"])],
)
def test_analyzers_are_found(transform_graph, preprocessing_fn, columns):
    assert analyzed_columns(preprocessing_fn, transform_graph) == columns
    found = uncharged_paths([], transform_graph=transform_graph, preprocessing_fn=preprocessing_fn)
    assert ("transform_graph" in found) == bool(columns)
    assert "schema" in found


@pytest.mark.parametrize("preprocessing_fn", [None, configured])
def test_what_cannot_be_looked_into_counts_as_learned(transform_graph, preprocessing_fn):
    found = uncharged_paths([], transform_graph=transform_graph, preprocessing_fn=preprocessing_fn)
    assert "unknown" in found["transform_graph"]


def test_other_inputs_are_named():
    found = uncharged_paths(
        ["examples", "base_model", "hyperparameters", "statistics", "schema"],
        transform_graph=None,
        preprocessing_fn=None,
    )
    assert sorted(found) == ["base_model", "hyperparameters", "schema", "statistics"]
