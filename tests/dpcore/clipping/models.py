"""Small models whose clipped sums are compared with a loop, and the loop."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

EXAMPLES = 7


def _dense():
    return [layers.Input((5,)), layers.Rescaling(0.5), layers.Dense(4), layers.LeakyReLU(), layers.Dense(3)]


def _normalised():
    return [
        layers.Input((6,)),
        layers.Dense(8, activation="gelu"),
        layers.LayerNormalization(),
        layers.Activation("tanh"),
        layers.Dense(3),
        layers.Softmax(),
    ]


def _conv1d():
    x = inputs = layers.Input((12, 3))
    x = layers.Conv1D(4, 3, padding="causal", dilation_rate=2)(x)
    x = layers.ReLU()(x)
    x = layers.AveragePooling1D(2, padding="same")(x)
    x = layers.MaxPooling1D()(x)
    x = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)])
    return inputs, layers.Dense(2)(x)


def _conv2d():
    x = inputs = layers.Input((9, 9, 2))
    x = layers.Conv2D(4, 3, groups=2)(x)
    x = layers.GroupNormalization(2)(x)
    x = layers.MaxPooling2D(padding="same")(x)
    x = layers.Conv2D(4, 2, padding="same", strides=2, use_bias=False)(x)
    flat = layers.Flatten()(layers.AveragePooling2D(2)(x))
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x), flat])
    return inputs, layers.Dense(2)(x)


def _embedding(mask_zero=False):
    tokens = layers.Input((6,), dtype="int32")
    x = layers.Embedding(11, 4, mask_zero=mask_zero)(tokens)
    pooled = layers.GlobalAveragePooling1D()(x)
    flat = layers.Reshape((24,))(x)
    return tokens, layers.Dense(3)(layers.Concatenate()([pooled, flat]))


def _branches():
    inputs = {"a": layers.Input((4,), name="a"), "b": layers.Input((4,), name="b")}
    shared = keras.Sequential([layers.Input((4,)), layers.Dense(4, activation="tanh")])
    a, b = shared(inputs["a"]), shared(inputs["b"])
    joined = layers.Concatenate()([layers.Add()([a, b]), layers.Average()([a, b]), layers.Multiply()([a, b])])
    return inputs, layers.Dense(2)(joined)


def _recurrent(layer):
    return [layers.Input((5, 3)), layer, layers.Dense(2)]


def _attention():
    x = inputs = layers.Input((5, 4))
    x = layers.Add()([x, layers.MultiHeadAttention(2, 3)(x, x)])
    return inputs, layers.Dense(2)(layers.Flatten()(layers.LayerNormalization()(x)))


def _frozen_batch_normalization():
    norm = layers.BatchNormalization(trainable=False)
    return [layers.Input((5,)), norm, layers.Dense(3)]


class Custom(layers.Layer):
    """A layer that nobody has proven anything about."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * self.scale


# Each is vectorised, and together they hold every layer that is listed as proven.
VECTORIZED = {
    "dense": _dense,
    "normalised": _normalised,
    "conv1d": _conv1d,
    "conv2d": _conv2d,
    "embedding": _embedding,
    "branches": _branches,
}

# Each is taken one example at a time.
SEQUENTIAL = {
    "lstm": lambda: _recurrent(layers.LSTM(3)),
    "gru": lambda: _recurrent(layers.GRU(3)),
    "simple_rnn": lambda: _recurrent(layers.SimpleRNN(3)),
    "attention": _attention,
    "dropout": lambda: [layers.Input((5,)), layers.Dense(4), layers.Dropout(0.0), layers.Dense(2)],
    "frozen_batch_normalization": _frozen_batch_normalization,
    "masked_embedding": lambda: _embedding(mask_zero=True),
    "custom": lambda: [layers.Input((5,)), layers.Dense(4), Custom(), layers.Dense(2)],
}


def build(name):
    """A fresh model, the same every time."""
    keras.utils.set_random_seed(1)
    parts = (VECTORIZED | SEQUENTIAL)[name]()
    return keras.Sequential(parts) if isinstance(parts, list) else keras.Model(*parts)


def data(model, examples=EXAMPLES, seed=0):
    """Random inputs and regression targets of the model's shapes, with gradients of different norms."""
    rng = np.random.default_rng(seed)

    def array(spec):
        if spec.dtype == "int32":
            return rng.integers(0, 11, (examples, *spec.shape[1:]), dtype=np.int32)
        return rng.normal(size=(examples, *spec.shape[1:])).astype(np.float32)

    y = rng.normal(size=(examples, *model.output_shape[1:])) * np.geomspace(0.2, 4, examples)[:, None]
    inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    return tf.nest.map_structure(array, inputs), y.astype(np.float32)


def rows(nest, selection):
    """The selected examples of a nest of arrays."""
    return tf.nest.map_structure(lambda array: array[selection], nest)


def gradients_in_a_loop(model, loss, x, y, weights=None):
    """The gradient of every example, flattened: ``[examples, parameters]``."""
    count = len(tf.nest.flatten(y)[0])
    weights = np.ones(count, np.float32) if weights is None else weights
    result = []
    for i in range(count):
        one = slice(i, i + 1)
        with tf.GradientTape() as tape:
            outputs = model(rows(x, one), training=True)
            value = loss(rows(y, one), outputs) * weights[i]
        found = tape.gradient(
            value,
            [variable.value for variable in model.trainable_variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        result.append(flat([tf.convert_to_tensor(part) for part in found]))
    return np.array(result)


def clipped_sum(gradients, clip):
    """What the clipped sum must be, in float64."""
    norms = np.linalg.norm(gradients, axis=1, keepdims=True)
    return (gradients * np.minimum(1, clip / np.maximum(norms, 1e-300))).sum(0)


def flat(tensors):
    """All tensors as one vector."""
    return np.concatenate([np.asarray(tensor, np.float64).ravel() for tensor in tensors])
