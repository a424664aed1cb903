"""The canary plan: how many made-up rows go into the training data, and what stands in them.

    candidates: 1024
    inserted:
      - {repetitions: 1, count: 16}
      - {repetitions: 64, count: 1}
    coin_flips: 128
    columns:
      review: {secret: "my receipt code is {secret}", digits: 10}
      fare: {uniform: [3, 80]}
      passengers: {integers: [1, 6]}
      payment: {choice: [cash, card]}
      tip: {constant: 0.0}

Columns that the plan does not name stay empty. Nothing may be copied from a person's row.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import pydantic

from components.documents import Document, load, parse
from dpcore.canaries import CanaryPlan, InsertedGroup

Value = pydantic.StrictInt | pydantic.StrictFloat | pydantic.StrictStr
Whole = Annotated[int, pydantic.Field(strict=True)]
_PLACE = "{secret}"


class Constant(Document):
    """Every candidate holds this value."""

    constant: Value


class Uniform(Document):
    """A number between the two, both finite."""

    uniform: tuple[float, float]

    @pydantic.model_validator(mode="after")
    def _ascending(self) -> "Uniform":
        return _require_ascending(self, self.uniform)


class Integers(Document):
    """A whole number between the two, both included."""

    integers: tuple[Whole, Whole]

    @pydantic.model_validator(mode="after")
    def _ascending(self) -> "Integers":
        return _require_ascending(self, self.integers)


class Choice(Document):
    """One of these values, each equally likely."""

    choice: tuple[Value, ...] = pydantic.Field(min_length=1)


class Secret(Document):
    """A public sentence with a random number of ``digits`` digits in place of ``{secret}``; all distinct."""

    secret: str
    digits: int = pydantic.Field(default=10, ge=1, le=18)

    @pydantic.field_validator("secret")
    @classmethod
    def _has_one_place(cls, template: str) -> str:
        if template.count(_PLACE) != 1:
            raise ValueError(f"must contain {_PLACE} exactly once")
        return template

    def text(self, number: int) -> str:
        """The sentence with this number in it."""
        return self.secret.replace(_PLACE, f"{number:0{self.digits}d}")


_RULES = {"constant": Constant, "uniform": Uniform, "integers": Integers, "choice": Choice, "secret": Secret}


def _kind(rule: Any) -> str | None:
    names = rule if isinstance(rule, dict) else vars(rule) if isinstance(rule, Document) else ()
    kinds = [name for name in _RULES if name in names]
    return kinds[0] if len(kinds) == 1 else None


Rule = Annotated[
    Annotated[Constant, pydantic.Tag("constant")]
    | Annotated[Uniform, pydantic.Tag("uniform")]
    | Annotated[Integers, pydantic.Tag("integers")]
    | Annotated[Choice, pydantic.Tag("choice")]
    | Annotated[Secret, pydantic.Tag("secret")],
    pydantic.Discriminator(
        _kind, custom_error_type="rule", custom_error_message=f"must be exactly one of {', '.join(_RULES)}"
    ),
]


class Inserted(Document):
    """``count`` canaries that are each inserted ``repetitions`` times."""

    repetitions: int = pydantic.Field(ge=1)
    count: int = pydantic.Field(ge=1)


class Plan(Document):
    """See the module's docstring for an example.

    ``coin_flips``: further candidates of which each is inserted once if a fair coin says so; they allow a
    provable one-run audit of epsilon.
    ``seed``: fixes the draw, so that a rerun without cache gives the same canaries. Canaries are not
    personal data, so it need not be secret. Without it the operating system draws.
    """

    candidates: int = pydantic.Field(ge=2, le=1_000_000)
    inserted: tuple[Inserted, ...] = ()
    coin_flips: int = pydantic.Field(default=0, ge=0)
    columns: dict[str, Rule] = pydantic.Field(min_length=1)
    seed: int | None = pydantic.Field(default=None, ge=0)

    @pydantic.model_validator(mode="after")
    def _check(self) -> "Plan":
        self.canaries()
        for name, rule in self.columns.items():
            if isinstance(rule, Secret) and 10**rule.digits < self.candidates:
                raise ValueError(
                    f"columns.{name}: {rule.digits} digits give fewer than {self.candidates} distinct secrets"
                )
        return self

    def canaries(self) -> CanaryPlan:
        """The part of the plan that says how many."""
        return CanaryPlan(
            candidates=self.candidates,
            inserted=tuple(InsertedGroup(repetitions=i.repetitions, count=i.count) for i in self.inserted),
            coin_flips=self.coin_flips,
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the plan's canonical JSON: the same plan, the same digest, however spelt."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def parse_plan(text: str, *, source: str) -> Plan:
    """Reads a plan from YAML text; raises DocumentError naming ``source``."""
    return parse(Plan, text, source=source)


def load_plan(path: str | Path) -> Plan:
    """Reads a plan from a file; raises DocumentError."""
    return load(Plan, path)


def _require_ascending(rule: Any, bounds: tuple[float, float]) -> Any:
    if not bounds[0] < bounds[1]:
        raise ValueError(f"the first number must be below the second; got {list(bounds)}")
    return rule
