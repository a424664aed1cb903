"""Refusals: what cannot be private per example is named, with the reason and the replacement."""

from collections.abc import Callable
from typing import Any

import keras

from dpcore.errors import NotPrivateError, NotSupportedError

# Layers that may learn from data by adapt(), how to tell that they do, and what to give them instead.
_ADAPTING: tuple[tuple[type, Callable[[Any], bool], str], ...] = (
    (keras.layers.Normalization, lambda layer: layer.input_mean is None, "mean=..., variance"),
    (keras.layers.Discretization, lambda layer: layer.num_bins is not None, "bin_boundaries"),
    (keras.layers.StringLookup, lambda layer: layer.input_vocabulary is None, "vocabulary"),
    (keras.layers.IntegerLookup, lambda layer: layer.input_vocabulary is None, "vocabulary"),
)


def check_model(model: keras.Model) -> None:
    """Refuses layers whose output for one example depends on others, or on data seen outside ``fit``.

    Raises:
      NotPrivateError: a layer that can never be private per example.
      NotSupportedError: a layer that dpcore does not cover yet.
    """
    for layer in model._flatten_layers(include_self=True, recursive=True):
        name = f"layer {layer.name!r} ({type(layer).__name__})"
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            raise NotPrivateError(
                f"{name} normalises each example by statistics of the whole batch, so the gradient of one "
                "example depends on all others and cannot be clipped. Use GroupNormalization or "
                "LayerNormalization instead, or freeze it (trainable=False) with public statistics."
            )
        for adapts, learned, way_out in _ADAPTING:
            if isinstance(layer, adapts) and learned(layer):
                raise NotPrivateError(
                    f"{name} takes its constants from adapt(), a look at the data that nothing charges for. "
                    f"Pass public ones: {type(layer).__name__}({way_out}=...)."
                )
        if isinstance(layer, keras.layers.RNN) and layer.stateful:
            raise NotPrivateError(
                f"{name} is stateful: it carries one batch's examples into the next. Use stateful=False."
            )
        if isinstance(layer, keras.layers.SpectralNormalization):
            raise NotSupportedError(
                f"{name} updates its state at every call, and calls are per example here. Use it without "
                "the wrapper, or constrain the kernel instead."
            )


def check_added_losses(model: keras.Model) -> None:
    """Refuses ``add_loss`` and activity regularisers; weight regularisers see no data and are fine.

    Call it after the model was called.

    Raises:
      NotPrivateError: the last call added a loss beside the weight regularisers.
    """
    regularized = sum(variable.regularizer is not None for variable in model.trainable_variables)
    if len(model.losses) > regularized:
        raise NotPrivateError(
            f"{model.name} adds a loss of its own on the data (add_loss or an activity regulariser), which "
            "is computed over the batch and not per example. Move it into the compiled loss."
        )
