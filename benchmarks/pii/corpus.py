"""The labelled corpus: templates, filled with invented people, places and numbers.

    python -m benchmarks.pii.corpus --part dev --size 5

A template stands in ``templates/PART/KIND.txt`` (``KIND.de.txt`` where it is German), between lines of
``===``. ``{{field}}`` is filled by :mod:`benchmarks.pii.fields`; ``{{>name}}`` by a line of
``fragments/name.txt``. Nothing is shared by the two parts: templates, fragments, word lists and names are
other ones, and some countries are in ``unseen`` only.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Annotated, NamedTuple

import regex
import typer

from benchmarks.pii.fields import Piece, Pieces, Scene
from benchmarks.pii.people import Part
from benchmarks.pii.scores import Span
from benchmarks.pii.words import TEMPLATES

SIZE = 3000
CLEAN_SIZE = 1000
PARTS: tuple[Part, ...] = ("dev", "unseen")

_PLACE = regex.compile(r"\{\{(>?)([a-z_]+\d?)\}\}")
_MAX_NESTING = 5


class Sample(NamedTuple):
    """A text and what is personal in it. ``kind`` is what it is (receipt, mail, ...)."""

    text: str
    spans: tuple[Span, ...]
    kind: str
    language: str = "en"


class Template(NamedTuple):
    """The text of a template, as it stands in its file."""

    text: str
    kind: str
    language: str


def samples(part: Part, size: int = SIZE, seed: int = 0) -> list[Sample]:
    """The first ``size`` samples of a part. The same arguments, the same samples; a longer corpus begins
    with the shorter one."""
    by_kind: dict[str, list[Template]] = {}
    for template in templates(part):
        by_kind.setdefault(template.kind, []).append(template)
    kinds = sorted(by_kind)
    made = []
    for index in range(size):
        rng = Random(f"{part}/{seed}/{index}")
        kind = rng.choices(kinds, [_WEIGHTS.get(kind, 1.0) for kind in kinds])[0]
        made.append(fill(rng.choice(by_kind[kind]), rng, part))
    return made


def clean(size: int = CLEAN_SIZE, seed: int = 0, part: Part = "dev") -> list[Sample]:
    """Texts without personal data, no two alike: ``size`` of them, where the templates give as many."""
    chosen = [template for template in templates(part) if template.kind == "clean"]
    rng = Random(f"clean/{part}/{seed}")
    made: dict[str, Sample] = {}
    for attempt in range(10 * size):
        sample = fill(chosen[attempt % len(chosen)], rng, part, style=False)
        made.setdefault(sample.text, sample)
        if len(made) == size:
            break
    return list(made.values())


def fill(
    template: Template, rng: Random, part: Part, *, style: bool = True, scene: Scene | None = None
) -> Sample:
    """A sample of a template; with ``style``, some are in capitals, some in small letters, some mistyped."""
    scene = scene or Scene(rng, part)
    pieces = list(_expanded(template.text, scene))
    if style:
        pieces = _styled(pieces, template.kind, rng)
    text, spans = "", list[Span]()
    for piece in pieces:
        if piece.entity_type:
            span = Span(len(text), len(text) + len(piece.text), piece.entity_type)
            if spans and _are_one_name(text, spans[-1], span):
                span = span._replace(start=spans.pop().start)
            spans.append(span)
        text += piece.text
    return Sample(text, tuple(spans), template.kind, template.language)


def _are_one_name(text: str, first: Span, second: Span) -> bool:
    """Whether only a space stands between a first and a last name."""
    return first.entity_type == second.entity_type == "PERSON" and text[first.end :] == " "


@cache
def templates(part: Part) -> tuple[Template, ...]:
    """The templates of a part."""
    return templates_in(TEMPLATES / part)


def templates_in(folder: Path) -> tuple[Template, ...]:
    """The templates in the files of a folder."""
    found = []
    for path in sorted(folder.glob("*.txt")):
        kind, *language = path.stem.split(".")
        blocks = regex.split(r"(?m)^===\n", path.read_text(encoding="utf-8"))
        found += [Template(block.rstrip("\n"), kind, *(language or ["en"])) for block in blocks]
    return tuple(found)


@cache
def _fragments(part: Part, name: str) -> tuple[str, ...]:
    text = (TEMPLATES / part / "fragments" / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line.replace(r"\n", "\n") for line in text.splitlines() if line)


def _expanded(text: str, scene: Scene, depth: int = 0) -> Iterator[Piece]:
    if depth > _MAX_NESTING:
        raise RecursionError(f"fragments must not be nested deeper than {_MAX_NESTING}; got {text!r}.")
    at = 0
    for match in _PLACE.finditer(text):
        yield Piece(text[at : match.start()])
        if match[1]:
            fragment = scene.fragment(_fragments(scene.part, match[2]))
            yield from _expanded(fragment, scene, depth + 1)
        else:
            yield from scene.field(match[2])
        at = match.end()
    yield Piece(text[at:])


# Kinds that are drawn more or less often than the others.
_WEIGHTS = {
    "clean": 0.8,
    "mail": 1.5,
    "sentence": 2.0,
    "chat": 1.5,
    "log": 0.8,
    "html": 0.6,
    "identity": 1.5,
    "receipt": 1.3,
}

# The share of a kind's samples in small letters, in capitals, and with slips of the keyboard.
STYLES = {
    "chat": (0.35, 0.03, 0.15),
    "receipt": (0.05, 0.25, 0.0),
    "complaint": (0.25, 0.05, 0.15),
    "mail": (0.05, 0.0, 0.1),
    "sentence": (0.1, 0.05, 0.05),
    "address": (0.1, 0.12, 0.0),
    "form": (0.05, 0.1, 0.0),
    "medical": (0.05, 0.1, 0.05),
    "identity": (0.05, 0.05, 0.05),
    "list": (0.05, 0.1, 0.0),
}
# What is spelt exactly keeps its letters: a token in small letters would be another one.
_EXACT = frozenset({"URL", "CRYPTO", "IBAN_CODE"})


def _styled(pieces: Pieces, kind: str, rng: Random) -> Pieces:
    lower, upper, slips = STYLES.get(kind, (0.0, 0.0, 0.0))
    roll = rng.random()
    if roll < lower + upper:
        change = str.lower if roll < lower else str.upper
        return [p if p.entity_type in _EXACT else p._replace(text=_recased(p.text, change)) for p in pieces]
    if roll < lower + upper + slips:
        return [p if p.entity_type else p._replace(text=_mistyped(p.text, rng)) for p in pieces]
    return pieces


def _recased(text: str, change: Callable[[str], str]) -> str:
    return "".join(change(char) if len(change(char)) == 1 else char for char in text)


def _mistyped(text: str, rng: Random) -> str:
    chars = list(text)
    for index in range(1, len(chars) - 1):
        if rng.random() < 0.015 and chars[index].isalpha() and chars[index + 1].isalpha():
            chars[index], chars[index + 1] = chars[index + 1], chars[index]
    return "".join(chars)


def main(
    part: Annotated[str, typer.Option(help="dev, unseen, or clean.")] = "dev",
    size: Annotated[int, typer.Option(help="How many samples.")] = SIZE,
    seed: Annotated[int, typer.Option(help="Another seed, other samples.")] = 0,
    file: Annotated[Path | None, typer.Option("--file", help="Where to write it, as JSON lines.")] = None,
) -> None:
    """Writes a part of the corpus as JSON lines: text, spans, kind, language."""
    made = clean(size, seed) if part == "clean" else samples(known_part(part), size, seed)
    rows = [sample._asdict() | {"spans": [span._asdict() for span in sample.spans]} for sample in made]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if file:
        file.write_text(lines, encoding="utf-8")
    else:
        typer.echo(lines, nl=False)


def known_part(name: str) -> Part:
    """The part of this name; raises BadParameter."""
    for part in PARTS:
        if name == part:
            return part
    raise typer.BadParameter(f"parts are {', '.join(PARTS)} and clean; got {name}.")


if __name__ == "__main__":
    typer.run(main)
