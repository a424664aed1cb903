"""Sieves: which rules can match a text at all, told by RE2 in one look.

Nearly every rule that is tried finds nothing. A rule's pattern is widened to a regular expression, in the
strict sense of the word, that matches wherever the pattern does: without what looks behind or must not
follow, with a group's pattern in place of a reference to it, without bounds on how often something may
stand. RE2 reads a text for several of these at once, in time proportional to its length.
"""

import string
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import re2
import regex

STAND_IN = "?"
"""The character that every character beyond ASCII is read as."""

_ASCII = "".join(map(chr, range(128)))
_SHAPE = bytes.maketrans(
    (string.digits + string.ascii_uppercase + string.ascii_lowercase).encode(),
    b"0" * 10 + b"A" * 26 + b"a" * 26,
)
_FEW = 12
_MEGABYTE = 1 << 20

_ITEM = regex.compile(
    r"""
      (?P<nothing>\(\?m\)|\\[bBAZ]|[\^$])
    | (?P<ahead>\(\?=)
    | (?P<unseen>\(\?(?:!|<=|<!))
    | \\(?P<reference>[1-9]) | \(\?P=(?P<reference>\w+)\)
    | \((?:\?(?P<any_case>i)?:|\?P<(?P<name>\w+)>|(?P<numbered>(?!\?)))
    | (?P<bar>\|)
    | (?P<close>\))
    | (?P<one>\[\^?(?:\\.|[^]\\])+\] | \\[pP]\{\w+\} | \\x[0-9a-f]{2} | \\u[0-9a-f]{4} | \\. | [^(?*+])
    """,
    regex.VERBOSE | regex.DOTALL,
)
_NOT_BEHIND = regex.compile(r"\(\?<!(?P<characters>\[(?:\\.|[^]\\])+\]|\\w)\)")
_TIMES = regex.compile(r"(?:\?|\{(\d+)(?:,(\d+))?\})[?+]?")
_ENDLESS = regex.compile(r"[*+]|\{\d*,\}")


class _One(NamedTuple):
    """One of these characters."""

    characters: str


class _All(NamedTuple):
    """One part behind the other."""

    parts: tuple["_Node", ...]


class _Any(NamedTuple):
    """One of these."""

    options: tuple["_Node", ...]


class _Times(NamedTuple):
    part: "_Node"
    least: int
    most: int


class _Ahead(NamedTuple):
    """What must follow, whatever else does."""

    part: "_Node"


_Node = _One | _All | _Any | _Times | _Ahead


