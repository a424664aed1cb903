"""Before training: a few examples are put through the model, to see that their gradients come out right.

Rules are only as good as the layers they were written for. A model may mix its examples in a layer nobody
has heard of, or use a weight outside the layer that owns it. Both show on a handful of examples.
"""

import math
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dpcore.clipping import book_keeping, one_by_one
from dpcore.clipping.book_keeping import ClippedGradients, ExampleLosses
from dpcore.clipping.rules.registry import replaced
from dpcore.errors import NotPrivateError

Method = Callable[..., ClippedGradients]

# The example that is looked at is not the first, the last or the middle one, where a sum over the examples
# before, over those after, or another order of them would not show.
_EXAMPLES = 5
_LOOKED_AT = 1
_NO_CLIP = 1e30

# How lines begin that Keras and TensorFlow put around an error.
_AROUND = (
    "in user code",
    "Exception encountered",
    "Arguments received",
    "\u2022",
    "[[{{node",
    "[Op:",
    "Stack trace",
)


def rehearse(model: keras.Model, example_losses: ExampleLosses, x: Any, y: Any) -> Method:
    """Chooses how the gradients of ``model`` are taken, by trying it on the first examples.

    Book-keeping where it agrees with an explicit loop over the examples, otherwise the loop, with a notice
    that says why. The weights are shaken for the time of it: behind a weight that starts at zero nothing
    would show.

    Args:
      model: a built Keras model.
      example_losses: from targets, outputs and weights to the loss of every example.
      x: a nest of inputs, each ``[examples, ...]``.
      y: a nest of targets, each ``[examples, ...]``.

    Raises:
      NotPrivateError: what the model makes of an example depends on the others in the batch.
    """
    x, y = tf.nest.map_structure(lambda a: tf.gather(a, np.arange(_EXAMPLES) % a.shape[0]), (x, y))
    check_examples_are_apart(model, x)
    with _shaken(model):
        obstacle = _obstacle(model, example_losses, x, y)
    if obstacle is None:
        return book_keeping.clipped_gradients
    warnings.warn(
        f"{model.name}: gradients are taken one example at a time, which is exact but slow, because "
        f"{obstacle}",
        stacklevel=2,
    )
    return one_by_one.clipped_gradients


def check_examples_are_apart(model: keras.Model, x: Any) -> None:
    """Refuses a model whose outputs for an example change with the other examples of the batch.

    Args:
      model: a built Keras model.
      x: a nest of inputs of a few examples, each ``[examples, ...]``.

    Raises:
      NotPrivateError: naming the first layer at which they change.
    """
    others = tf.nest.map_structure(_with_others, x)
    for training in (True, False):
        with _shaken(model):
            beside, again, changed = (_seen(model, inputs, training) for inputs in (x, x, others))
        # Randomness that Keras does not know of would look like a change; without training there may be none.
        if _same(beside[-1], again[-1]):
            break
    else:
        return
    if _same(beside[-1], changed[-1]):
        return
    name = next(a[0] for a, b in zip(beside, changed, strict=True) if not _same(a, b))
    raise NotPrivateError(
        f"what {name} makes of one example depends on the other examples of the batch, so the gradient of "
        "one example cannot be told from theirs and clipped. Normalise, compare and pool within an example, "
        "over any axis but the first."
    )


def _with_others(values: tf.Tensor) -> tf.Tensor:
    """The same example in other company."""
    keep = (np.arange(_EXAMPLES) == _LOOKED_AT).reshape([-1] + [1] * (values.shape.rank - 1))
    zeros = tf.zeros_like(values)
    if values.dtype != tf.string and not np.any(np.where(keep, 0, values)):
        return tf.where(keep, values, tf.ones_like(values))
    return tf.where(keep, values, zeros)


@contextmanager
def _shaken(model: keras.Model) -> Iterator[None]:
    """Gives the trainable weights other values for a while, the same every time."""
    rng = np.random.default_rng(0)
    with ExitStack() as stack:
        for variable in model.trainable_variables:
            value = variable.numpy()
            # Where all are the same, as zeros, about as large as usual initial values.
            step = 0.1 * np.std(value.astype(np.float64)) or 0.1 / np.sqrt(math.prod(value.shape[:-1]))
            shaken = tf.Variable(value + step * rng.normal(size=value.shape), dtype=variable.dtype)
            stack.enter_context(replaced(variable, _value=shaken))
        yield


