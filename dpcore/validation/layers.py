"""Layers that mix examples, keep what they saw, or look at data that nothing charges for."""

from collections.abc import Iterator
from typing import Any

import keras
from keras import layers

from dpcore.errors import ConfigError, NotPrivateError, NotSupportedError
from dpcore.validation.rules import Problem, Rule, problems_of, refuse

# The class itself has no public name.
_ImageLayer = layers.RandomFlip.__base__

_ADAPTED = "constants are taken from adapt(), a look at the data that nothing charges for"
_OTHERS = "so the gradient of one example depends on the others and cannot be clipped"


def check_model(model: keras.Model) -> None:
    """Refuses layers whose output for one example depends on others, or on data seen outside ``fit``.

    Everything inside the model is looked at: nested models, wrapped layers and, in a functional model,
    operations. All problems are told at once. An unbuilt model has no shapes yet: check it again when it
    has. Code that the rules do not know, such as a ``Lambda``, passes.

    Raises:
      NotPrivateError: a layer that can never be private per example.
      NotSupportedError: a layer that dpcore does not cover yet.
      ConfigError: the model is built and has nothing to train.
    """
    refuse(_problems(model))
    if model.built and not model.trainable_variables:
        raise ConfigError(
            f"model {model.name!r} has no trainable weights: there is nothing to train. Set trainable=True "
            "on the layers to be trained."
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


def _problems(layer: Any, path: str = "", above: frozenset[int] = frozenset()) -> Iterator[Problem]:
    """The problems of a layer and of all inside it, where a rule that it breaks is not told again."""
    found = list(problems_of(layer, _RULES, noun="layer", name=path or layer.name, kind=type(layer).__name__))
    yield from (problem for problem in found if id(problem.rule) not in above)
    above |= {id(problem.rule) for problem in found}
    for part in getattr(layer, "operations", ()):
        name, kind = f"{path}/{part.name}".lstrip("/"), type(part).__name__
        yield from problems_of(part, [_OPERATION_RULE], noun="operation", name=name, kind=kind)
    for part in {id(part): part for part in layer._layers}.values():
        yield from _problems(part, f"{path}/{part.name}".lstrip("/"), above)


def _batch_axis(layer: Any) -> str:
    """``axis=...`` where it names, or with None takes in, the axis of the examples."""
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    examples = {None, 0} | {-rank for rank in _ranks(layer)}
    return f"axis={layer.axis}" if examples & set(axes) else ""


def _input_of_rank(rank: int, layer: Any) -> str:
    return f"an input of rank {rank}, batch included" if rank in _ranks(layer) else ""


def _ranks(layer: Any) -> set[int]:
    """For the build and every symbolic call the rank of the deepest input; empty before."""
    seen = [[t.shape for t in node.input_tensors] for node in layer._inbound_nodes]
    seen += [_shapes(nest) for nest in (getattr(layer, "_build_shapes_dict", None) or {}).values()]
    return {max(len(shape) for shape in shapes) for shapes in seen if shapes}


def _shapes(nest: Any) -> list[Any]:
    """The shapes in a nest of shapes, which are nests themselves."""
    parts = list(nest.values()) if isinstance(nest, dict) else nest or ()
    if any(isinstance(part, list | tuple | dict) for part in parts):
        return [shape for part in parts for shape in _shapes(part)]
    return [] if nest is None else [parts]


def _moved_batch(layer: layers.EinsumDense) -> str:
    """The equation, unless its first letter is the batch in the input and the output and nowhere else."""
    inputs, output = layer.equation.replace(" ", "").replace("...", ".").split("->")
    inputs, kernel = inputs.split(",")
    batch = inputs[0]
    kept = output.startswith(batch) and (batch == "." or batch not in kernel)
    return "" if kept else f"equation={layer.equation!r}"


def _pads_to_longest(layer: layers.TextVectorization) -> str:
    pads = layer._output_mode == "int" and not layer._ragged and layer._output_sequence_length is None
    return "output_sequence_length=None" if pads else ""


def _encodes_the_batch(layer: Any) -> str:
    merged = layer.output_mode in ("multi_hot", "count", "tf_idf") and 1 in _ranks(layer)
    return f"output_mode={layer.output_mode!r} and inputs of shape [batch]" if merged else ""


# What is refused, why, and what to use in its place.
_RULES = (
    Rule(
        of=layers.BatchNormalization,
        breaks=lambda layer: layer.trainable and "trainable=True",
        why=f"every example is normalised by statistics of the whole batch, {_OTHERS}",
        instead="Use GroupNormalization or LayerNormalization, or freeze it (trainable=False) with "
        "statistics of public data.",
    ),
    Rule(
        of=(
            layers.LayerNormalization,
            layers.RMSNormalization,
            layers.UnitNormalization,
            layers.GroupNormalization,
            layers.Softmax,
            layers.Concatenate,
        ),
        breaks=_batch_axis,
        why=f"that axis holds the examples, {_OTHERS}",
        instead="Use an axis of the features, such as axis=-1.",
    ),
    Rule(
        of=layers.MultiHeadAttention,
        breaks=lambda layer: 0 in (layer.attention_axes or ()) and f"attention_axes={layer.attention_axes}",
        why=f"axis 0 holds the examples, which attend to one another, {_OTHERS}",
        instead="Leave attention_axes out, or name axes from 1 on.",
    ),
    Rule(
        of=layers.Attention,
        breaks=lambda layer: _input_of_rank(2, layer),
        why=f"without an axis for the sequence the examples attend to one another, {_OTHERS}",
        instead="Give it inputs of shape [batch, length, features].",
    ),
    Rule(
        of=layers.EinsumDense,
        breaks=_moved_batch,
        why="the first letter stands for the examples, and where it does not stay first and out of the "
        "kernel the gradient of one example depends on the others and cannot be clipped",
        instead="Let one letter lead the input and the output and stay out of the kernel: 'ab,bc->ac'.",
    ),
    Rule(
        of=(layers.MixUp, layers.CutMix),
        breaks=lambda _: True,
        why="each image is blended with another example, so one example is in the gradients of two",
        instead="Use augmentations of one image at a time, such as RandomFlip, RandomCrop or RandomRotation.",
    ),
    Rule(
        of=(layers.Equalization, layers.AugMix, layers.RandAugment),
        breaks=lambda _: True,
        why=f"images are equalised by one histogram of the whole batch, {_OTHERS}",
        instead="Use augmentations of one image at a time, such as RandomFlip or RandomContrast, or "
        "ContrastLimitedAdaptiveHistogramEqualization.",
    ),
    Rule(
        of=_ImageLayer,
        breaks=lambda layer: _input_of_rank(3, layer),
        why=f"it takes the batch for one image, {_OTHERS}",
        instead="Give it images of shape [batch, height, width, channels].",
    ),
    Rule(
        of=layers.TextVectorization,
        breaks=_pads_to_longest,
        why="texts are padded to the longest one in the batch, so every example shows the length of others",
        instead="Set output_sequence_length.",
    ),
    Rule(
        of=(
            layers.CategoryEncoding,
            layers.Hashing,
            layers.Discretization,
            layers.StringLookup,
            layers.IntegerLookup,
        ),
        breaks=_encodes_the_batch,
        why="the whole batch is encoded into one row",
        instead="Give it inputs of shape [batch, 1], or use output_mode='one_hot'.",
    ),
    Rule(
        of=layers.Normalization,
        breaks=lambda layer: layer.input_mean is None and "mean=None",
        why=_ADAPTED,
        instead="Pass public ones: Normalization(mean=..., variance=...).",
    ),
    Rule(
        of=layers.Discretization,
        breaks=lambda layer: layer.num_bins is not None and f"num_bins={layer.num_bins}",
        why=_ADAPTED,
        instead="Pass public ones: Discretization(bin_boundaries=...).",
    ),
    Rule(
        of=(layers.StringLookup, layers.IntegerLookup, layers.TextVectorization),
        breaks=lambda layer: (
            getattr(layer, "_lookup_layer", layer).input_vocabulary is None and "vocabulary=None"
        ),
        why=_ADAPTED,
        instead="Pass a public one at construction: vocabulary=..., or use Hashing, which needs none.",
    ),
    Rule(
        of=(layers.RNN, layers.Bidirectional),
        breaks=lambda layer: layer.stateful and "stateful=True",
        why="what one batch's examples left behind is carried into the next batch",
        instead="Use stateful=False.",
    ),
    Rule(
        of=layers.Layer,
        breaks=lambda layer: (
            layer.activity_regularizer is not None
            and f"activity_regularizer={type(layer.activity_regularizer).__name__}"
        ),
        why="that adds a loss of its own on the data, averaged over the batch and not per example",
        instead="Use weight regularisers (kernel_regularizer), which see no data, or put the penalty "
        "into the compiled loss.",
    ),
    Rule(
        of=layers.Layer,
        breaks=lambda layer: layer.quantization_mode == "float8" and "quantization_mode='float8'",
        why="the largest values of the whole batch are written into its weights, unclipped and without noise",
        instead="Train with dtype='mixed_bfloat16' or in float32.",
    ),
    Rule(
        of=layers.Layer,
        breaks=lambda layer: (
            layer.quantization_mode not in (None, "float8")
            and any(variable.trainable for variable in layer._trainable_variables)
            and f"quantization_mode={layer.quantization_mode!r}"
        ),
        why="trainable weights of quantised layers are not supported yet",
        instead="Train first and quantise afterwards, or freeze the layer (trainable=False).",
        error=NotSupportedError,
    ),
    Rule(
        of=layers.SpectralNormalization,
        breaks=lambda _: True,
        why="weights that are updated at each call and not by the optimizer are not supported yet",
        instead="Use the layer inside without the wrapper, with kernel_constraint='unit_norm' if need be.",
        error=NotSupportedError,
    ),
    Rule(
        of=layers.Layer,
        breaks=lambda layer: (
            (mode := getattr(getattr(layer, "_remat_mode", None), "mode", None)) is not None
            and f"RematScope(mode={mode!r})"
        ),
        why="rematerialisation is not supported yet: gradients are taken from one recorded forward pass",
        instead="Build the layer outside keras.RematScope.",
        error=NotSupportedError,
    ),
)

# For other operations, axis=None is all axes.
_NONE_IS_NO_AXIS = ("Cross", "Squeeze")

_OPERATION_RULE = Rule(
    of=keras.Operation,
    breaks=lambda op: (
        not isinstance(op, layers.Layer)
        and hasattr(op, "axis")
        and not (op.axis is None and type(op).__name__ in _NONE_IS_NO_AXIS)
        and _batch_axis(op)
    ),
    why=f"that takes in axis 0, which holds the examples, {_OTHERS}",
    instead="Use an axis of the features, such as axis=-1.",
)
