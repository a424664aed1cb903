"""Which layer has which rule."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import keras
import tensorflow as tf

from dpcore.clipping.gradients import PerExample

Gradients = Iterable[tuple[keras.Variable, tf.Tensor | PerExample]]


class Tap(Protocol):
    """Marks a tensor whose gradient is wanted, and says what follows from it."""

    def __call__(self, tensor: tf.Tensor, gradients: Callable[[tf.Tensor], Gradients]) -> None: ...


# Runs a layer's call, and taps what its gradients need: (tap, layer, call, *args, **kwargs) -> outputs.
Forward = Callable[..., Any]

_FORWARDS: dict[type, Forward] = {}

# What a subclass may change without changing what its base computes.
_ONLY_DESCRIBES = {"__init__", "get_config", "from_config", "compute_output_shape", "compute_output_spec"}
_ONLY_DESCRIBES |= set(dir(type("Empty", (), {}))) | {"__annotations__", "__static_attributes__"}


def register_rule(
    layer_type: type[keras.layers.Layer], *, before_activation: bool = False
) -> Callable[[Callable[..., Gradients]], Callable[..., Gradients]]:
    """Registers the rule of a layer type, as a decorator::

        @dpcore.register_rule(Scale)
        def scale_gradients(layer, output_gradient, inputs):
            return [(layer.scale, output_gradient * inputs)]

    The rule is called with the layer, the gradient with respect to its outputs ``[batch, ...]`` and the
    arguments of its ``call``. It returns pairs of a variable and that variable's gradient for every example:
    a tensor ``[batch, *variable.shape]``, or a cheaper form from :mod:`dpcore.clipping.gradients`. It answers
    for every trainable variable under the layer. ``fit`` holds it against an explicit loop before it trains.

    Args:
      layer_type: a subclass is covered, too, if all that it overrides are ``__init__`` and descriptions.
      before_activation: the gradient is with respect to what ``layer.activation`` gets.
    """

    def register(rule: Callable[..., Gradients]) -> Callable[..., Gradients]:
        def forward(tap: Tap, layer: Any, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            def tapped(tensor: tf.Tensor) -> None:
                tap(tensor, lambda gradient: rule(layer, gradient, *args, **kwargs))

            if not before_activation or layer.activation is None:
                outputs = call(*args, **kwargs)
                tapped(outputs)
                return outputs
            with replaced(layer, activation=_after(tapped, layer.activation)):
                return call(*args, **kwargs)

        _FORWARDS[layer_type] = forward
        return rule

    return register


def register_forward(layer_type: type[keras.layers.Layer]) -> Callable[[Forward], Forward]:
    """Registers a layer type that taps tensors of its own inside, as a decorator."""

    def register(forward: Forward) -> Forward:
        _FORWARDS[layer_type] = forward
        return forward

    return register


def rule_of(layer: keras.layers.Layer) -> Forward | None:
    """The rule of a layer: that of its type, or of a base that it overrides in nothing that is computed."""
    for base in type(layer).__mro__:
        if base in _FORWARDS:
            return None if "call" in vars(layer) or _overridden(type(layer), base) else _FORWARDS[base]
    return None


def _overridden(kind: type, base: type) -> set[str]:
    between = kind.__mro__[: kind.__mro__.index(base)]
    return {name for part in between for name in vars(part) if hasattr(base, name)} - _ONLY_DESCRIBES


@contextmanager
def replaced(layer: keras.layers.Layer, **attributes: Any) -> Iterator[None]:
    """Gives a layer other attributes for a while, behind the back of Keras, which tracks assignments."""
    own = {name: vars(layer)[name] for name in attributes if name in vars(layer)}
    for name, value in attributes.items():
        object.__setattr__(layer, name, value)
    try:
        yield
    finally:
        for name in attributes:
            if name in own:
                object.__setattr__(layer, name, own[name])
            else:
                object.__delattr__(layer, name)


def _after(before: Callable[[tf.Tensor], None], function: Callable[..., Any]) -> Callable[..., Any]:
    def both(tensor: tf.Tensor) -> Any:
        before(tensor)
        return function(tensor)

    return both
