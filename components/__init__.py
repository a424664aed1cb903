"""TFX components for training on personal data: scrub, train with DP, attack, gate.

Names are imported on first use, so that a program which needs only the plain functions (scrubbing a
file, say) does not wait for TFX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.artifacts import CanarySet, PrivacyLedger, PrivacyReport, ScrubReport
    from components.canary_injector.component import CanaryInjector
    from components.dp_trainer.component import DPTrainer
    from components.privacy_evaluator.component import PrivacyEvaluator
    from components.privacy_gate.component import PrivacyGate
    from components.scrub_validator.component import ScrubValidator
    from components.scrubbing_example_gen.component import ScrubbingExampleGen

_HOMES = {
    "CanaryInjector": "components.canary_injector.component",
    "CanarySet": "components.artifacts",
    "DPTrainer": "components.dp_trainer.component",
    "PrivacyEvaluator": "components.privacy_evaluator.component",
    "PrivacyGate": "components.privacy_gate.component",
    "PrivacyLedger": "components.artifacts",
    "PrivacyReport": "components.artifacts",
    "ScrubReport": "components.artifacts",
    "ScrubValidator": "components.scrub_validator.component",
    "ScrubbingExampleGen": "components.scrubbing_example_gen.component",
}

__all__ = [
    "CanaryInjector",
    "CanarySet",
    "DPTrainer",
    "PrivacyEvaluator",
    "PrivacyGate",
    "PrivacyLedger",
    "PrivacyReport",
    "ScrubReport",
    "ScrubValidator",
    "ScrubbingExampleGen",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'components' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
