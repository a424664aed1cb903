"""Documents that people write (policies, plans, settings): YAML, checked before anything runs."""

from pathlib import Path
from typing import TypeVar

import pydantic
import pydantic_core
import yaml


class DocumentError(ValueError):
    """A document breaks a rule. The message names the file, the key, the rule and the value."""


class Document(pydantic.BaseModel):
    """Base of every document: frozen, and a key that nobody defined is an error, not a no-op."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


D = TypeVar("D", bound=Document)


def parse(kind: type[D], text: str, *, source: str) -> D:
    """Reads a document of the given kind from YAML (or JSON) text.

    Args:
      kind: the document's class.
      text: what stands in the file.
      source: the file's name, for error messages.

    Raises:
      DocumentError: the text is not YAML, or a key is missing, unknown or against its rule.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DocumentError(f"{source}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise DocumentError(f"{source}: must be a mapping of keys to values; got {type(content).__name__}.")
    try:
        return kind.model_validate(content)
    except pydantic.ValidationError as error:
        lines = [_in_words(source, detail) for detail in error.errors(include_url=False)]
        raise DocumentError("\n".join(lines)) from None


def load(kind: type[D], path: str | Path) -> D:
    """Reads a document from a file; see :func:`parse`."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: cannot be read: {error}") from None
    return parse(kind, text, source=str(path))


def _in_words(source: str, detail: pydantic_core.ErrorDetails) -> str:
    key = ".".join(str(part) for part in detail["loc"]) or "(document)"
    rule = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"{source}: {key}: no such key; remove it or correct its spelling."
    if detail["type"] == "missing":
        return f"{source}: {key}: required, but missing."
    return f"{source}: {key}: {rule}; got {detail['input']!r}."
