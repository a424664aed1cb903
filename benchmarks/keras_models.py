"""The workloads as an ordinary Keras user would write them."""

from typing import Any

import keras
from keras import layers

from workloads import Workload


def build_model(workload: Workload) -> keras.Model:
    """A new model; it returns logits."""
    return {"cnn": _cnn, "mlp": _mlp, "lstm": _lstm, "transformer": _transformer}[workload.model](workload)


def _cnn(workload: Workload) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(workload.features),
            layers.Conv2D(16, 8, strides=2, padding="same", activation="relu"),
            layers.MaxPooling2D(2, strides=1),
            layers.Conv2D(32, 4, strides=2, activation="relu"),
            layers.MaxPooling2D(2, strides=1),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(workload.classes),
        ]
    )


def _mlp(workload: Workload) -> keras.Model:
    hidden = [layers.Dense(workload.width, activation="relu") for _ in range(workload.depth)]
    return keras.Sequential([keras.Input(workload.features), *hidden, layers.Dense(workload.classes)])


def _lstm(workload: Workload) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((workload.length,), dtype="int32"),
            layers.Embedding(workload.classes, 64),
            *[layers.LSTM(workload.width, return_sequences=True) for _ in range(workload.depth)],
            layers.Dense(workload.classes),
        ]
    )


class TokensAndPositions(layers.Layer):
    """Embeds tokens, and adds an embedding of where they stand."""

    def __init__(self, length: int, vocabulary: int, width: int) -> None:
        super().__init__()
        self.tokens = layers.Embedding(vocabulary, width)
        self.positions = layers.Embedding(length, width)

    def call(self, inputs: Any) -> Any:
        return self.tokens(inputs) + self.positions(keras.ops.arange(inputs.shape[1]))


def _transformer(workload: Workload) -> keras.Model:
    width, heads = workload.width, 4
    inputs = keras.Input((workload.length,), dtype="int32")
    x = TokensAndPositions(workload.length, workload.classes, width)(inputs)
    for _ in range(workload.depth):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(heads, width // heads)(x, x))
        hidden = layers.Dense(4 * width, activation="relu")(x)
        x = layers.LayerNormalization()(x + layers.Dense(width)(hidden))
    return keras.Model(inputs, layers.Dense(workload.classes)(x))
