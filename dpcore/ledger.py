"""What a training run has spent: an append-only list of charges, durable before anything is released.

A ledger is JSON lines. The first line names the format; each further line is one entry:

- ``charge``: an event that is about to be released, and how often. Written *before* the release, so that a
  crash over-counts and never under-counts.
- ``public``: an input that the settings declare public, in the words of whoever declared it.
- ``settled``: the attempt has finished and its model stands for all charges up to here. Charges without one
  belong to attempts that died; the next attempt that finishes carries them.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dp_accounting
from dp_accounting import NeighboringRelation

from dpcore import events
from dpcore.config import require_positive
from dpcore.errors import ConfigError, LedgerError

FORMAT = "tfx-privacy-ledger/1"


@dataclass(frozen=True, kw_only=True)
class Charge:
    """One mechanism, applied ``count`` times.

    Attributes:
      event: what was released, in dp_accounting's terms.
      count: how often; >= 1.
      attempt: which attempt at training was charged.
      neighboring_relation: the adjacency under which the event is meant.
      privacy_unit: what one neighbour adds or removes.
      l2_norm_clip: the sensitivity of the release; None where there is none to state.
      seeded: the noise came from a fixed seed: good for tests, not private.
      note: why the charge was made, for readers; never personal data.
    """

    event: dp_accounting.DpEvent
    count: int = 1
    attempt: str
    neighboring_relation: NeighboringRelation = NeighboringRelation.ADD_OR_REMOVE_ONE
    privacy_unit: str = "example"
    l2_norm_clip: float | None = None
    seeded: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int) or self.count < 1:
            raise ConfigError(f"count must be a whole number >= 1; got {self.count!r}.")
        if self.l2_norm_clip is not None:
            require_positive("l2_norm_clip", self.l2_norm_clip)
        for name, kind in (("attempt", str), ("privacy_unit", str), ("seeded", bool), ("note", str)):
            if not isinstance(getattr(self, name), kind):
                raise ConfigError(f"{name} must be a {kind.__name__}; got {getattr(self, name)!r}.")


@dataclass(frozen=True, kw_only=True)
class DeclaredPublic:
    """An input to training that carries no event because somebody declared it public."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Settled:
    """The end of an attempt: all charges up to here belong to the model that it wrote."""

    attempt: str


Entry = Charge | DeclaredPublic | Settled
_KINDS: dict[str, type[Entry]] = {"charge": Charge, "public": DeclaredPublic, "settled": Settled}


class Ledger:
    """An append-only list of entries, in memory or in a file.

    With a path, :meth:`append` returns only after the entry is on disk (fsync). A last line that was cut
    short by a crash is removed when the file is opened again: its release never happened, because the
    release waits for the line.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        """Opens the ledger at ``path``, or creates it; without a path, the ledger lives in memory.

        Raises:
          LedgerError: the file holds something else, or a damaged entry.
        """
        self._path = Path(path) if path is not None else None
        self._entries: list[Entry] = []
        if self._path is None:
            return
        if self._path.exists():
            content = self._path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                # Cut, not rewritten: a crash here must not lose the lines before.
                os.truncate(self._path, len(whole))
            if whole:
                self._entries = list(loads(whole.decode(errors="replace")).entries)
                return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._write(json.dumps({"format": FORMAT}))

    def __repr__(self) -> str:
        return f"Ledger({str(self._path)!r}, {len(self._entries)} entries)"

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything that was written, oldest first."""
        return tuple(self._entries)

    @property
    def charges(self) -> tuple[Charge, ...]:
        """The charges, oldest first."""
        return tuple(entry for entry in self._entries if isinstance(entry, Charge))

    @property
    def declared_public(self) -> tuple[DeclaredPublic, ...]:
        """What was declared public, oldest first."""
        return tuple(entry for entry in self._entries if isinstance(entry, DeclaredPublic))

    @property
    def seeded(self) -> bool:
        """Whether any charge used a fixed noise seed."""
        return any(charge.seeded for charge in self.charges)

    @property
    def neighboring_relation(self) -> NeighboringRelation:
        """The one adjacency of all charges.

        Raises:
          LedgerError: the ledger is empty, or its charges do not agree.
        """
        return _only("neighboring_relation", {charge.neighboring_relation for charge in self.charges})

    @property
    def privacy_unit(self) -> str:
        """The one privacy unit of all charges; raises as :attr:`neighboring_relation` does."""
        unit: str = _only("privacy_unit", {charge.privacy_unit for charge in self.charges})
        return unit

    def append(self, entry: Entry) -> None:
        """Adds an entry; durable when this returns."""
        self._write(_to_line(entry))
        self._entries.append(entry)

    def unsettled(self) -> tuple[Entry, ...]:
        """The entries after the last :class:`Settled`: those of attempts that have not finished."""
        last = max((i for i, entry in enumerate(self._entries) if isinstance(entry, Settled)), default=-1)
        return tuple(self._entries[last + 1 :])

    def event(self) -> dp_accounting.DpEvent:
        """All charges as one composed event; equal events are counted together."""
        counts: dict[str, int] = {}
        for charge in self.charges:
            key = json.dumps(events.to_json(charge.event), sort_keys=True)
            counts[key] = counts.get(key, 0) + charge.count
        builder = dp_accounting.DpEventBuilder()
        for key, count in counts.items():
            builder.compose(events.from_json(json.loads(key)), count)
        return builder.build()

    def dumps(self) -> str:
        """The ledger as JSON lines; charges that differ only in their count are added up."""
        lines = [json.dumps({"format": FORMAT})]
        lines.extend(_to_line(entry) for entry in _merged(self._entries))
        return "\n".join(lines) + "\n"

    def _write(self, line: str) -> None:
        if self._path is None:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


