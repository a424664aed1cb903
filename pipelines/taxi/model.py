"""The taxi example's features and model: will the tip be above 20 % of the fare?

What is written in ordinary TFX code is ordinary here. Transform uses public constants where it is customary
to learn vocabularies and moments, because what is learned from the rows is not covered by DP-SGD.
"""

from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

import dpcore

LABEL = "big_tipper"

# Public scales: a trip of a few miles, a quarter of an hour, some ten dollars.
_SCALES = {"trip_miles": 3.0, "trip_seconds": 900.0, "fare": 10.0}
_CATEGORIES = {
    "trip_start_hour": 24,
    "trip_start_day": 8,
    "trip_start_month": 13,
    "pickup_community_area": 78,
    "dropoff_community_area": 78,
    "payment_type": 16,
}
_TOKENS, _TOKEN_BUCKETS = 32, 4096


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Raw columns to features, by constants only: no analyzer looks at the rows."""
    fare = _dense(inputs["fare"], 0.0)
    features = {
        name: tf.math.log1p(tf.maximum(_dense(inputs[name], 0.0), 0.0) / scale)
        for name, scale in _SCALES.items()
    }
    for name, size in _CATEGORIES.items():
        if name == "payment_type":
            features[name] = tft.hash_strings(_dense(inputs[name], ""), size)
        else:
            code = tf.cast(_dense(inputs[name], 0), tf.int64)
            features[name] = tf.clip_by_value(code, 0, size - 1)
    features["receipt"] = _token_ids(_dense(inputs["receipt"], ""))
    features[LABEL] = tf.cast(_dense(inputs["tips"], 0.0) > 0.2 * fare, tf.int64)
    return features


def run_fn(fn_args: Any) -> None:
    """Trains the model, privately if ``custom_config["privacy"]`` says how, and exports it."""
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    train = _read(fn_args.train_files, transform)
    evaluation = _read(fn_args.eval_files, transform)
    privacy = fn_args.custom_config["privacy"]
    model = build_model()
    trained = model if privacy is None else dpcore.PrivateModel(model, privacy)
    trained.compile(
        keras.optimizers.Adam(fn_args.custom_config["learning_rate"]),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    trained.fit(
        *train,
        epochs=fn_args.custom_config["epochs"],
        validation_data=evaluation,
        verbose=2,
        **({} if privacy else {"batch_size": fn_args.custom_config["batch_size"]}),
    )
    _export(model, transform, fn_args.serving_model_dir)


def build_model() -> keras.Model:
    """A small classifier over trip features and the words of the receipt."""
    numbers = [keras.Input([1], name=name) for name in _SCALES]
    codes = [keras.Input([1], name=name, dtype="int64") for name in _CATEGORIES]
    words = keras.Input([_TOKENS], name="receipt", dtype="int64")
    mean_word = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(_TOKEN_BUCKETS, 8)(words))
    parts = [
        *numbers,
        *(keras.layers.Flatten()(keras.layers.Embedding(_CATEGORIES[c.name], 4)(c)) for c in codes),
        keras.layers.Rescaling(4.0)(mean_word),
    ]
    hidden = keras.layers.Dense(32, activation="relu")(keras.layers.Concatenate()(parts))
    output = keras.layers.Dense(1, activation="sigmoid")(hidden)
    return keras.Model([*numbers, *codes, words], output, name="big_tipper")


def _dense(column: tf.SparseTensor | tf.Tensor, default: Any) -> tf.Tensor:
    """A column with one value per row, ``[batch, 1]``; missing values become ``default``."""
    if not isinstance(column, tf.SparseTensor):
        return column
    filled = tf.SparseTensor(column.indices, column.values, [column.dense_shape[0], 1])
    return tf.ensure_shape(tf.sparse.to_dense(filled, default), [None, 1])


def _token_ids(texts: tf.Tensor) -> tf.Tensor:
    """``[batch, 1]`` texts to ``[batch, _TOKENS]`` hashed words: cut, or padded with 0."""
    words = tf.strings.split(tf.strings.regex_replace(tf.strings.lower(texts[:, 0]), r"[^a-z0-9]+", " "))
    ids = tf.strings.to_hash_bucket_fast(words.values, _TOKEN_BUCKETS - 1) + 1
    ids = words.with_values(ids).to_tensor(0, shape=[None, _TOKENS])
    return tf.ensure_shape(ids, [None, _TOKENS])


def _read(files: list[str], transform: tft.TFTransformOutput) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """All examples of a split: features by name, and labels ``[rows, 1]``."""
    names = tf.io.gfile.glob(files)
    records = tf.data.TFRecordDataset(names, compression_type="GZIP").batch(1 << 20)
    spec = transform.transformed_feature_spec()
    features = tf.io.parse_example(next(iter(records)), spec)
    return features, features.pop(LABEL)


def _export(model: keras.Model, transform: tft.TFTransformOutput, directory: str) -> None:
    """Writes a SavedModel whose signatures take serialised raw examples."""
    with_label = transform.raw_feature_spec()
    without_label = {name: spec for name, spec in with_label.items() if name != "tips"}
    layer = transform.transform_features_layer()

    def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = layer(tf.io.parse_example(examples, without_label))
        return {"probability": model({i.name: features[i.name] for i in model.inputs}, training=False)}

    def transform_features(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return layer(tf.io.parse_example(examples, with_label))

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive._tf_trackable.transform = layer
    signature = [tf.TensorSpec([None], tf.string, name="examples")]
    archive.add_endpoint("serving_default", serving_default, input_signature=signature)
    archive.add_endpoint("transform_features", transform_features, input_signature=signature)
    archive.write_out(directory, verbose=False)
