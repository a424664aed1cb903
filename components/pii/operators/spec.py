"""The operators that a policy can name, each with its settings. See :mod:`components.pii.policy`."""

from typing import Annotated, Any, Literal

import pydantic

from components.documents import Document
from components.pii.operators.surrogates import WITHOUT_SURROGATE

EntityType = Annotated[str, pydantic.Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class Replace(Document):
    """``<TYPE>`` stands in its place."""

    action: Literal["replace"]


class Redact(Document):
    """Nothing stands in its place."""

    action: Literal["redact"]


class Keep(Document):
    """It is left as it is, and not even looked for: nothing else can hide inside a finding that is kept."""

    action: Literal["keep"]


class Mask(Document):
    """Letters and digits are covered, one by one; blanks and ASCII punctuation stay.

    Attributes:
      character: what covers them: one character, no letter or digit.
      keep_first: how many letters or digits at the start are shown.
      keep_last: how many at the end. A value that has no more than would be shown is covered whole.
    """

    action: Literal["mask"]
    character: str = pydantic.Field(default="*", min_length=1, max_length=1)
    keep_first: int = pydantic.Field(default=0, ge=0)
    keep_last: int = pydantic.Field(default=0, ge=0)

    @pydantic.field_validator("character")
    @classmethod
    def _covers(cls, character: str) -> str:
        if character.isalnum():
            raise ValueError("must not be a letter or a digit, which could be part of the value")
        return character


class Hash(Document):
    """A keyed hash of the characters as they are, as ``length`` hex digits: equal values stay equal."""

    action: Literal["hash"]
    length: int = pydantic.Field(default=16, ge=8, le=64)


class Pseudonymize(Document):
    """The same value, however it is written, has the same pseudonym in every row.

    ``surrogate``: an invented value of the same kind, not a hash.
    """

    action: Literal["pseudonymize"]
    surrogate: bool = False


class Generalize(Document):
    """A coarser value. Exactly one of:

    Attributes:
      to: of a date, ``year`` ("1984") or ``month`` ("1984-03").
      prefix: the first letters or digits, of a postcode say; never the whole value.
      grid: a coordinate, rounded down to a multiple of this ("-87.7" for -87.63 and 0.1).
      width: a number's class: "40-49" for 42 and 10. Where width is no whole number, a class goes up to the
        next one and holds only its lower bound: "2.5-3.0".
    """

    action: Literal["generalize"]
    to: Literal["year", "month"] | None = None
    prefix: int | None = pydantic.Field(default=None, ge=1)
    grid: float | None = pydantic.Field(default=None, ge=1e-6, le=1e9)
    width: float | None = pydantic.Field(default=None, ge=1e-6, le=1e9)

    @pydantic.model_validator(mode="after")
    def _exactly_one(self) -> "Generalize":
        given = [name for name in ("to", "prefix", "grid", "width") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"must have exactly one of to, prefix, grid and width; has {len(given)}")
        return self


def spell_out(rule: Any) -> Any:
    """``mask`` is short for ``{action: mask}``."""
    return {"action": rule} if isinstance(rule, str) else rule


Operator = Annotated[
    Annotated[
        Replace | Redact | Keep | Mask | Hash | Pseudonymize | Generalize,
        pydantic.Field(discriminator="action"),
    ],
    pydantic.BeforeValidator(spell_out),
]


def require_surrogate(entity_type: str) -> None:
    """Raises ValueError where no value of this type can be invented."""
    if entity_type in WITHOUT_SURROGATE:
        raise ValueError(f"there are no surrogates for {entity_type}; generalize it, or leave surrogate out")