def loads(text: str) -> Ledger:
    """Reads a ledger from JSON lines.

    Raises:
      LedgerError: no format line, a damaged or unknown entry, or a last line that was cut short.
    """
    if not text.endswith("\n"):
        raise LedgerError("the ledger's last line was cut short.")
    lines = text.splitlines()
    if not lines or _json(lines[0], 1) != {"format": FORMAT}:
        raise LedgerError(f"the ledger's first line must name the format {FORMAT!r}.")
    ledger = Ledger()
    for number, line in enumerate(lines[1:], start=2):
        ledger.append(_from_line(line, number))
    return ledger


def of(entries: Iterable[Entry]) -> Ledger:
    """A ledger in memory with the given entries."""
    ledger = Ledger()
    for entry in entries:
        ledger.append(entry)
    return ledger


def _merged(entries: Iterable[Entry]) -> list[Entry]:
    merged: list[Entry] = []
    for entry in entries:
        last = merged[-1] if merged else None
        if isinstance(entry, Charge) and isinstance(last, Charge):
            total = last.count + entry.count
            if _with_count(last, total) == _with_count(entry, total):
                merged[-1] = _with_count(last, total)
                continue
        merged.append(entry)
    return merged


def _with_count(charge: Charge, count: int) -> Charge:
    return Charge(**{**{name: getattr(charge, name) for name in charge.__dataclass_fields__}, "count": count})


def _to_line(entry: Entry) -> str:
    kind = next(name for name, cls in _KINDS.items() if isinstance(entry, cls))
    if not isinstance(entry, Charge):
        return json.dumps({"kind": kind, **asdict(entry)})
    content: dict[str, Any] = {name: getattr(entry, name) for name in entry.__dataclass_fields__}
    content["event"] = events.to_json(entry.event)
    content["neighboring_relation"] = entry.neighboring_relation.name
    return json.dumps({"kind": kind, **content}, allow_nan=False)


def _from_line(line: str, number: int) -> Entry:
    content = _json(line, number)
    kind = content.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise LedgerError(f"line {number}: kind must be one of {sorted(_KINDS)}; got {kind!r}.")
    if set(content) != set(_KINDS[kind].__dataclass_fields__):
        raise LedgerError(f"line {number}: a {kind} must have exactly the fields of {_KINDS[kind].__name__}.")
    if kind == "charge":
        content["event"] = events.from_json(content.get("event"))
        relation = content.get("neighboring_relation")
        if not isinstance(relation, str) or relation not in NeighboringRelation.__members__:
            raise LedgerError(f"line {number}: unknown neighboring_relation {relation!r}.")
        content["neighboring_relation"] = NeighboringRelation[relation]
    try:
        return _KINDS[kind](**content)
    except (TypeError, ConfigError) as error:
        raise LedgerError(f"line {number}: {error}") from None


def _json(line: str, number: int) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:
        raise LedgerError(f"line {number} is not JSON.") from None
    if not isinstance(content, dict):
        raise LedgerError(f"line {number} must be a JSON object.")
    return content


def _only(name: str, values: set[Any]) -> Any:
    if len(values) != 1:
        raise LedgerError(f"all charges must share one {name}; got {sorted(str(v) for v in values)}.")
    return values.pop()
