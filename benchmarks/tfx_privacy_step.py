"""This project: the step of an ordinary Keras model, and that of ``PrivateModel``."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

import dpcore
from keras_models import build_model
from timing import ORDINARY, PRIVATE, Step, main
from workloads import L2_NORM_CLIP, LEARNING_RATE, NOISE_MULTIPLIER, Workload, workload


def modes(spec: str) -> list[str]:
    """All modes of every workload."""
    del spec
    return [ORDINARY, PRIVATE]


def compiled_model(sizes: Workload, mode: str, jit_compile: bool | str = "auto") -> keras.Model:
    """The model of a workload, compiled."""
    model = build_model(sizes)
    if mode == PRIVATE:
        model = dpcore.PrivateModel(
            model,
            dpcore.DpSgdConfig(
                l2_norm_clip=L2_NORM_CLIP,
                expected_batch_size=sizes.batch_size,
                noise_multiplier=NOISE_MULTIPLIER,
            ),
            seed=0,
        )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(LEARNING_RATE), loss, jit_compile=jit_compile)
    return model


def step(spec: str, mode: str, jit_compile: bool | str = "auto") -> Step:
    """One call of the train function that Keras makes for ``fit``, on a batch that is already there."""
    sizes = workload(spec)
    model = compiled_model(sizes, mode, jit_compile)
    x, y = sizes.data()
    examples = (x, y, np.ones(len(x), "float32")) if mode == PRIVATE else (x, y)
    # As in fit, the number of rows is not known when the step is traced.
    batches = iter(tf.data.Dataset.from_tensor_slices(examples).batch(len(x)).cache().repeat())
    # XLA would compile for the size of this batch too.
    compiled, model.jit_compile = model.jit_compile, False
    model.fit(x, y, batch_size=len(x), steps_per_epoch=1, verbose=0)  # Here PrivateModel makes its checks.
    model.jit_compile = compiled
    # Keras' own function: PrivateModel's charges a ledger, which it does in a fit only. Fits are timed too.
    keras.Model.make_train_function(model, force=True)
    return Step(
        lambda: float(model.train_function(batches)["loss"]),
        sizes.batch_size,
        model.count_params(),
    )


def fit(spec: str, mode: str) -> Step:
    """A whole ``fit`` of one epoch, with all that belongs to it: sampling, padding, charges."""
    sizes = workload(spec)
    model = compiled_model(sizes, mode)
    num_examples = sizes.fit_steps * sizes.batch_size
    x, y = sizes.data(num_examples)
    return Step(
        lambda: model.fit(x, y, batch_size=sizes.batch_size, verbose=0),
        num_examples,
        model.count_params(),
    )


if __name__ == "__main__":
    main(step, modes, versions=f"TensorFlow {tf.__version__}, Keras {keras.__version__}", fit=fit)
