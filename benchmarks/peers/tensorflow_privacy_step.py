"""TensorFlow Privacy: the ordinary Keras 2 step, and its three ways to per-example gradients."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from typing import Any

import tensorflow as tf
import tensorflow_privacy as tfp
from tensorflow.keras import Input, Model, layers
from tensorflow_privacy.privacy.fast_gradient_clipping import layer_registry

from timing import ORDINARY, Step, main
from workloads import L2_NORM_CLIP, LEARNING_RATE, NOISE_MULTIPLIER, Workload, workload

XLA = " + XLA"
DP_MODEL, DP_MODEL_FAST = "DPModel", "fast DPModel"
OPTIMIZER, VECTORIZED = "DPKerasSGDOptimizer", "VectorizedDPKerasSGDOptimizer"
OPTIMIZERS = {OPTIMIZER: tfp.DPKerasSGDOptimizer, VECTORIZED: tfp.VectorizedDPKerasSGDOptimizer}


FASTEST = {
    "cnn": [DP_MODEL],
    "mlp": [DP_MODEL_FAST + XLA],
    "lstm": [DP_MODEL, OPTIMIZER],
    "transformer": [DP_MODEL, DP_MODEL + XLA],
}


def modes(spec: str) -> list[str]:
    """The fastest of all, and those of the fast ones that do not know the layers."""
    return [ORDINARY, DP_MODEL_FAST, *FASTEST[workload(spec).model]]


class Positions(layers.Layer):
    """Adds learned positions."""

    def build(self, input_shape: Any) -> None:
        self.positions = self.add_weight(name="positions", shape=input_shape[1:], initializer="uniform")

    def call(self, inputs: Any) -> Any:
        return inputs + self.positions


def network(sizes: Workload) -> tuple[Any, Any]:
    """Inputs and logits."""
    if sizes.model == "cnn":
        return cnn(sizes)
    if sizes.model == "mlp":
        x = inputs = Input(sizes.features)
        for _ in range(sizes.depth):
            x = layers.Dense(sizes.width, activation="relu")(x)
    else:
        inputs = Input((sizes.length,), dtype="int32")
        x = (lstm if sizes.model == "lstm" else transformer)(sizes, inputs)
    return inputs, layers.Dense(sizes.classes)(x)


def cnn(sizes: Workload) -> tuple[Any, Any]:
    inputs = Input(sizes.features)
    x = layers.Conv2D(16, 8, strides=2, padding="same", activation="relu")(inputs)
    x = layers.MaxPool2D(2, strides=1)(x)
    x = layers.Conv2D(32, 4, strides=2, activation="relu")(x)
    x = layers.Flatten()(layers.MaxPool2D(2, strides=1)(x))
    return inputs, layers.Dense(sizes.classes)(layers.Dense(32, activation="relu")(x))


def lstm(sizes: Workload, inputs: Any) -> Any:
    x = layers.Embedding(sizes.classes, 64)(inputs)
    for _ in range(sizes.depth):
        x = layers.LSTM(sizes.width, return_sequences=True)(x)
    return x


def transformer(sizes: Workload, inputs: Any) -> Any:
    width, heads = sizes.width, 4
    x = Positions()(layers.Embedding(sizes.classes, width)(inputs))
    for _ in range(sizes.depth):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(heads, width // heads)(x, x))
        hidden = layers.Dense(4 * width, activation="relu")(x)
        x = layers.LayerNormalization()(x + layers.Dense(width)(hidden))
    return x


class ExampleLoss(tf.keras.losses.Loss):
    """Cross-entropy, one value per example: the mean over its tokens."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true = tf.reshape(tf.cast(y_true, tf.int32), tf.shape(y_pred)[:-1])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y_true, y_pred)
        return tf.reduce_mean(tf.reshape(losses, [tf.shape(losses)[0], -1]), axis=1)


def compiled_model(sizes: Workload, mode: str) -> Model:
    """The model of a workload, compiled."""
    inputs, outputs = network(sizes)
    kind, xla = mode.removesuffix(XLA), mode.endswith(XLA)
    plain = tf.keras.optimizers.SGD(LEARNING_RATE)
    if kind == ORDINARY:
        model = Model(inputs, outputs)
        model.compile(plain, ExampleLoss(), jit_compile=xla)
    elif kind in OPTIMIZERS:
        optimizer = OPTIMIZERS[kind](
            l2_norm_clip=L2_NORM_CLIP,
            noise_multiplier=NOISE_MULTIPLIER,
            num_microbatches=sizes.batch_size,
            learning_rate=LEARNING_RATE,
        )
        model = Model(inputs, outputs)
        model.compile(optimizer, ExampleLoss(reduction="none"), jit_compile=xla)
    else:
        fast = kind == DP_MODEL_FAST
        registry = layer_registry.make_default_layer_registry() if fast else None
        model = tfp.DPModel(
            L2_NORM_CLIP,
            NOISE_MULTIPLIER,
            use_xla=xla,
            layer_registry=registry,
            inputs=inputs,
            outputs=outputs,
        )
        model.compile(plain, ExampleLoss())
        if fast and not model._enable_fast_peg_computation:
            raise NotImplementedError("layers without fast clipping; it would silently be plain DPModel")
    return model


def step(spec: str, mode: str) -> Step:
    """One compiled train step on a batch that is already there."""
    sizes = workload(spec)
    model = compiled_model(sizes, mode)
    x, y = map(tf.constant, sizes.data())
    in_xla = mode.endswith(XLA) and DP_MODEL not in mode  # DPModel compiles a part by itself.
    train = tf.function(lambda: model.train_step((x, y)), jit_compile=in_xla or None)
    return Step(lambda: float(train()["loss"]), sizes.batch_size, model.count_params())


if __name__ == "__main__":
    main(step, modes, versions=f"TensorFlow Privacy {tfp.__version__}, TensorFlow {tf.__version__}")
