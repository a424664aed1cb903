"""Recurrent layers against Keras' own: the same outputs, and the gradients of a loop over examples."""

import itertools
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dpcore.clipping.book_keeping import clipped_gradients
from tests.dpcore.clipping.models import clipped_sum, flat, gradients_in_a_loop

EXAMPLES, TIME = 4, 3
CELLS = {
    "lstm": partial(layers.LSTM, 3),
    "gru": partial(layers.GRU, 3),
    "gru_reset_before": partial(layers.GRU, 3, reset_after=False),
    "simple_rnn": partial(layers.SimpleRNN, 3),
}


def _sequential(*parts, time=TIME):
    return keras.Sequential([layers.Input((time, 2)), *parts, layers.Dense(2)])


def _masked(cell):
    gates = {} if cell.func is layers.SimpleRNN else {"recurrent_activation": "hard_sigmoid"}
    backwards = cell(activation="softplus", return_sequences=True, go_backwards=True, use_bias=False, **gates)
    zeros = cell(return_sequences=True)
    zeros.zero_output_for_mask = True
    return _sequential(layers.Masking(), backwards, zeros)


def _states(cell):
    """Masked first steps show the initial state; gradients flow into it and out of the last."""
    x = inputs = layers.Input((TIME, 2))
    first = layers.Dense(2)(layers.Flatten()(inputs))
    states = [layers.Dense(3, activation="tanh")(first) for _ in range(len(cell().cell.get_initial_state(1)))]
    sequences, *last = cell(return_sequences=True, return_state=True)(
        layers.Masking()(x), initial_state=states
    )
    output, *_ = cell(return_state=True, unroll=True)(sequences, initial_state=last)
    return keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([output, *last])))


def _shared(cell):
    a, b = layers.Input((None, 2)), layers.Input((None, 2))
    shared = cell()
    joined = layers.Concatenate()([shared(layers.Masking()(a)), shared(b)])
    return keras.Model([a, b], layers.Dense(2)(joined))


def _bidirectional(cell):
    return _sequential(layers.Masking(), layers.Bidirectional(cell(return_sequences=True)))


MODELS = {
    "masked": _masked,
    "states": _states,
    "shared": _shared,
    "bidirectional": _bidirectional,
}
SAME_FOR_EVERY_CELL = set(itertools.product(["shared", "bidirectional"], ["gru_reset_before", "simple_rnn"]))
DROPOUT = {"dropout": 0.4}
# Keras' implementation 1, with a mask for each gate.
BY_GATE = {"dropout": 0.4, "recurrent_dropout": 0.4}


@pytest.fixture
def float64():
    for dtype in ("float64", "float32"):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        if dtype == "float64":
            yield


def _losses(y, outputs, weights):
    outputs = tf.cast(outputs, y.dtype)
    return tf.reduce_sum((outputs - y) ** 2, axis=list(range(1, y.shape.rank))) * weights


def _data(model, dtype="float64"):
    """Examples with gradients of different norms, some of whose steps are masked."""
    rng = np.random.default_rng(0)

    def sequences():
        x = rng.normal(size=(EXAMPLES, TIME, 2))
        x[1, :2], x[2, -1], x[3, [0, 2]] = 0, 0, 0
        return tf.constant(x, dtype)

    x = [sequences() for _ in model.inputs]
    x = x[0] if len(x) == 1 else x
    y = rng.normal(size=model(x).shape) * np.geomspace(0.2, 4, EXAMPLES).reshape(
        [-1] + [1] * (len(model.output_shape) - 1)
    )
    return x, tf.constant(y, dtype)


def _compared(model, x, y, expected, rtol, jit_compile=False):
    """Clips about half of the examples and holds norms and sum against those that are expected."""
    norms = np.linalg.norm(expected, axis=1)
    clip = float(np.median(norms))
    weights = tf.ones([EXAMPLES], y.dtype)

    @tf.function(jit_compile=jit_compile)
    def clipped(x, y):
        return clipped_gradients(model, _losses, x, y, weights, l2_norm_clip=clip)

    result = clipped(x, y)
    np.testing.assert_allclose(result.norms, norms, rtol=rtol)
    total = clipped_sum(expected, clip)
    assert np.linalg.norm(flat(result.sum) - total) <= rtol * np.linalg.norm(total)
    return result


