"""The scrub policy: what happens to each column, written by people in YAML.

    key: {env: PSEUDONYM_KEY}
    columns:
      fare: {action: keep, type: float}              # as it is; string (default), int or float
      note: drop                                     # the column is left out
      badge: redact                                  # the column stays, its cells are empty
      rider_id: pseudonymize                         # a keyed hash, apart for each column
      rider_name: {action: pseudonymize, surrogate: true, entity: PERSON}   # an invented name
      card: {action: mask, keep_last: 4, entity: CREDIT_CARD}               # **** **** **** 1111
      plate: {action: hash, length: 16}
      birth_date: {action: generalize, to: year}     # or month: "1984-03"
      postcode: {action: generalize, prefix: 3}
      latitude: {action: generalize, grid: 0.1, type: float}
      age: {action: generalize, width: 10}           # "40-49"; with type: int the lower bound, 40
      smoker: {action: randomize, values: ["yes", "no"], epsilon: 1.0}
      payload: {action: detect, json: true}          # the strings, numbers and keys inside JSON
      receipt:
        action: detect
        entities: [PERSON, ADDRESS, CREDIT_CARD, DATE_OF_BIRTH]
        operators:                                   # for what is found; default: replace (<TYPE>)
          PERSON: {action: pseudonymize, surrogate: true}
          CREDIT_CARD: {action: mask, keep_last: 4}
          DATE_OF_BIRTH: {action: generalize, to: year}
        default: replace

A column that nobody decided about stops the run: silence is not consent.

``entity`` says what a column's values are: they are then also removed wherever the same row's ``detect``
columns repeat them. A surrogate goes by the entity type and the key alone, so the same person has the same
invented name in every row, column and text of every run with this key.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import regex

from components.documents import Document, load, parse
from components.pii.entities import DEFAULT_ENTITIES, ENTITY_TYPES
from components.pii.errors import ColumnMismatchError, KeyUnavailableError
from components.pii.operators import spec
from components.pii.operators.spec import EntityType, Operator
from dpcore.randomized_response import MAX_EPSILON

MIN_KEY_BYTES = 16

_ACTIONS = "keep, drop, redact, detect, pseudonymize, hash, mask, generalize or randomize"


class Keep(Document):
    """The cell goes through unread, as the type that is promised here."""

    action: Literal["keep"]
    type: Literal["string", "int", "float"] = "string"


class _Identifying(Document):
    """``entity`` says what the column's values are: then they are also removed wherever the same row's
    ``detect`` columns repeat them."""

    entity: EntityType | None = None


class Drop(_Identifying):
    """The column is left out."""

    action: Literal["drop"]


class Redact(_Identifying, spec.Redact):
    """The column stays, and every cell is empty."""


class Mask(_Identifying, spec.Mask):
    """Every cell as :func:`components.pii.operators.mask.mask` leaves it."""


class Hash(_Identifying, spec.Hash):
    """Every cell as a keyed hash: per entity type where ``entity`` is given, otherwise per column."""


class Generalize(_Identifying, spec.Generalize):
    """Every cell coarser, as ``type``: ``int`` or ``float`` is the year or the lower bound as a number.

    A cell that cannot be read as the rule expects (no ISO 8601 date, no number, no longer than its prefix)
    rejects its row.
    """

    type: Literal["string", "int", "float"] = "string"

    @pydantic.model_validator(mode="after")
    def _is_a_number(self) -> "Generalize":
        if self.type != "string" and (self.prefix is not None or self.to == "month"):
            raise ValueError(f"type must be string here, which is no number; got {self.type!r}")
        steps = [step for step in (self.grid, self.width) if step is not None]
        if self.type == "int" and not all(step.is_integer() for step in steps):
            raise ValueError("type must be float or string where the grid or width is no whole number")
        return self


class Pseudonymize(_Identifying, spec.Pseudonymize):
    """Every cell as a keyed hash of its characters, apart for each column (32 hex digits), or with
    ``surrogate`` as an invented value of the kind that ``entity`` says."""

    @pydantic.model_validator(mode="after")
    def _kind_is_known(self) -> "Pseudonymize":
        if self.surrogate:
            if self.entity is None:
                raise ValueError("entity is required with surrogate: it says what to invent")
            spec.require_surrogate(self.entity)
        return self


class Randomize(Document):
    """K-ary randomised response with this local epsilon: :mod:`dpcore.randomized_response`.

    What leaves is always one of ``values``. A cell is compared without case and outer blanks. One that is
    none of the values (another word, or empty) is answered with a value drawn uniformly: that is as private
    as any answer, while leaving it out, or rejecting its row, would tell that it was none of them. Empty
    cells can be a value: list "". What other columns of the row tell about it is not covered.

    Attributes:
      values: the possible values, public, at least two.
      epsilon: of one answer, no unit; > 0 and at most 20.
    """

    action: Literal["randomize"]
    values: tuple[str, ...] = pydantic.Field(min_length=2)
    epsilon: float = pydantic.Field(gt=0.0, le=MAX_EPSILON)

    @pydantic.field_validator("values", mode="before")
    @classmethod
    def _are_words(cls, values: Any) -> Any:
        if not isinstance(values, list):
            return values
        if any(isinstance(value, bool) for value in values):
            raise ValueError(
                'must be in quotes (["yes", "no"]), because YAML reads yes, no, on, off, true and false alike'
            )
        return [str(value) if isinstance(value, int | float) else value for value in values]

    @pydantic.model_validator(mode="after")
    def _are_different(self) -> "Randomize":
        if len({same_value(value) for value in self.values}) != len(self.values):
            raise ValueError("values must differ in more than case and outer blanks")
        return self


class Detect(Document):
    """Free text: findings of these entity types are removed, each by the operator of its type.

    Attributes:
      entities: what is looked for.
      operators: by entity type, what stands in a finding's place.
      default: the same for all other types. Where it asks for surrogates, types that have none are replaced
        by ``<TYPE>``.
      as_json: ``json`` in YAML. The cell is JSON: keys, strings and numbers are scrubbed one by one, and the
        result is JSON of the same structure. A cell that is no JSON is scrubbed as text.
    """

    action: Literal["detect"]
    entities: tuple[EntityType, ...] = pydantic.Field(default=DEFAULT_ENTITIES, min_length=1)
    operators: dict[EntityType, Operator] = pydantic.Field(default_factory=dict)
    default: Operator = spec.Replace(action="replace")
    as_json: bool = pydantic.Field(default=False, alias="json")

    @pydantic.model_validator(mode="after")
    def _surrogates_exist(self) -> "Detect":
        for entity_type, operator in self.operators.items():
            if isinstance(operator, spec.Pseudonymize) and operator.surrogate:
                spec.require_surrogate(entity_type)
        return self

    @cached_property
    def removed(self) -> frozenset[str]:
        """The entity types that are looked for: those that are not kept."""
        return frozenset(kind for kind in self.entities if not isinstance(self.operator(kind), spec.Keep))

    @property
    def invented(self) -> tuple[str, ...]:
        """The entity types whose findings become invented values of the same kind."""
        operators = ((kind, self.operator(kind)) for kind in sorted(self.entities))
        return tuple(kind for kind, one in operators if isinstance(one, spec.Pseudonymize) and one.surrogate)

    def operator(self, entity_type: str) -> Operator:
        """What is done with findings of this type."""
        return self.operators.get(entity_type, self.default)


Rule = Annotated[
    Annotated[
        Keep | Drop | Redact | Detect | Pseudonymize | Hash | Mask | Generalize | Randomize,
        pydantic.Field(discriminator="action"),
    ],
    pydantic.BeforeValidator(spec.spell_out),
]


def same_value(value: str) -> str:
    """What two spellings of one of :class:`Randomize`'s values have in common."""
    return value.strip().casefold()


