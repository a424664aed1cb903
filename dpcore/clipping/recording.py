"""One forward pass of a model in which every trainable layer is tapped."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from dpcore.clipping.gradients import Instantiated, PerExample
from dpcore.clipping.rules.any_layer import forward_of_any_layer
from dpcore.clipping.rules.registry import Forward, Gradients, replaced, rule_of
from dpcore.errors import NotSupportedError


@dataclass
class Recording:
    """What was tapped, in the order of the calls.

    Attributes:
      rows: the number of examples in the batch.
      tape: on which the forward pass runs.
      variables: the trainable variables of the model.
      taps: what gradients are wanted of.
    """

    rows: tf.Tensor
    tape: tf.GradientTape
    variables: list[keras.Variable]
    taps: list["_Tap"] = field(default_factory=list)

    def __post_init__(self) -> None:
        if tf.executing_eagerly():
            raise NotSupportedError("outside a tf.function nothing tells the axis of the examples.")
        self._place = tf.compat.v1.get_default_graph()
        self.tape.watch([variable.value for variable in self.variables])

    def tap(
        self, layer: keras.layers.Layer, tensor: tf.Tensor, gradients: Callable[[tf.Tensor], Gradients]
    ) -> None:
        """Asks for the gradient with respect to ``tensor``, before anything is made of it."""
        if tf.compat.v1.get_default_graph() is not self._place:
            raise NotSupportedError(
                f"layer {layer.name!r} is called inside a loop, a branch or a tf.function of its own."
            )
        self.tape.watch(tensor)
        self.taps.append(_Tap(layer.name, tensor, gradients))

    def gradients(self, target: tf.Tensor) -> dict[int, list[PerExample]]:
        """The gradients of every example's target, by the variable's id.

        Args:
          target: ``[batch]``, one value per example.

        Raises:
          NotSupportedError: a variable is used elsewhere than in the layers that answer for it.
        """
        tensors = [tap.tensor for tap in self.taps]
        found = self.tape.gradient(target, tensors + [variable.value for variable in self.variables])
        # Inside of their layers the variables are constants, so nothing may reach them.
        elsewhere = zip(self.variables, found[len(tensors) :], strict=True)
        if astray := [variable.path for variable, gradient in elsewhere if gradient is not None]:
            raise NotSupportedError(f"{', '.join(astray)}: used outside the layer that answers for it.")
        result: dict[int, list[PerExample]] = {}
        for gradient, tap in zip(found[: len(tensors)], self.taps, strict=True):
            if gradient is None:
                continue
            gradient = _at_least_float32(tf.convert_to_tensor(gradient))
            for variable, part in tap.gradients(gradient):
                part = part if isinstance(part, PerExample) else Instantiated(part)
                part = part.map(partial(self._by_example, tap))
                result.setdefault(id(variable), []).append(part)
        return result

    def _by_example(self, tap: "_Tap", values: tf.Tensor) -> tf.Tensor:
        """The values in at least float32; an error when it runs unless their first axis is the examples'."""
        shape = tf.shape(values)
        message = f"the first axis of what layer {tap.layer} returns does not hold the examples."
        with tf.control_dependencies([tf.debugging.assert_equal(shape[0], self.rows, message)]):
            # XLA knows no assertions.
            result = tf.reshape(values, tf.concat([self.rows[None], shape[1:]], axis=0))
        result.set_shape([None, *values.shape[1:]])
        return _at_least_float32(result)


class _Tap(NamedTuple):
    layer: str
    tensor: tf.Tensor
    gradients: Callable[[tf.Tensor], Gradients]


@contextmanager
def recording(model: keras.Model, tape: tf.GradientTape, rows: tf.Tensor) -> Iterator[Recording]:
    """Taps the trainable layers of ``model`` while it is called.

    Keras has no hooks, so each layer's ``call`` is replaced, for the time of the ``with`` alone.
    """
    record = Recording(rows, tape, model.trainable_variables)
    with ExitStack() as stack:
        for layer, forward, variables in trainable_layers(model):
            stack.enter_context(replaced(layer, call=_tapped(record, layer, forward, variables)))
        yield record


def trainable_layers(
    model: keras.Model,
) -> list[tuple[keras.layers.Layer, Forward, list[keras.Variable]]]:
    """The layers that answer for the trainable variables, with the rule and the variables of each.

    A layer with a rule answers for all that is under it, and so does a recurrent layer, whose cell is called
    inside a loop. Any other layer answers for the variables that are its own.
    """
    found: dict[int, tuple[keras.layers.Layer, Forward, list[keras.Variable]]] = {}

    def visit(layer: keras.layers.Layer) -> None:
        if not layer.trainable_variables or id(layer) in found:
            return
        forward = rule_of(layer)
        if forward is not None or isinstance(layer, keras.layers.RNN):
            every = layer.trainable_variables
            found[id(layer)] = layer, forward or forward_of_any_layer(every), every
            return
        own = [variable for variable in layer._trainable_variables if variable.trainable]
        if own:
            found[id(layer)] = layer, forward_of_any_layer(own), own
        for child in layer._layers:
            visit(child)

    visit(model)
    return list(found.values())


def _tapped(
    record: Recording, layer: keras.layers.Layer, forward: Forward, variables: list[keras.Variable]
) -> Callable[..., Any]:
    call = layer.call

    def tapped(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = _batched(record, args, kwargs)
        with ExitStack() as stack:
            for variable in variables:
                stack.enter_context(replaced(variable, _value=tf.stop_gradient(variable._value)))
            return forward(partial(record.tap, layer), layer, call, *args, **kwargs)

    return tapped


def _batched(
    record: Recording, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Gives an argument that all examples share, as positions to look up, to each example.

    The axis of the examples is the only one of unknown size here, so a first axis of known size is another.
    """
    if args:
        return (_of_each_example(record, args[0]), *args[1:]), kwargs
    return args, {name: _of_each_example(record, value) for name, value in kwargs.items()}


def _of_each_example(record: Recording, value: Any) -> Any:
    if not isinstance(value, tf.Tensor) or value.shape.rank == 0 or value.shape[0] is None:
        return value
    own = value if value.shape[0] == 1 and value.shape.rank > 1 else value[None]
    return tf.repeat(own, record.rows, axis=0)


def _at_least_float32(tensor: tf.Tensor) -> tf.Tensor:
    return tf.cast(tensor, tf.float32) if tensor.dtype.size < 4 else tensor
