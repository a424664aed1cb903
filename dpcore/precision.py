"""The arithmetic that a clip needs, where the hardware offers less."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Products of float32 matrices and convolutions are not rounded to TensorFloat-32 inside.

    TensorFlow rounds their factors to 10 bits on GPUs that can (NVIDIA Ampere and later), unless told not
    to. Then the norm of an example's gradient and what the example adds to the sum, which are computed in
    different ways, differ by more than a clip allows: most where terms cancel out over time. Holds for the
    whole process, and for functions that XLA compiles inside. To train faster use a half precision policy.
    """
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
