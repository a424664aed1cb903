"""The strings and numbers inside a JSON text, taken out and put back without touching its structure."""

import json
from dataclasses import dataclass, field
from typing import Any

import regex

_TOKEN = regex.compile(r'"(?:[^"\\]|\\.)*+"|-?\d[\d.eE+-]*+|[{}\[\]:,]')
_MAX_CONTEXT = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """A key, a string or a number: ``json[start:end]`` is its literal, ``text`` what it says.

    ``context`` is the key that it stands under, with ": " behind; empty for a key. ``scope`` is the number of
    a key's object; None for a value.
    """

    start: int
    end: int
    text: str = field(repr=False)
    context: str = field(repr=False)
    scope: int | None = None


def pieces(cell: str) -> list[Piece] | None:
    """The keys, strings and numbers of a JSON text, in their order; None where it is no JSON.

    None too where it is nested more deeply than Python's parser goes (some hundred levels).
    """
    try:
        json.loads(cell, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return _scan(cell)


def rebuilt(cell: str, found: list[Piece], texts: list[str]) -> str:
    """The JSON text with each piece saying its text. What is unchanged keeps its spelling.

    A number that changes becomes a string. Keys of one object that would become equal are numbered.
    """
    parts: list[str] = []
    kept_to = 0
    used: set[tuple[int, str]] = set()
    for piece, text in zip(found, texts, strict=True):
        if piece.scope is not None:
            text = _unused(text, piece.scope, used)
        literal = cell[piece.start : piece.end]
        parts += [cell[kept_to : piece.start], literal if text == piece.text else _quoted(text)]
        kept_to = piece.end
    return "".join([*parts, cell[kept_to:]])


def _scan(cell: str) -> list[Piece]:
    found: list[Piece] = []
    # One entry for each object or list that is open: its number (None for a list) and its latest key.
    objects: list[tuple[int | None, str]] = [(None, "")]
    expects_key = False
    for number, match in enumerate(_TOKEN.finditer(cell)):
        literal = match.group()
        if literal in "{[":
            objects.append((number if literal == "{" else None, objects[-1][1]))
            expects_key = literal == "{"
        elif literal in "}]":
            objects.pop()
            expects_key = False
        elif literal in ":,":
            expects_key = literal == "," and objects[-1][0] is not None
        else:
            text = _said(literal)
            scope, key = objects[-1]
            if expects_key:
                found.append(Piece(match.start(), match.end(), text, "", scope))
                objects[-1] = (scope, _context(text))
            else:
                found.append(Piece(match.start(), match.end(), text, key))
    return found


def _said(literal: str) -> str:
    if not literal.startswith('"'):
        return literal
    # A lone surrogate cannot be written as UTF-8; as "?" it can be read by every recogniser.
    return str(json.loads(literal, strict=False)).encode("utf-8", "replace").decode("utf-8")


def _context(key: str) -> str:
    words = regex.sub(r"(?<=\p{Ll})(?=\p{Lu})|[_\-.]+", " ", key).strip()
    return f"{words}: " if words and len(words) <= _MAX_CONTEXT else ""


def _unused(key: str, scope: int, used: set[tuple[int, str]]) -> str:
    free, count = key, 1
    while (scope, free) in used:
        count += 1
        free = f"{key} {count}"
    used.add((scope, free))
    return free


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _refuse(constant: str) -> Any:
    raise ValueError("JSON has no such number")
