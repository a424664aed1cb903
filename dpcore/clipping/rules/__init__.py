"""How the per-example gradients of a layer follow from what went in and what came back.

A rule gets the gradient with respect to the layer's outputs, for every example, and the arguments of the
layer's ``call``; it returns the gradient of every variable, for every example. Layers without a rule go
through :mod:`dpcore.clipping.rules.any_layer`.
"""

from dpcore.clipping.rules import convolution, dense, embedding, normalization, recurrent
from dpcore.clipping.rules.registry import Tap, register_rule, rule_of

__all__ = [
    "Tap",
    "convolution",
    "dense",
    "embedding",
    "normalization",
    "recurrent",
    "register_rule",
    "rule_of",
]
