"""The loss of an exported model on serialised examples. Knows SavedModels and Transform's graph, not TFX."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_transform as tft

from components.documents import DocumentError

Floats = npt.NDArray[np.float64]
_BATCH = 512


def read_records(paths: Sequence[str]) -> Iterable[bytes]:
    """The records of gzipped TFRecord files, one after the other."""
    return tf.data.TFRecordDataset(list(paths), compression_type="GZIP").as_numpy_iterator()


def sample(records: Iterable[bytes], limit: int, rng: np.random.Generator) -> list[bytes]:
    """At most ``limit`` records, each equally likely, in random order; holds no more than these in memory."""
    kept: list[bytes] = []
    for place, record in enumerate(records):
        if place < limit:
            kept.append(record)
        elif (chosen := int(rng.integers(place + 1))) < limit:
            kept[chosen] = record
    return [kept[i] for i in rng.permutation(len(kept))]


def raw_labels(records: Sequence[bytes], label_key: str) -> Floats:
    """[records] the label as it stands in each example.

    Raises:
      DocumentError: an example has no number under ``label_key``.
    """
    labels = np.empty(len(records))
    for place, record in enumerate(records):
        feature = tf.train.Example.FromString(record).features.feature.get(label_key)
        values = (*feature.int64_list.value, *feature.float_list.value) if feature is not None else ()
        if len(values) != 1:
            raise DocumentError(
                f"label_key={label_key!r} must name one number in every example; got {len(values)} in one. "
                "If Transform makes the label, connect transform_graph."
            )
        labels[place] = values[0]
    return labels


def transformed_labels(records: Sequence[bytes], label_key: str, transform_output: str) -> Floats:
    """[records] the label as Transform makes it from each raw example.

    Raises:
      DocumentError: Transform makes no feature ``label_key``, or not one number per example.
    """
    output = tft.TFTransformOutput(transform_output)
    made = output.transformed_feature_spec()
    if label_key not in made:
        raise DocumentError(
            f"label_key={label_key!r} must name a transformed feature; got {', '.join(sorted(made))}."
        )
    layer = output.transform_features_layer()
    specification = output.raw_feature_spec()

    @tf.function
    def label(serialized: tf.Tensor) -> tf.Tensor:
        value = layer(tf.io.parse_example(serialized, specification))[label_key]
        dense = tf.sparse.to_dense(value) if isinstance(value, tf.SparseTensor) else value
        return tf.cast(tf.reshape(dense, [-1]), tf.float64)

    labels = [label(tf.constant(batch)).numpy() for batch in _batches(records)]
    found = np.concatenate(labels) if labels else np.empty(0)
    if found.size != len(records):
        raise DocumentError(
            f"label_key={label_key!r} must give one number per example; got {found.size} for {len(records)}."
        )
    return found


@dataclass(frozen=True)
class ScoredModel:
    """A model that can be asked for its loss on single examples.

    Attributes:
      signature: takes serialised tf.Examples, [batch], and returns one output.
      argument: the name of the signature's argument.
      loss: a Keras loss function: labels and outputs, [batch, ...], to [batch].
      threshold: above it, a single score means "yes".
      model: what the signature belongs to; it works only as long as this lives.
    """

    signature: Callable[..., dict[str, tf.Tensor]]
    argument: str
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    threshold: float
    model: Any = field(repr=False)

    def losses(self, records: Sequence[bytes], labels: Floats) -> Floats:
        """[records] the loss on each serialised example, given its label."""
        if not records:
            return np.empty(0)
        outputs = self._outputs(records)
        # A class index per row where there are several outputs, otherwise a number beside each output.
        truth = labels if outputs.shape[1] > 1 else labels[:, None]
        return np.asarray(self.loss(tf.constant(truth, outputs.dtype), outputs), np.float64).reshape(-1)

    def accuracy(self, records: Sequence[bytes], labels: Floats) -> float:
        """The share of examples that a classifier gets right: one score against a threshold, or several."""
        outputs = self._outputs(records).numpy()
        decided = outputs.argmax(1) if outputs.shape[1] > 1 else outputs[:, 0] > self.threshold
        return float(np.mean(decided == labels))

    def _outputs(self, records: Sequence[bytes]) -> tf.Tensor:
        found = []
        for batch in _batches(records):
            (predictions,) = self.signature(**{self.argument: tf.constant(batch)}).values()
            found.append(tf.reshape(predictions, [len(batch), -1]))
        return tf.concat(found, 0)


def load_model(model: str, *, signature_name: str, loss: str, from_logits: bool = False) -> ScoredModel:
    """Loads an exported model for scoring.

    Args:
      model: folder of a SavedModel.
      signature_name: of a signature that takes serialised tf.Examples.
      loss: name of a Keras loss function, such as ``binary_crossentropy``.
      from_logits: whether the model returns logits where the loss would expect probabilities.

    Raises:
      DocumentError: there is no such signature, it takes or returns more than one tensor, or there is no
        such loss.
    """
    loaded = tf.saved_model.load(model)
    if signature_name not in loaded.signatures:
        names = ", ".join(sorted(loaded.signatures)) or "none"
        raise DocumentError(f"signature_name={signature_name!r}: no such signature; the model has {names}.")
    signature = loaded.signatures[signature_name]
    arguments = list(signature.structured_input_signature[1])
    if len(arguments) != 1 or len(signature.structured_outputs) != 1:
        raise DocumentError(
            f"signature_name={signature_name!r} must take one tensor and return one; got "
            f"{len(arguments)} and {len(signature.structured_outputs)}."
        )
    return ScoredModel(
        signature=signature,
        argument=arguments[0],
        loss=loss_function(loss, from_logits=from_logits),
        threshold=0.0 if from_logits else 0.5,
        model=loaded,
    )


def loss_function(name: str, *, from_logits: bool = False) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The Keras loss function of that name; raises DocumentError where there is none."""
    try:
        function = keras.losses.get(name)
    except ValueError:
        function = None
    if function is None or isinstance(function, keras.losses.Loss):
        raise DocumentError(
            f"loss must name a Keras loss function, such as binary_crossentropy; got {name!r}."
        )
    return partial(function, from_logits=True) if from_logits else cast(Callable[..., tf.Tensor], function)


def model_digest(model: str) -> str:
    """SHA-256 over the names and contents of all files in a model's folder."""
    digest = hashlib.sha256()
    paths = [f"{folder}/{name}" for folder, _, names in tf.io.gfile.walk(model) for name in names]
    for path in sorted(paths):
        with tf.io.gfile.GFile(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
        digest.update(f"{path.removeprefix(model).lstrip('/')}\0{content}\n".encode())
    return digest.hexdigest()


def _batches(records: Sequence[bytes]) -> Iterable[list[bytes]]:
    return (list(records[start : start + _BATCH]) for start in range(0, len(records), _BATCH))