class KeySource(Document):
    """Where the key is: an environment variable or a file, never the key itself.

    Another key makes other pseudonyms. It also answers randomised columns anew: that is a second release,
    and the epsilons of both add up.
    """

    env: str | None = None
    file: str | None = None

    @pydantic.model_validator(mode="after")
    def _exactly_one(self) -> "KeySource":
        if (self.env is None) == (self.file is None):
            raise ValueError("must name either env or file")
        return self

    def __str__(self) -> str:
        return f"environment variable {self.env}" if self.env else f"file {self.file}"


class PatternRule(Document):
    """A recogniser of one's own: a regular expression (of the ``regex`` package) for an entity type.

    It may take 5 seconds of a processor for a text of up to 16 thousand characters; most take less than a
    millisecond. One that takes longer, such as ``(a|aa)+$``, stops the run with a PatternTimeoutError, which
    names the rule by its number and its entity type: a rule that is skipped would let through what it is for.
    """

    entity: EntityType
    regex: str
    score: float = pydantic.Field(default=0.8, ge=0.0, le=1.0)
    context: tuple[str, ...] = ()

    @pydantic.field_validator("regex")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            regex.compile(pattern)
        except regex.error as error:
            raise ValueError(f"must be a regular expression ({error})") from None
        return pattern


