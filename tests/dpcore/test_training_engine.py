"""What PrivateModel makes of the clipped sums: against ordinary training, and in other precisions."""

import keras
import numpy as np
import pytest
from keras import layers

from dpcore import DpSgdConfig, PrivateModel
from dpcore.optimizers import loss_scale
from tests.dpcore.clipping import models

EXAMPLES = 24
RNG = np.random.default_rng(0)
X = RNG.normal(size=(EXAMPLES, 6)).astype(np.float32)
Y = X[:, :1] - X[:, 1:2]


def perceptron(dtype="float32", dropout=0.0):
    keras.utils.set_random_seed(1)
    hidden = [layers.Dense(8, "tanh", dtype=dtype), layers.Dropout(dropout), layers.Dense(1, dtype=dtype)]
    return keras.Sequential([layers.Input((6,)), *hidden])


def fitted(model, loss="mse", optimizer=None, seed=3, epochs=3, x=X, y=Y, compiled=None, **config):
    config = {"l2_norm_clip": 1.0, "expected_batch_size": 8, "noise_multiplier": 0.5} | config
    private = PrivateModel(model, DpSgdConfig(**config), seed=seed)
    private.compile(optimizer or keras.optimizers.SGD(0.1), loss, **(compiled or {}))
    private.history = private.fit(x, y, epochs=epochs, verbose=0)
    return private


def test_without_clip_and_noise_it_is_ordinary_gradient_descent():
    model, ordinary = perceptron(), perceptron()
    ordinary.compile(keras.optimizers.SGD(0.1), "mse")
    ordinary.fit(X, Y, batch_size=EXAMPLES, epochs=5, verbose=0)
    # Every example is in every batch.
    fitted(model, l2_norm_clip=1e9, noise_multiplier=0, expected_batch_size=EXAMPLES, epochs=5)
    np.testing.assert_allclose(models.flat(model.weights), models.flat(ordinary.weights), atol=1e-6)


def test_a_run_with_a_seed_is_repeated_bit_for_bit():
    runs = [models.flat(fitted(perceptron(dropout=0.5), seed=seed).inner.weights) for seed in (5, 5, 6)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


def test_batches_of_all_sizes_are_trained_by_what_was_traced_for_the_first():
    traces = []

    def loss(y_true, y_pred):
        traces.append(y_pred.shape)
        return keras.losses.mean_squared_error(y_true, y_pred)

    private = PrivateModel(
        perceptron(), DpSgdConfig(l2_norm_clip=1.0, expected_batch_size=8, noise_multiplier=0.5), seed=1
    )
    private.compile("sgd", loss)
    private.fit(X, Y, epochs=1, steps_per_epoch=1, verbose=0)
    before = len(traces)
    private.fit(X, Y, epochs=3, verbose=0)
    assert len(traces) == before


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains_as_float32_within_its_rounding(dtype):
    exact = fitted(perceptron(), noise_multiplier=0)
    keras.config.set_dtype_policy(dtype)
    try:
        private = fitted(perceptron(dtype=None), noise_multiplier=0)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(
        models.flat(private.inner.weights), models.flat(exact.inner.weights), atol=2e-2
    )
    assert isinstance(private.optimizer, keras.optimizers.LossScaleOptimizer) == (dtype == "mixed_float16")


def test_the_loss_scale_is_a_constant_and_its_inverse_is_taken():
    exact = fitted(perceptron(), noise_multiplier=0)
    for optimizer in (
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), dynamic_growth_steps=1),
        keras.optimizers.SGD(0.1, loss_scale_factor=64.0),
    ):
        private = fitted(perceptron(), optimizer=optimizer, noise_multiplier=0)
        np.testing.assert_allclose(
            models.flat(private.inner.weights), models.flat(exact.inner.weights), atol=1e-6
        )
        assert loss_scale(private.optimizer, expected_batch_size=8) in (2.0**15 / 8, 64.0 / 8)


def test_the_losses_of_several_outputs_add_up_and_do_not_see_the_padding():
    inputs = layers.Input((6,))
    outputs = {name: layers.Dense(1, name=name)(inputs) for name in ("a", "b")}
    private = fitted(
        keras.Model(inputs, outputs),
        loss={"a": "mse", "b": "mae"},
        optimizer=keras.optimizers.SGD(0.0),
        y={"a": Y, "b": Y},
        compiled={"loss_weights": {"a": 1.0, "b": 3.0}},
        expected_batch_size=EXAMPLES - 1,
        epochs=1,
    )
    logs = {name: values[0] for name, values in private.history.history.items()}
    assert logs["loss"] == pytest.approx(logs["a_loss"] + 3 * logs["b_loss"], rel=1e-5)
    whole = private.evaluate(X, {"a": Y, "b": Y}, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(whole["loss"], rel=0.1)
