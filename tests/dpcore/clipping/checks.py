"""Book-keeping against an explicit loop over single examples, for any model."""

import contextlib
import math

import keras
import numpy as np
import tensorflow as tf

from dpcore.clipping import book_keeping
from tests.dpcore.clipping.models import clipped_sum, flat, rows

EXAMPLES = 4
PRECISION = {"float32": 1e-5, "float64": 1e-9}


@contextlib.contextmanager
def precision(dtype):
    """Everything inside is computed in ``dtype``."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


def model_of(make, *shapes, dtype=None):
    """A functional model with random weights: ``make`` gets an input of every shape."""
    inputs = [keras.Input(shape, dtype=dtype or keras.config.floatx()) for shape in shapes]
    model = keras.Model(inputs, make(*inputs))
    randomize(model)
    return model


def randomize(model, seed=0):
    """No weight is left at zero or one, where mistakes do not show."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0.2, 0.5, variable.shape))


def inputs_of(model, examples=EXAMPLES, seed=0, ids=8):
    """Random inputs of the model's shapes; an unknown size is 5."""
    rng = np.random.default_rng(seed)

    def array(tensor):
        shape = (examples, *(5 if size is None else size for size in tensor.shape[1:]))
        if tensor.dtype.startswith("int"):
            return tf.constant(rng.integers(0, ids, shape), tensor.dtype)
        return tf.constant(rng.normal(size=shape), tensor.dtype)

    one = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    return tf.nest.map_structure(array, one)


def example_losses(y, outputs, weights):
    """A loss that makes every output count differently, and bends."""
    del y
    total = 0.0
    for output in tf.nest.flatten(outputs):
        output = tf.cast(output, tf.float64 if output.dtype == tf.float64 else tf.float32)
        flat_output = tf.reshape(output, [tf.shape(output)[0], -1])
        places = tf.cast(tf.range(tf.shape(flat_output)[1]), output.dtype)
        total += tf.reduce_mean(tf.sin(places + 1) * flat_output + 0.1 * tf.square(flat_output), axis=1)
    while weights.shape.rank > 1:
        weights = tf.reduce_mean(weights, axis=-1)
    return total * tf.cast(weights, total.dtype)


def clipped(model, x, clip, weights=None, losses=example_losses, **options):
    """The clipped sum, flattened, and the norms."""
    function = options.pop("method", book_keeping.clipped_gradients)
    jit = options.pop("jit_compile", False)
    weights = tf.ones([len(tf.nest.flatten(x)[0])]) if weights is None else tf.constant(weights)
    result = tf.function(
        lambda x, w: function(model, losses, x, tf.zeros_like(w), w, l2_norm_clip=clip, **options)[:2],
        jit_compile=jit,
    )(x, weights)
    return flat(result[0]), result[1].numpy()


def in_a_loop(model, x, weights=None, losses=example_losses, training=True):
    """The gradient of every example, flattened: ``[examples, parameters]``."""
    weights = np.ones(len(tf.nest.flatten(x)[0]), "f") if weights is None else np.asarray(weights)
    values = [variable.value for variable in model.trainable_variables]

    @tf.function
    def gradient(x, w):
        with tf.GradientTape() as tape:
            loss = losses(tf.zeros_like(w), model(x, training=training), w)
        return tape.gradient(loss, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return np.array(
        [
            flat(
                [
                    tf.convert_to_tensor(g)
                    for g in gradient(rows(x, slice(i, i + 1)), tf.constant(weights[i : i + 1]))
                ]
            )
            for i in range(len(weights))
        ]
    )


def check(model, x=None, rtol=None, **options):
    """The clipped sum and the norms are those of the loop, where half of the examples are clipped."""
    x = inputs_of(model) if x is None else x
    rtol = rtol or PRECISION[keras.config.floatx()]
    expected = in_a_loop(
        model,
        x,
        *(options[name] for name in ("weights",) if name in options),
        **{name: options[name] for name in ("losses", "training") if name in options},
    )
    norms = np.linalg.norm(expected, axis=1)
    clip = float(np.median(norms))
    assert np.isfinite(norms).all()
    assert (norms < clip).any(), "nothing is left alone"
    assert (norms > clip).any(), "nothing is clipped"
    total, found = clipped(model, x, clip, **options)
    np.testing.assert_allclose(found, norms, rtol=rtol)
    wanted = clipped_sum(expected, clip)
    first = 0
    for variable in model.trainable_variables:
        part = slice(first, first := first + math.prod(variable.shape))
        error, size = (np.linalg.norm(v) for v in (total[part] - wanted[part], wanted[part]))
        assert error <= rtol * max(size, 1e-2 * clip), f"{variable.path}: {error}"