class ScrubPolicy(Document):
    """What happens to each column.

    ``max_malformed_share``: the share of rows that may be rejected, 0 to 1.
    ``score_threshold``: findings below this confidence (0 to 1) are left in the text.
    ``allow``: words that are never personal here (the firm's own name, say), as they are written.
    ``profile``: how thoroughly texts are read; ``fast`` is patterns only.
    ``model``: a model to read with: a spaCy model's name, or ``module.Class`` of a Presidio EntityRecognizer.
    """

    columns: dict[str, Rule] = pydantic.Field(min_length=1)
    key: KeySource | None = None
    max_malformed_share: float = pydantic.Field(default=0.01, ge=0.0, le=1.0)
    language: Literal["en"] = "en"
    score_threshold: float = pydantic.Field(default=0.4, ge=0.0, le=1.0)
    recognizers: tuple[PatternRule, ...] = ()
    allow: tuple[str, ...] = ()
    profile: Literal["fast", "balanced", "thorough"] = "balanced"
    model: str | None = pydantic.Field(default=None, min_length=1)

    @pydantic.model_validator(mode="after")
    def _check(self) -> "ScrubPolicy":
        if self.key is None and (keyed := self.needs_key()):
            raise ValueError(f"key is required, because {keyed}")
        known = {*ENTITY_TYPES, *(rule.entity for rule in self.recognizers)}
        identifying = {entity for _, entity in self.identifying()}
        for name, rule in self.columns.items():
            if not isinstance(rule, Detect):
                continue
            if unknown := sorted(set(rule.entities) - known):
                raise ValueError(
                    f"columns.{name}.entities: no recognizer finds {', '.join(unknown)}; "
                    f"known are {', '.join(sorted(known))}"
                )
            if unused := sorted(set(rule.operators) - {*rule.entities, *identifying}):
                raise ValueError(
                    f"columns.{name}.operators: {', '.join(unused)} is not among the column's entities; "
                    "add it there or remove its operator"
                )
        return self

    def columns_with(self, kind: type[Document]) -> list[str]:
        """The columns under one kind of rule, in the order of the file."""
        return [name for name, rule in self.columns.items() if isinstance(rule, kind)]

    def identifying(self) -> list[tuple[str, str]]:
        """The columns whose rule says what their values are, and what they are."""
        return [
            (name, rule.entity)
            for name, rule in self.columns.items()
            if isinstance(rule, _Identifying) and rule.entity is not None
        ]

    def needs_key(self) -> str:
        """Which columns need the key, in words; empty where none does."""
        keyed = {
            name: next((one.action for one in _operators(rule) if one.action in _KEYED), None)
            for name, rule in self.columns.items()
        }
        return ", ".join(f"{name} is {_KEYED[action]}" for name, action in keyed.items() if action)

    @property
    def pseudonymizes_people(self) -> bool:
        """Whether people get pseudonyms that depend on who they are, in a column or in a text."""
        return any(
            isinstance(rule.operator("PERSON"), spec.Pseudonymize)
            if isinstance(rule, Detect)
            else isinstance(rule, Pseudonymize) and rule.surrogate and rule.entity == "PERSON"
            for rule in self.columns.values()
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the policy's canonical JSON: the same rules, the same digest, however spelt."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


_KEYED = {"pseudonymize": "pseudonymized", "hash": "hashed", "randomize": "randomized"}


def _operators(rule: Any) -> list[Any]:
    return [*rule.operators.values(), rule.default] if isinstance(rule, Detect) else [rule]


def parse_policy(text: str, *, source: str) -> ScrubPolicy:
    """Reads a policy from YAML text; raises DocumentError naming ``source``."""
    return parse(ScrubPolicy, text, source=source)


def load_policy(path: str | Path) -> ScrubPolicy:
    """Reads a policy from a file; raises DocumentError."""
    return load(ScrubPolicy, path)


def missing_columns(policy: ScrubPolicy, columns: Sequence[str]) -> tuple[list[str], list[str]]:
    """The data's columns that the policy does not name, and the policy's that the data lacks."""
    undecided = [name for name in columns if name not in policy.columns]
    absent = [name for name in policy.columns if name not in columns]
    return undecided, absent


def require_columns(policy: ScrubPolicy, columns: Sequence[str], *, data: str, source: str) -> None:
    """Raises ColumnMismatchError unless the policy (in ``source``) names exactly the columns of ``data``."""
    undecided, absent = missing_columns(policy, columns)
    problems = [
        f"{source}: columns.{name}: required, because {data} has this column; add a rule for it ({_ACTIONS})."
        for name in undecided
    ] + [
        f"{source}: columns.{name}: names a column that {data} does not have; "
        "remove the rule or correct its spelling."
        for name in absent
    ]
    if problems:
        raise ColumnMismatchError("\n".join(problems))


def load_key(policy: ScrubPolicy, environ: Mapping[str, str] = os.environ) -> bytes | None:
    """The key of pseudonyms, hashes and randomised answers, or None where the policy needs none.

    Raises:
      KeyUnavailableError: it is not set, not readable, or shorter than 16 bytes.
    """
    source = policy.key
    if source is None:
        return None
    if source.env is not None:
        if source.env not in environ:
            raise KeyUnavailableError(f"key: {source} is not set; set it to at least {MIN_KEY_BYTES} bytes.")
        key = environ[source.env].encode("utf-8", "surrogateescape")
    else:
        try:
            key = Path(str(source.file)).read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise KeyUnavailableError(f"key: {source} cannot be read: {error.strerror}.") from None
    if len(key) < MIN_KEY_BYTES:
        raise KeyUnavailableError(f"key: {source} must hold at least {MIN_KEY_BYTES} bytes; got {len(key)}.")
    return key
