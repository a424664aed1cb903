"""Which models may be vectorised over their examples.

``tf.vectorized_map`` gives per-example gradients of many layers at once, but not of all: dropout would use
one mask for the whole batch, and attention corrupts memory in TensorFlow 2.21. So a model is vectorised
only where every part of it is on this list, each of which is tested against an explicit loop.
"""

import keras

PROVEN = frozenset(
    {
        "Activation",
        "Add",
        "Average",
        "AveragePooling1D",
        "AveragePooling2D",
        "Concatenate",
        "Conv1D",
        "Conv2D",
        "Dense",
        "Embedding",
        "Flatten",
        "Functional",
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
        "GroupNormalization",
        "InputLayer",
        "LayerNormalization",
        "LeakyReLU",
        "MaxPooling1D",
        "MaxPooling2D",
        "Multiply",
        "ReLU",
        "Rescaling",
        "Reshape",
        "Sequential",
        "Softmax",
    }
)


def not_vectorizable(model: keras.Model) -> list[str]:
    """The parts of ``model`` that keep it from being vectorised, by name; empty when it can be."""
    parts = {id(part): part for part in model._flatten_layers(include_self=True, recursive=True)}
    for part in list(parts.values()):
        parts.update({id(operation): operation for operation in getattr(part, "operations", None) or []})
    return sorted(f"{part.name} ({type(part).__name__})" for part in parts.values() if not _is_proven(part))


def _is_proven(part: object) -> bool:
    kind = type(part)
    return kind.__name__ in PROVEN and kind.__module__.startswith(("keras.src.layers.", "keras.src.models."))