class Sieve:
    """Some patterns, and which of them a text may hold a match of.

    Args:
      patterns: as rules have them.
      shape: whether only the shape of the text is looked at: every digit is any digit, every letter any of
        its case. That tells less and remembers less: the texts of a column differ in their shapes little.
      at_start: whether only matches that begin with the text count.
      at_end: whether only matches that end with the text count.
    """

    def __init__(
        self, patterns: Sequence[str], *, shape: bool = False, at_start: bool = False, at_end: bool = False
    ) -> None:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = (4 + len(patterns) // 4) * _MEGABYTE
        options.log_errors = False
        self._all = range(len(patterns))
        self._shape = shape
        self._set = re2.Set.MatchSet(options) if at_start else re2.Set.SearchSet(options)
        read = [_Reader(pattern, shape).read() for pattern in patterns]
        for node in read:
            written, ends = _written(node, is_last=not at_end)
            self._set.Add(rf"(?:{written})\z" if at_end and not ends else written)
        # Always found, unless RE2 gives up.
        self._set.Add("")
        self._set.Compile()
        self.longest = max(_longest(node, is_last=True) for node in read)
        """How many characters of a text tell."""

    def passing(self, readable: bytes) -> Sequence[int]:
        """The patterns' places among those given; all of them if it cannot be told.

        ``readable`` is the text as :func:`in_ascii` writes it.
        """
        found = self._set.Match(readable.translate(_SHAPE) if self._shape else readable)
        if found is None or (always := len(self._all)) not in found:
            return self._all
        found.remove(always)
        return found


def in_ascii(text: str) -> bytes:
    """The text as sieves read it: every character beyond ASCII as :data:`STAND_IN`."""
    return text.encode("ascii", "replace")


def begins_at_number(pattern: str) -> bool:
    """Whether each match begins at one of :attr:`Glance.groups`."""
    options = _Reader(pattern, False).read().options
    first = _first(options[0])
    if len(options) > 1 or not first <= {*string.digits, "(", "+", STAND_IN}:
        return False
    not_behind = _NOT_BEHIND.match(pattern)
    behind = "a0_.-" if first & {*string.digits} else "a0_"
    return bool(not_behind) and all(regex.match(not_behind["characters"], one) for one in behind)


class _Reader:
    """Reads the patterns of this package, not all that ``regex`` knows."""

    def __init__(self, pattern: str, shape: bool) -> None:
        self._pattern = pattern
        self._shape = shape
        self._at = 0
        self._count = 0
        self._groups: dict[str, _Node] = {}

    def read(self) -> _Any:
        node = self._options(any_case=False)
        if self._at < len(self._pattern):
            raise ValueError(f"A parenthesis is closed at {self._at} that was not opened.")
        return node

    def _options(self, *, any_case: bool) -> _Any:
        options: list[list[_Node]] = [[]]
        while self._at < len(self._pattern):
            item = _ITEM.match(self._pattern, self._at)
            if item is None:
                raise ValueError(f"What stands at {self._at} is not known here.")
            if item["close"]:
                break
            self._at = item.end()
            if item["bar"]:
                options.append([])
            elif (node := self._repeated(self._item(item, any_case))) != _All(()):
                options[-1].append(node)
        return _Any(tuple(_All(tuple(parts)) for parts in options))

    def _item(self, item: "regex.Match[str]", any_case: bool) -> _Node:
        if item["nothing"]:
            return _All(())
        if item["one"]:
            return _one(item["one"], any_case, self._shape)
        if item["reference"]:
            return self._groups[item["reference"]]
        names = [item["name"]] if item["name"] else []
        if item["name"] or item["numbered"] is not None:
            self._count += 1
            names.append(str(self._count))
        inner = self._options(any_case=any_case or item["any_case"] is not None)
        self._at += 1
        for name in names:
            self._groups[name] = _Any((self._groups[name], inner)) if name in self._groups else inner
        if item["unseen"]:
            return _All(())
        return _Ahead(inner) if item["ahead"] else inner

    def _repeated(self, node: _Node) -> _Node:
        if _ENDLESS.match(self._pattern, self._at):
            raise ValueError(f"The quantifier at {self._at} has no bound.")
        times = _TIMES.match(self._pattern, self._at)
        if not times:
            return node
        self._at = times.end()
        least, most = times.groups()
        return _Times(node, int(least or 0), int(most or least or 1))


@cache
def _one(source: str, any_case: bool, shape: bool) -> _One:
    """The characters of ASCII that an item for one character matches. What lies beyond is not asked: of that
    it may match any, unless it is a character itself."""
    pattern = regex.compile(source, regex.IGNORECASE if any_case else 0)
    characters = "".join(filter(pattern.fullmatch, _ASCII))
    if any_case or len(characters) != 1:
        characters += STAND_IN
    if shape:
        characters = characters.encode().translate(_SHAPE).decode()
    return _One("".join(sorted(set(characters))))


def _first(node: _Node) -> set[str]:
    """The characters that what is asked for can begin with; an empty string is one if it may be nothing."""
    match node:
        case _One(characters):
            return set(characters)
        case _All(parts):
            first = {""}
            for part in parts:
                if "" in first:
                    first = first - {""} | _first(part)
            return first
        case _Any(options):
            return set().union(*map(_first, options))
        case _Times(part, least, _):
            return _first(part) | ({""} if not least else set())
    return {""}


def _demand(node: _Node) -> int:
    """How many characters of a rare sort, such as digits, a match has at least."""
    match node:
        case _One(characters):
            return int(len(characters) <= _FEW)
        case _All(parts):
            return sum(map(_demand, parts))
        case _Any(options):
            return min(map(_demand, options))
        case _Times(part, least, _):
            return least * _demand(part)
    return 0


def _longest(node: _Node, *, is_last: bool = False) -> int:
    """No more characters than these can be part of what is asked for."""
    match node:
        case _One():
            return 1
        case _All(parts):
            return sum(_longest(part, is_last=is_last and part is parts[-1]) for part in parts)
        case _Any(options):
            return max(_longest(option, is_last=is_last) for option in options)
        case _Times(part, least, most):
            return _longest(part) * (least if is_last else most)
        case _Ahead(part):
            return _longest(part)


def _written(
    node: _Node, *, may_end: bool = True, is_last: bool = False, behind: int = 0
) -> tuple[str, bool]:
    """The expression, and whether it ends here: nothing behind it may be asked for then.

    Of what stands last no more than the least is asked for. ``behind`` is the demand of what follows.
    """
    match node:
        case _One(characters):
            return "[" + "".join(f"\\x{ord(char):02x}" for char in characters) + "]", False
        case _All(parts):
            return _sequence(parts, may_end, is_last, behind)
        case _Any(options):
            written = [
                _written(option, may_end=may_end, is_last=is_last, behind=behind) for option in options
            ]
            return f"(?:{'|'.join(text for text, _ in written)})", any(ends for _, ends in written)
        case _Times(part, least, most):
            text, ends = _written(part, may_end=may_end and least > 0, behind=behind)
            return (text, True) if ends else (f"(?:{text}){_times(least, least if is_last else most)}", False)
    return "", False


def _times(least: int, most: int) -> str:
    if (least, most) == (0, 1):
        return "?"
    if least == most:
        return f"{{{least}}}"
    return {0: "*", 1: "+"}.get(least, f"{{{least},}}")


def _sequence(parts: tuple[_Node, ...], may_end: bool, is_last: bool, behind: int) -> tuple[str, bool]:
    """What must follow and what does follow cannot both be asked for: the more demanding of the two is."""
    written = ""
    for place, part in enumerate(parts):
        rest = parts[place + 1 :]
        follows = _demand(_All(rest)) + behind
        if isinstance(part, _Ahead):
            if may_end and 0 < _demand(part.part) >= follows:
                return written + _written(part.part, is_last=True)[0], True
            continue
        text, ends = _written(part, may_end=may_end, is_last=is_last and not rest, behind=follows)
        written += text
        if ends:
            return written, True
    return written, False