def _obstacle(model: keras.Model, example_losses: ExampleLosses, x: Any, y: Any) -> str | None:
    """Why book-keeping does not do for this model; None if it does."""
    weights = tf.ones([_EXAMPLES])
    # The same dropout cannot be had for one example and for many.
    training = not _seeds(model)

    def all_at_once() -> tuple[list[tf.Tensor], tf.Tensor]:
        clipped = book_keeping.clipped_gradients(
            model, example_losses, x, y, weights, l2_norm_clip=_NO_CLIP, training=training
        )
        return clipped.sum, clipped.norms

    try:
        found, norms = tf.function(all_at_once)()
    except Exception as error:  # whatever it is, the loop does without
        return _reason(error)
    alone = _gradients_alone(model, example_losses, x, y, training)
    expected_norms = np.array([np.linalg.norm([np.linalg.norm(part) for part in one]) for one in alone])
    finite = np.isfinite(expected_norms)
    if not finite.any():
        return "the gradients of the first examples are not finite, so that rules cannot be tried on them."
    half = any(layer.compute_dtype in ("float16", "bfloat16") for layer in model._flatten_layers())
    rounding = 5e-2 if half else 1e-3
    expected = [
        sum(np.where(ok, g, 0) for g, ok in zip(part, finite, strict=True))
        for part in zip(*alone, strict=True)
    ]
    size = np.linalg.norm(expected_norms[finite])
    wrong = [
        variable.path
        for variable, a, b in zip(model.trainable_variables, found, expected, strict=True)
        if not np.linalg.norm(a - b) <= rounding * np.linalg.norm(b) + 0.01 * rounding * size
    ]
    if not wrong and np.allclose(norms[finite], expected_norms[finite], rtol=rounding):
        return None
    whose = ", ".join(wrong) or "single examples"
    return f"the rules of its layers do not account for the gradients of {whose}."


def _reason(error: Exception) -> str:
    """The error in one line, without what Keras, AutoGraph and TensorFlow put around it."""
    lines = [line.strip() for line in re.sub(r"\x1b\[\dm", "", str(error)).splitlines()]
    lines = [line for line in lines if line and not line.startswith(_AROUND)]
    if assertion := re.search(r"assertion failed: \[(.*?)\]", str(error)):
        return assertion[1]
    return lines[-1].removeprefix(f"{type(error).__name__}: ") if lines else type(error).__name__


def _gradients_alone(
    model: keras.Model, example_losses: ExampleLosses, x: Any, y: Any, training: bool
) -> list[list[np.ndarray[Any, Any]]]:
    """The gradients of each example, in a batch of its own."""
    variables = [variable.value for variable in model.trainable_variables]

    def alone(x: Any, y: Any) -> list[tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            losses = example_losses(y, model(x, training=training), tf.ones([1]))
        found = tape.gradient(losses, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(gradient) for gradient in found]

    run = tf.function(alone)
    rows = [tf.nest.map_structure(lambda t, i=i: t[i : i + 1], (x, y)) for i in range(_EXAMPLES)]
    return [[gradient.numpy() for gradient in run(*row)] for row in rows]


def _seeds(model: keras.Model) -> list[keras.Variable]:
    return [v for v in model.variables if "seed_generator_state" in v.path]


def _seen(model: keras.Model, x: Any, training: bool) -> list[tuple[str, Any]]:
    """What every layer makes of one example, in the order in which they finish, the model last."""
    seen: list[tuple[str, Any]] = []
    seeds = _seeds(model)
    before = [seed.numpy() for seed in seeds]
    with ExitStack() as stack:
        for layer in model._flatten_layers(include_self=False):
            stack.enter_context(replaced(layer, call=_noting(layer, seen)))
        outputs = model(x, training=training)
    for seed, value in zip(seeds, before, strict=True):
        seed.assign(value)
    return [*seen, (f"model {model.name!r}", _row(outputs))]


def _noting(layer: keras.layers.Layer, seen: list[tuple[str, Any]]) -> Callable[..., Any]:
    call = layer.call

    def noting(*args: Any, **kwargs: Any) -> Any:
        outputs = call(*args, **kwargs)
        seen.append((f"layer {layer.name!r} ({type(layer).__name__})", _row(outputs)))
        return outputs

    return noting


def _row(outputs: Any) -> list[Any]:
    tensors = [t for t in tf.nest.flatten(outputs) if isinstance(t, tf.Tensor) and t.shape.rank]
    return [
        t[_LOOKED_AT].numpy() for t in tensors if t.shape[0] == _EXAMPLES and not tf.is_symbolic_tensor(t)
    ]


def _same(one: tuple[str, Any], other: tuple[str, Any]) -> bool:
    return len(one[1]) == len(other[1]) and all(map(_close, one[1], other[1]))


def _close(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    """Equal up to what the order of additions may change."""
    if a.dtype.kind in "iubSUO":
        return np.array_equal(a, b)
    a, b = a.astype(np.float64), b.astype(np.float64)
    finite = np.abs(a[np.isfinite(a)])
    return np.allclose(a, b, rtol=1e-5, atol=1e-6 * finite.max(initial=0), equal_nan=True)
