"""Differentially private training of Keras 3 models on TensorFlow: clip, sample, noise, account, audit.

Names are imported on first use, so that accounting does not wait for TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dpcore.accounting import (
        EpsilonBounds as EpsilonBounds,
    )
    from dpcore.accounting import (
        calibrate_noise as calibrate_noise,
    )
    from dpcore.accounting import (
        dp_sgd_epsilon as dp_sgd_epsilon,
    )
    from dpcore.accounting import (
        epsilon as epsilon,
    )
    from dpcore.accounting import (
        epsilon_bounds as epsilon_bounds,
    )
    from dpcore.accounting import (
        statement as statement,
    )
    from dpcore.clipping import clipped_gradient_sum as clipped_gradient_sum
    from dpcore.clipping import register_rule as register_rule
    from dpcore.config import DpSgdConfig as DpSgdConfig
    from dpcore.config import PrivacyTarget as PrivacyTarget
    from dpcore.ledger import Charge as Charge
    from dpcore.ledger import Ledger as Ledger
    from dpcore.replicas import strategy as strategy
    from dpcore.session import private_session as private_session
    from dpcore.training import PrivateModel as PrivateModel

_HOMES = {
    "Charge": "ledger",
    "DpSgdConfig": "config",
    "EpsilonBounds": "accounting",
    "Ledger": "ledger",
    "PrivacyTarget": "config",
    "PrivateModel": "training",
    "calibrate_noise": "accounting",
    "clipped_gradient_sum": "clipping",
    "dp_sgd_epsilon": "accounting",
    "epsilon": "accounting",
    "epsilon_bounds": "accounting",
    "private_session": "session",
    "register_rule": "clipping",
    "statement": "accounting",
    "strategy": "replicas",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dpcore' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dpcore.{_HOMES[name]}"), name)
