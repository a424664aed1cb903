"""Layers without a rule: the gradient of each example, taken through the layer alone."""

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from weakref import WeakSet

import keras
import tensorflow as tf
from keras.src.random.seed_generator import global_seed_generator

from dpcore.clipping.rules.registry import Forward, Gradients, Tap, replaced
from dpcore.errors import NotSupportedError

_noticed: "WeakSet[keras.layers.Layer]" = WeakSet()


def forward_of_any_layer(variables: list[keras.Variable]) -> Forward:
    """A rule for ``variables`` of a layer about which nothing is known but that it treats examples alone."""

    def forward(tap: Tap, layer: Any, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        _notice(layer, variables)
        training = layer._get_call_context().get_value("training")

        def again(*args: Any, **kwargs: Any) -> list[tf.Tensor]:
            # Layers inside ask the context whether they are being trained.
            layer._get_call_context().set_value("training", training)
            return _tensors(layer(*args, **kwargs))

        # Some layers take the masks off their inputs.
        masks = {i: getattr(a, "_keras_mask", None) for i, a in enumerate(tf.nest.flatten((args, kwargs)))}
        with _without_randomness(layer):
            outputs = call(*args, **kwargs)
        for i, output in enumerate(_tensors(outputs)):
            tap(output, partial(_gradients, variables, again, i, args, kwargs, masks))
        return outputs

    return forward


def _gradients(
    variables: list[keras.Variable],
    layer: Callable[..., list[tf.Tensor]],
    position: int,
    args: Any,
    kwargs: Any,
    masks: dict[int, tf.Tensor | None],
    gradient: tf.Tensor,
) -> Gradients:
    """What follows from the gradient with respect to the output at ``position``.

    One example after the other: tf.vectorized_map is faster and breaks memory (seen with TensorFlow 2.21 in
    layers with attention and with loops).
    """
    values = [variable.value for variable in variables]
    arguments = tf.nest.flatten((args, kwargs))
    inputs = {i: a for i, a in enumerate(arguments) if isinstance(a, tf.Tensor) and a.shape[:1] == [None]}
    masks = {i: masks[i] for i in inputs if masks[i] is not None}

    def one(example: Any) -> list[tf.Tensor]:
        inputs, masks, gradient = tf.nest.map_structure(lambda t: t[None], example)
        for i, mask in masks.items():
            inputs[i]._keras_mask = mask
        own = [inputs.get(i, argument) for i, argument in enumerate(arguments)]
        own_args, own_kwargs = tf.nest.pack_sequence_as((args, kwargs), own)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            output = layer(*own_args, **own_kwargs)[position]
        found = tape.gradient(
            output,
            values,
            output_gradients=tf.cast(gradient, output.dtype),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return [tf.convert_to_tensor(part) for part in found]

    specs = [tf.TensorSpec(value.shape, value.dtype) for value in values]
    found = tf.map_fn(one, (inputs, masks, gradient), fn_output_signature=specs)
    return zip(variables, found, strict=True)


def _tensors(outputs: Any) -> list[tf.Tensor]:
    return [output for output in tf.nest.flatten(outputs) if isinstance(output, tf.Tensor)]


@contextmanager
def _without_randomness(layer: Any) -> Iterator[None]:
    """Refuses random numbers, which would be others when the layer is called again."""

    def refused(**kwargs: Any) -> None:
        raise NotSupportedError(
            f"layer {layer.name!r} ({type(layer).__name__}) has no rule for its gradients and draws random "
            "numbers, which would be others when it is called again."
        )

    parts = layer._flatten_layers(include_self=True, recursive=True)
    with ExitStack() as stack:
        for generator in [global_seed_generator(), *(one for part in parts for one in part._seed_generators)]:
            stack.enter_context(replaced(generator, next=refused))
        yield


def _notice(layer: Any, variables: list[keras.Variable]) -> None:
    if layer in _noticed:
        return
    _noticed.add(layer)
    size = sum(math.prod(variable.shape) for variable in variables)
    warnings.warn(
        f"layer {layer.name!r} ({type(layer).__name__}) has no rule for its gradients: they are taken one "
        f"example at a time through this layer, {size:,} numbers for each example, which is exact but slow. "
        "Write one with dpcore.register_rule.",
        stacklevel=2,
    )
