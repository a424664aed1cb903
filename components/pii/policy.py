"""The scrub policy: what happens to each column, written by people in YAML.

    key: {env: PSEUDONYM_KEY}
    columns:
      rider_id: pseudonymize
      rider_name: {action: drop, entity: PERSON}
      fare: {action: keep, type: float}
      receipt: {action: detect, entities: [PERSON, ADDRESS, PHONE_NUMBER]}

A column that nobody decided about stops the run: silence is not consent.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import regex

from components.documents import Document, load, parse
from components.pii.errors import ColumnMismatchError, KeyUnavailableError

DEFAULT_ENTITIES = (
    "PERSON",
    "ADDRESS",
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "RECEIPT_NUMBER",
    "US_SSN",
    "IBAN_CODE",
    "IP_ADDRESS",
)
ENTITY_TYPES = (
    *DEFAULT_ENTITIES,
    "CRYPTO",
    "DATE_TIME",
    "LOCATION",
    "MAC_ADDRESS",
    "NRP",
    "ORGANIZATION",
    "URL",
    "US_PASSPORT",
)
MIN_KEY_BYTES = 16

EntityType = Annotated[str, pydantic.Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class Keep(Document):
    """The cell goes through unread, as the type that is promised here."""

    action: Literal["keep"]
    type: Literal["string", "int", "float"] = "string"


class Drop(Document):
    """The column is left out. ``entity`` says what its values are: then they are also removed wherever
    the same row's ``detect`` columns repeat them."""

    action: Literal["drop"]
    entity: EntityType | None = None


class Detect(Document):
    """Free text: findings of these entity types are replaced by ``<TYPE>``."""

    action: Literal["detect"]
    entities: tuple[EntityType, ...] = pydantic.Field(default=DEFAULT_ENTITIES, min_length=1)


class Pseudonymize(Document):
    """The value is replaced by a keyed hash: the same value, the same pseudonym. ``entity`` as in
    :class:`Drop`."""

    action: Literal["pseudonymize"]
    entity: EntityType | None = None


def _spell_out(rule: Any) -> Any:
    return {"action": rule} if isinstance(rule, str) else rule


Rule = Annotated[
    Annotated[Keep | Drop | Detect | Pseudonymize, pydantic.Field(discriminator="action")],
    pydantic.BeforeValidator(_spell_out),
]


class KeySource(Document):
    """Where the pseudonymisation key is: an environment variable or a file, never the key itself."""

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
    """A recogniser of one's own: a regular expression (of the ``regex`` package) for an entity type."""

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
    """

    columns: dict[str, Rule] = pydantic.Field(min_length=1)
    key: KeySource | None = None
    max_malformed_share: float = pydantic.Field(default=0.01, ge=0.0, le=1.0)
    language: Literal["en"] = "en"
    score_threshold: float = pydantic.Field(default=0.4, ge=0.0, le=1.0)
    recognizers: tuple[PatternRule, ...] = ()
    allow: tuple[str, ...] = ()

    @pydantic.model_validator(mode="after")
    def _check(self) -> "ScrubPolicy":
        if self.key is None and (hashed := self.columns_with(Pseudonymize)):
            raise ValueError(f"key is required, because {', '.join(hashed)} is pseudonymized")
        known = {*ENTITY_TYPES, *(rule.entity for rule in self.recognizers)}
        for name, rule in self.columns.items():
            if isinstance(rule, Detect) and (unknown := sorted(set(rule.entities) - known)):
                raise ValueError(
                    f"columns.{name}.entities: no recognizer finds {', '.join(unknown)}; "
                    f"known are {', '.join(sorted(known))}"
                )
        return self

    def columns_with(self, kind: type[Document]) -> list[str]:
        """The columns under one kind of rule, in the order of the file."""
        return [name for name, rule in self.columns.items() if isinstance(rule, kind)]

    @property
    def digest(self) -> str:
        """SHA-256 of the policy's canonical JSON: the same rules, the same digest, however spelt."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


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
        f"{source}: columns.{name}: required, because {data} has this column; "
        "add a rule for it (keep, drop, detect or pseudonymize)."
        for name in undecided
    ] + [
        f"{source}: columns.{name}: names a column that {data} does not have; "
        "remove the rule or correct its spelling."
        for name in absent
    ]
    if problems:
        raise ColumnMismatchError("\n".join(problems))


def load_key(policy: ScrubPolicy, environ: Mapping[str, str] = os.environ) -> bytes | None:
    """The pseudonymisation key, or None where the policy needs none.

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
