"""The gate's policy: what a model has to show before it may be pushed.

    max_epsilon: 3.0
    at_delta: 1.0e-5
    adjacency: ADD_OR_REMOVE_ONE
    max_exposure: 3.0
    max_membership_advantage: 0.1
    max_residual_share: 0.001
    allow_declared_public: [schema]
    require_evaluation_blessing: true

There is no key that would let a run with a fixed noise seed pass.
"""

import hashlib
import json
from pathlib import Path

import pydantic

from components.documents import Document, load, parse
from components.privacy_evaluator.report import Relation


class GatePolicy(Document):
    """See the module's docstring for an example. A limit that is left out is not checked.

    ``max_epsilon``: the largest epsilon, at a delta of at most ``at_delta``.
    ``adjacency``: what the guarantee must be about.
    ``max_exposure``: bits; the median over the canaries that were inserted once, as a person's row is.
    ``max_membership_advantage``: the *upper* end of the measured interval, so that too few rows refuse
    rather than pass.
    ``max_residual_share``: what the recognisers still find in the scrubbed rows, per row.
    ``allow_declared_public``: the inputs to training that may have been declared public; no other may.
    ``require_evaluation_blessing``: whether the Evaluator must have blessed the model too.
    """

    max_epsilon: float = pydantic.Field(gt=0)
    at_delta: float = pydantic.Field(gt=0, lt=1)
    adjacency: Relation = "ADD_OR_REMOVE_ONE"
    max_exposure: float | None = pydantic.Field(default=None, ge=0)
    max_membership_advantage: float | None = pydantic.Field(default=None, ge=0, le=1)
    max_residual_share: float | None = pydantic.Field(default=None, ge=0)
    allow_declared_public: tuple[str, ...] = ()
    require_evaluation_blessing: bool = True

    def with_max_epsilon(self, max_epsilon: float) -> "GatePolicy":
        """The policy with another limit on epsilon; pydantic.ValidationError where it makes no sense."""
        return GatePolicy.model_validate({**self.model_dump(), "max_epsilon": max_epsilon})

    @property
    def digest(self) -> str:
        """SHA-256 of the policy's canonical JSON: the same rules, the same digest, however spelt."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def parse_policy(text: str, *, source: str) -> GatePolicy:
    """Reads a policy from YAML text; raises DocumentError naming ``source``."""
    return parse(GatePolicy, text, source=source)


def load_policy(path: str | Path) -> GatePolicy:
    """Reads a policy from a file; raises DocumentError."""
    return load(GatePolicy, path)
