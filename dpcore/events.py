"""DpEvents as JSON. Only dp_accounting's own events are read back: a ledger cannot name code to import."""

import math
from collections.abc import Mapping
from typing import Any

import attr
from dp_accounting import dp_event

from dpcore.errors import LedgerError

_EVENTS: Mapping[str, type[dp_event.DpEvent]] = {
    name: kind
    for name, kind in vars(dp_event).items()
    if isinstance(kind, type) and issubclass(kind, dp_event.DpEvent) and kind is not dp_event.DpEvent
}


def to_json(event: dp_event.DpEvent) -> dict[str, Any]:
    """The event as a JSON object: its class name under ``type``, beside its fields."""
    fields = {field.name: _value_to_json(getattr(event, field.name)) for field in attr.fields(type(event))}
    return {"type": type(event).__name__, **fields}


def from_json(content: Any) -> dp_event.DpEvent:
    """The inverse of :func:`to_json`.

    Raises:
      LedgerError: not an object, an event that dp_accounting does not define, or wrong fields.
    """
    if not isinstance(content, dict) or str(content.get("type")) not in _EVENTS:
        raise LedgerError("an event must be a JSON object whose type is one of dp_accounting's DpEvents.")
    fields = {name: _value_from_json(value) for name, value in content.items() if name != "type"}
    try:
        return _EVENTS[content["type"]](**fields)
    except (TypeError, ValueError) as error:
        raise LedgerError(f"{content['type']}: wrong fields: {error}") from None


def _value_to_json(value: Any) -> Any:
    if isinstance(value, dp_event.DpEvent):
        return to_json(value)
    if isinstance(value, list | tuple):
        return [_value_to_json(item) for item in value]
    return value


def _value_from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return from_json(value)
    if isinstance(value, list):
        return [_value_from_json(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise LedgerError(f"an event holds finite numbers and events; got {value!r}.")
    return value