def _one(y, outputs):
    return _losses(y, outputs, tf.ones([1], y.dtype))


@pytest.mark.parametrize(
    ("name", "cell"), [case for case in itertools.product(MODELS, CELLS) if case not in SAME_FOR_EVERY_CELL]
)
def test_gradients_are_those_of_a_loop(name, cell, float64):
    keras.utils.set_random_seed(1)
    model = MODELS[name](CELLS[cell])
    x, y = _data(model)
    result = _compared(model, x, y, gradients_in_a_loop(model, _one, x, y), 1e-9)
    np.testing.assert_allclose(result.outputs, model(x), rtol=1e-9)


@pytest.mark.parametrize(
    ("cell", "jit_compile"), [("lstm", False), ("gru_reset_before", False), ("gru", True)]
)
def test_gradients_in_float32(cell, jit_compile):
    keras.utils.set_random_seed(1)
    model = _sequential(CELLS[cell](return_sequences=True), CELLS[cell]())
    x, y = _data(model, "float32")
    _compared(model, x, y, gradients_in_a_loop(model, _one, x, y), 1e-5, jit_compile)


@pytest.mark.parametrize(("cell", "dtype"), [("lstm", "mixed_bfloat16"), ("gru", "mixed_float16")])
def test_gradients_in_half_precision(cell, dtype):
    keras.utils.set_random_seed(1)
    model = _sequential(CELLS[cell](dtype=dtype))
    x, y = _data(model, "float32")
    rtol = 5e-3 if dtype == "mixed_float16" else 5e-2
    result = _compared(model, x, y, gradients_in_a_loop(model, _one, x, y), rtol)
    assert {part.dtype for part in result.sum} == {tf.float32}


@pytest.mark.parametrize(
    ("cell", "options"),
    [*((cell, BY_GATE) for cell in CELLS), ("lstm", DROPOUT), ("gru_reset_before", DROPOUT)],
)
def test_dropout_is_that_of_the_forward_pass(cell, options, float64):
    keras.utils.set_random_seed(1)
    layer = CELLS[cell](**options, seed=3)
    model = _sequential(layer)
    x, y = _data(model)
    state = layer.cell.seed_generator.state
    seed = state.numpy()
    expected = []
    for weights in np.eye(EXAMPLES):
        state.assign(seed)
        with tf.GradientTape() as tape:
            losses = _losses(y, model(x, training=True), weights)
        found = tape.gradient(losses, [variable.value for variable in model.trainable_variables])
        expected.append(flat([tf.convert_to_tensor(part) for part in found]))
    assert not np.allclose(model(x, training=True), model(x))
    state.assign(seed)
    _compared(model, x, y, np.array(expected), 1e-9)


def test_a_frozen_layer_is_passed_through(float64):
    keras.utils.set_random_seed(1)
    frozen = layers.LSTM(3, return_sequences=True, trainable=False)
    model = _sequential(layers.Dense(2), frozen, layers.RNN(layers.GRUCell(3)))
    x, y = _data(model)
    _compared(model, x, y, gradients_in_a_loop(model, _one, x, y), 1e-9)


class Leaky(layers.Layer):
    """A cell that nobody knows."""

    state_size = 3

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3))

    def call(self, inputs, states):
        output = 0.5 * states[0] + inputs @ self.kernel
        return output, [output]


def test_a_cell_of_ones_own_goes_the_general_way(float64):
    keras.utils.set_random_seed(1)
    model = _sequential(layers.RNN(Leaky()))
    x, y = _data(model)
    with pytest.warns(UserWarning, match="has no rule"):
        _compared(model, x, y, gradients_in_a_loop(model, _one, x, y), 1e-9)


def test_the_recorded_call_leaves_the_layer_as_it_was():
    layer = layers.LSTM(3)
    model = _sequential(layer)
    x, y = _data(model, "float32")
    before = set(vars(layer))
    _compared(model, x, y, gradients_in_a_loop(model, _one, x, y), 1e-5)
    assert set(vars(layer)) == before
