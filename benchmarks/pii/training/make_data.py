"""Makes what the tagger learns from: words of sentences, and what each word is.

    python -m benchmarks.pii.training.make_data OUT.npz --wnut FOLDER --complaints FILE.parquet

What is made from templates has its own labels, and so has WNUT-17. Complaints and package descriptions are
labelled by Rampart with this project's adapter. Nothing of the corpus's unseen part is read.
"""

import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
import regex
import typer

from benchmarks.pii import corpus, wnut
from benchmarks.pii.corpus import Template
from benchmarks.pii.people import person
from benchmarks.pii.scores import Span
from benchmarks.pii.training.sentences import Sentences
from components.pii.detector import _SENTENCE, Detector
from components.pii.entities import DEFAULT_ENTITIES
from components.pii.findings import mask, merge
from components.pii.ner.rampart import RampartRecognizer
from components.pii.ner.spans import WORDS
from components.pii.ner.tagger_words import Words, tokens
from components.pii.ner.weights import rampart_folder, word_embeddings

SEED = 7
MODEL = rampart_folder() / "onnx" / "model_q4.onnx"
_THRESHOLD = 0.4
_PROSE = regex.compile(r"(?<=[.!?])\s|\n\n")
_REMOVED = regex.compile(r"(?:x{4,}[ /]?)+")


class Labelled(NamedTuple):
    """A sentence and, for each of its tokens, how likely it is no name, and each of ``WORDS``."""

    text: str
    labels: np.ndarray
    held_out: bool = False


def main(
    out: Path,
    wnut_folder: Annotated[Path, typer.Option("--wnut", help="WNUT-17's files; the training one is read.")],
    complaints: Annotated[
        Path | None,
        typer.Option(
            help="CFPB complaints, with the column chunk_text; without, nothing that Rampart labels."
        ),
    ] = None,
    scale: Annotated[float, typer.Option(help="How much: 1 is five minutes on a core.")] = 1.0,
) -> None:
    """Writes the arrays that ``train_tagger.py`` and ``train_adapter.py`` read."""
    rng = Random(SEED)
    made = [*of_corpus(int(14_000 * scale), rng), *of_templates(int(36_000 * scale))]
    made += of_wnut(wnut_folder, rng)
    if complaints is not None:
        made += of_prose(int(14_000 * scale), rng)
        made += of_complaints(pd.read_parquet(complaints)["chunk_text"].tolist(), rng)
    made = [again for one in made for again in recased(one, rng)]
    rng.shuffle(made)
    np.savez_compressed(out, **arrays(made))
    typer.echo(f"{len(made):,} sentences")


def of_corpus(size: int, rng: Random) -> Iterator[Labelled]:
    """The development part with seeds of its own, as the detector shows it to a recogniser: patterns masked,
    a sentence at a time. One template in six is marked as held out."""
    patterns = Detector(DEFAULT_ENTITIES, score_threshold=_THRESHOLD, profile="fast")
    by_kind: dict[str, list[Template]] = {}
    for template in corpus.templates("dev"):
        by_kind.setdefault(template.kind, []).append(template)
    seen = set()
    for index in range(size):
        own = Random(f"training/{SEED}/{index}")
        number = own.randrange(sum(map(len, by_kind.values())))
        template = [one for kind in sorted(by_kind) for one in by_kind[kind]][number]
        sample = corpus.fill(template, own, "dev")
        spans = [span for span in sample.spans if span.entity_type in WORDS]
        if rng.random() < 0.85:
            found = merge(patterns.find_patterns(sample.text, _THRESHOLD))
            text, stretches = mask(sample.text, found)
            spans = [
                Span(max(span.start - s.shift, s.start), min(span.end - s.shift, s.end), span.entity_type)
                for span in spans
                for s in stretches
                if max(span.start - s.shift, s.start) < min(span.end - s.shift, s.end)
            ]
        else:
            text = sample.text
        for match in _SENTENCE.finditer(text):
            if match.group() not in seen:
                seen.add(match.group())
                yield labelled(match.group(), _within(spans, *match.span()), held_out=number % 6 == 0)


def of_templates(size: int) -> Iterator[Labelled]:
    """Sentences of :mod:`benchmarks.pii.training.sentences`, three in ten without personal data."""
    source = Sentences(SEED)
    for index in range(size):
        text, spans = source.sentence(personal=index % 10 < 7)
        for match in _SENTENCE.finditer(text):
            yield labelled(match.group(), _within(spans, *match.span()))


def of_wnut(folder: Path, rng: Random) -> Iterator[Labelled]:
    """WNUT's training texts; those with people also with other people's names in their places."""
    for sample in wnut.read(folder, "train"):
        text, spans = sample.text, list(sample.spans)
        yield labelled(text, spans)
        for _ in range(3 if any(span.entity_type == "PERSON" for span in spans) else 0):
            yield labelled(*_renamed(text, spans, rng))


