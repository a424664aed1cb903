"""Refusals before training: what would break the guarantee is named, with the reason and the way out.

Layers, losses, callbacks and arguments of ``fit`` have a table of rules each. What no table knows, such as
layers and losses of your own, is tried out when training starts.
"""

from dpcore.validation.fit import check_callbacks, check_fit_arguments
from dpcore.validation.layers import check_added_losses, check_model
from dpcore.validation.losses import check_losses

__all__ = ["check_added_losses", "check_callbacks", "check_fit_arguments", "check_losses", "check_model"]
