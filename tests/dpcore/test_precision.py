"""TensorFloat-32 is off where examples are clipped. The switch is there without a GPU too."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dpcore import DpSgdConfig, PrivateModel
from dpcore.clipping import clipped_gradient_sum
from dpcore.precision import full_float32

is_on = tf.config.experimental.tensor_float_32_execution_enabled


class Look(layers.Layer):
    """Notes how the switch stands whenever the layer runs."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, x):
        return tf.ensure_shape(tf.py_function(self.look, [x], x.dtype), x.shape) + 0 * x

    def look(self, x):
        self.seen.append(is_on())
        return x


@pytest.mark.parametrize("before", [True, False])
def test_the_switch_is_off_inside_and_as_it_was_behind_also_after_an_error(before):
    tf.config.experimental.enable_tensor_float_32_execution(before)
    try:
        with full_float32():
            assert not is_on()
        assert is_on() == before
        with pytest.raises(ZeroDivisionError), full_float32():
            raise ZeroDivisionError
        assert is_on() == before
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)


def test_it_is_off_while_a_sum_is_clipped():
    look = Look()
    model = keras.Sequential([layers.Input((2,)), look, layers.Dense(1)])
    clipped_gradient_sum(model, "mse", np.ones((3, 2), "f"), np.ones((3, 1), "f"), l2_norm_clip=1.0)
    assert look.seen
    assert not any(look.seen)
    assert is_on()


def test_it_is_off_in_a_fit():
    look = Look()
    model = keras.Sequential([layers.Input((2,)), look, layers.Dense(1)])
    private = PrivateModel(model, DpSgdConfig(l2_norm_clip=1.0, expected_batch_size=4, noise_multiplier=1.0))
    private.compile("sgd", "mse", jit_compile=False)
    private.fit(np.ones((8, 2), "f"), np.ones((8, 1), "f"), verbose=0)
    assert len(look.seen) > 2
    assert not any(look.seen)
    assert is_on()