def of_prose(size: int, rng: Random) -> list[Labelled]:
    """Sentences of the descriptions of the packages installed here, labelled by Rampart."""
    found = set()
    for path in sorted(Path(sysconfig.get_path("purelib")).glob("*.dist-info/METADATA")):
        body = path.read_text(encoding="utf-8", errors="ignore").partition("\n\n")[2]
        found |= {part.strip() for part in _PROSE.split(body) if 20 < len(part.strip()) < 300}
    return taught(rng.sample(sorted(found), min(size, len(found))))


def of_complaints(texts: Iterable[str], rng: Random) -> list[Labelled]:
    """Complaints with invented names where names (or dates, or numbers) were removed, labelled by Rampart."""

    def name(_: regex.Match[str]) -> str:
        someone = person(rng, "dev")
        return rng.choice((someone.first, f"{someone.first} {someone.last}", "")).lower() + " "

    return taught([_REMOVED.sub(name, text)[:300] for text in texts])


def taught(texts: Sequence[str]) -> list[Labelled]:
    """Texts labelled with what Rampart gives to each word."""
    teacher = RampartRecognizer(WORDS)
    made = []
    for text, words in zip(texts, teacher.scores(texts), strict=True):
        spans = tokens(text)
        rows = {start: row for row, (start, _) in enumerate(spans)}
        labels = np.zeros((len(spans), 1 + len(WORDS)), np.float32)
        for start, _, scores in words:
            if start in rows:
                labels[rows[start], 1:] = scores / max(1.0, scores.sum())
        labels[:, 0] = 1 - labels[:, 1:].sum(axis=1)
        made.append(Labelled(text, labels))
    return made


def labelled(text: str, spans: Sequence[Span], held_out: bool = False) -> Labelled:
    """A text with the labels of its spans."""
    words = tokens(text)
    labels = np.zeros((len(words), 1 + len(WORDS)), np.float32)
    for row, (start, end) in enumerate(words):
        kinds = [span.entity_type for span in spans if span.start < end and start < span.end]
        labels[row, 1 + WORDS.index(kinds[0]) if kinds else 0] = 1
    return Labelled(text, labels, held_out)


def recased(one: Labelled, rng: Random) -> Iterator[Labelled]:
    """The sentence, and for some of them the same in small letters, in capitals, or in Title Case."""
    yield one
    roll = rng.random()
    change = str.lower if roll < 0.25 else str.upper if roll < 0.33 else str.title if roll < 0.36 else None
    if change is not None and not one.held_out:
        other = one._replace(text="".join(c if len(change(c)) != 1 else change(c) for c in one.text))
        if change is str.title:
            other = one._replace(text=regex.sub(r"\b\p{Ll}", lambda match: match.group().upper(), one.text))
        if len(tokens(other.text)) == len(one.labels):
            yield other


def arrays(made: Sequence[Labelled]) -> dict[str, np.ndarray]:
    """Distinct words and what is known of them; the words of all sentences in a row, and their labels."""
    numbers: dict[str, int] = {}
    texts = [[one.text[start:end] for start, end in tokens(one.text)] for one in made]
    ids = [numbers.setdefault(word, len(numbers)) for text in texts for word in text]
    words = Words(list(numbers))
    levels, scale, zero = word_embeddings(MODEL)
    return {
        "table": ((levels.astype(np.float32) - zero) * scale).astype(np.float16),
        "pieces": words.pieces.astype(np.int16),
        "signs": words.signs.astype(np.uint8),
        "ends": words.ends.astype(np.int16),
        "words": np.array(ids, np.int32),
        "sizes": np.array([len(text) for text in texts], np.int32),
        "labels": np.concatenate([one.labels for one in made]).astype(np.float16),
        "held_out": np.array([one.held_out for one in made]),
    }


def _within(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    return [
        Span(max(span.start, start) - start, min(span.end, end) - start, span.entity_type)
        for span in spans
        if span.start < end and start < span.end
    ]


def _renamed(text: str, spans: Sequence[Span], rng: Random) -> tuple[str, list[Span]]:
    made, kept, at = "", [], 0
    for span in spans:
        made += text[at : span.start]
        value = text[span.start : span.end]
        if span.entity_type == "PERSON":
            someone = person(rng, "dev")
            full = f"{someone.first} {someone.last}"
            value = full if " " in value else rng.choice((someone.first, someone.last))
            value = value.lower() if text[span.start].islower() else value
        kept.append(Span(len(made), len(made) + len(value), span.entity_type))
        made, at = made + value, span.end
    return made + text[at:], kept


if __name__ == "__main__":
    typer.run(main)
