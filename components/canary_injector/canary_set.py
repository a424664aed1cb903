"""Which candidates went into the training data, and how often: the payload of the CanarySet artifact."""

from typing import Literal

import pydantic

from components.documents import Document, DocumentError

PAYLOAD = "canaries.json"
CANDIDATES = "candidates.tfrecord.gz"


class Candidate(Document):
    """One made-up row; ``index`` is its place in ``candidates.tfrecord.gz``.

    ``repetitions``: how often it was inserted, 0 where it was held out.
    ``coin_flip``: whether a fair coin decided that (once or not at all).
    """

    index: int = pydantic.Field(ge=0)
    repetitions: int = pydantic.Field(ge=0)
    coin_flip: bool


class CanarySet(Document):
    """All candidates, in index order. ``plan_digest`` is the digest of the plan that they follow."""

    format: Literal["tfx-privacy-canaries/1"] = "tfx-privacy-canaries/1"
    plan_digest: str
    candidates: tuple[Candidate, ...] = pydantic.Field(min_length=2)

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> "CanarySet":
        if any(candidate.index != place for place, candidate in enumerate(self.candidates)):
            raise ValueError("candidates must be numbered 0, 1, 2, ... in order")
        return self

    @property
    def inserted(self) -> int:
        """How many candidates were inserted at least once."""
        return sum(candidate.repetitions > 0 for candidate in self.candidates)

    @property
    def rows_added(self) -> int:
        """How many rows the training data gained."""
        return sum(candidate.repetitions for candidate in self.candidates)

    @property
    def max_repetitions(self) -> int:
        """How often the most repeated canary was inserted."""
        return max(candidate.repetitions for candidate in self.candidates)

    @classmethod
    def from_json(cls, text: str, *, source: str = PAYLOAD) -> "CanarySet":
        """Reads a canary set; raises DocumentError on a key that is missing, unknown or of the wrong type."""
        try:
            return cls.model_validate_json(text, strict=True)
        except pydantic.ValidationError as error:
            detail = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in detail["loc"])
            raise DocumentError(f"{source} is malformed: {place}: {detail['msg']}.") from None
