"""Makes what the networks learn from: words of sentences, and what each word is.

    python -m benchmarks.pii.training.make_data OUT.npz --wnut FOLDER --complaints FILE.parquet

What is made from templates has its own labels, and so has WNUT-17. Complaints and package descriptions have
those that Rampart is sure of. Translated interfaces hold no names but those that are put into them. Nothing
of the corpus's unseen part is read.
"""

import gettext
import multiprocessing
import sysconfig
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
import regex
import typer

from benchmarks.pii import corpus, wnut
from benchmarks.pii.corpus import Template
from benchmarks.pii.scores import Span
from benchmarks.pii.training.rows import row
from benchmarks.pii.training.sentences import Sentences
from benchmarks.pii.training.values import WideScene, anyone, town
from components.pii.detector import _SENTENCE, Detector
from components.pii.entities import DEFAULT_ENTITIES, NATIONAL_IDS
from components.pii.findings import Finding, mask, merge
from components.pii.ner.rampart import RampartRecognizer
from components.pii.ner.spans import KINDS
from components.pii.ner.tagger_words import Words, tokens
from components.pii.normalize import normalize

SEED = 7
UNSURE = 255
"""The label of a word that nothing is learnt from."""

_FOLDERS = {"dev": 12, "en": 26, "other": 20, "beside": 10, "world": 20}
"""The folders of templates, and how often one of each is filled."""
_TEMPLATES = Path(__file__).with_name("templates")
_THRESHOLD = 0.4
_MASKED = 0.85
_AT_ONCE = 2000
_LINES = 4000
_DEFINITIONS = 160_000
_LATIN_LANGUAGES = frozenset(
    regex.findall(r"\w+", "cs da de en es et fi fr hr hu id it lt lv nb nl pl pt ro sk sl sv tr")
)
_PROSE = regex.compile(r"(?<=[.!?])\s|\n\n")
_INNER_CAPITAL = regex.compile(r"\S\P{L}*\s\P{L}*\p{Lu}")
_REMOVED = regex.compile(r"(?:x{4,}[ /]?)+")


class Labelled(NamedTuple):
    """A sentence and, for each of its tokens, 0 or 1 + its kind's place in ``KINDS``, or ``UNSURE``."""

    text: str
    labels: bytes
    held_out: bool = False


def main(
    out: Path,
    wnut_folder: Annotated[Path, typer.Option("--wnut", help="WNUT-17's files.")],
    complaints: Annotated[
        Path | None, typer.Option(help="Complaints, a column chunk_text; without, nothing Rampart labels.")
    ] = None,
    wheels: Annotated[
        Path | None, typer.Option(help="Wheels of programs with translations, as pip downloads them.")
    ] = None,
    wordnet: Annotated[Path | None, typer.Option(help="WordNet's folder with data.noun and others.")] = None,
    texts: Annotated[int, typer.Option(help="How many texts from templates.")] = 200_000,
    others: Annotated[
        float, typer.Option(help="The share of the other sources, but WNUT, that is used.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Another seed, other sentences.")] = SEED,
    processes: Annotated[int, typer.Option(help="How many at once.")] = 2,
) -> None:
    """Writes the arrays that ``train_tagger.py`` and ``train_adapter.py`` read."""
    rng = Random(seed)
    made = list(of_wnut(wnut_folder, rng))
    if complaints is not None:
        chunks = pd.read_parquet(complaints)["chunk_text"].tolist()
        made += of_prose(int(14_000 * others), rng)
        made += of_complaints(rng.sample(chunks, int(len(chunks) * others)), rng)
    if wheels is not None:
        made += of_interfaces(wheels, int(_LINES * others), rng)
    if wordnet is not None:
        made += of_wordnet(wordnet, int(_DEFINITIONS * others), rng)
    seen: Counter[str] = Counter()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for part in pool.imap(partial(of_templates, seed), range(0, texts, _AT_ONCE)):
            for one in part:
                # What most texts say alike ("Kind regards,") is learnt soon enough.
                seen[one.text] += 1
                if seen[one.text] <= 3:
                    made += recased(one, rng)
    rng.shuffle(made)
    np.savez_compressed(out, **arrays(made))
    typer.echo(f"{len(made):,} sentences")


def of_templates(seed: int, first: int) -> list[Labelled]:
    """Sentences of filled templates, as the detector shows them to a recogniser: patterns masked, a sentence
    at a time. Most are the training templates, the others the development part's, rows and short ones."""
    patterns, made = _patterns(), []
    short = Sentences(seed + first)
    for index in range(first, first + _AT_ONCE):
        rng = Random(f"training/{seed}/{index}")
        roll = rng.random()
        held_out = False
        if roll < 0.1:
            text, spans = short.sentence(personal=rng.random() < 0.7)
        elif roll < 0.2:
            text, spans = row(WideScene(rng))
        else:
            (folder,) = rng.choices(list(_FOLDERS), list(_FOLDERS.values()))
            template, held_out = rng.choice(_templates(folder))
            sample = corpus.fill(template, rng, "dev", scene=WideScene(rng, template.language))
            text, spans = sample.text, sample.spans
        made += sentences(text, spans, patterns if rng.random() < _MASKED else None, held_out)
    return made


def sentences(
    text: str, spans: Sequence[Span], patterns: Detector | None, held_out: bool = False
) -> Iterator[Labelled]:
    """The sentences of a text with their labels; with ``patterns``, what they find is masked."""
    text, spans = _readable(text, [span for span in map(_known, spans) if span.entity_type in KINDS])
    if patterns is not None:
        found = merge(patterns.find_patterns(text, _THRESHOLD))
        text, stretches = mask(text, found)
        spans = [
            Span(max(span.start - s.shift, s.start), min(span.end - s.shift, s.end), span.entity_type)
            for span in spans
            for s in stretches
            if max(span.start - s.shift, s.start) < min(span.end - s.shift, s.end)
        ]
    for match in _SENTENCE.finditer(text):
        yield labelled(match.group(), _within(spans, *match.span()), held_out)


def of_wnut(folder: Path, rng: Random) -> Iterator[Labelled]:
    """WNUT's training texts; those with people or places many times, mostly with others in their places."""
    for sample in wnut.read(folder, "train"):
        text, spans = sample.text, list(sample.spans)
        for _ in range(4 if spans else 2):
            yield from recased(labelled(text, spans), rng)
        for _ in range(8 if spans else 0):
            yield from recased(labelled(*_renamed(text, spans, rng)), rng)


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
        someone = anyone(rng)
        return rng.choice((someone.first, f"{someone.first} {someone.last}", "")).lower() + " "

    return taught([_REMOVED.sub(name, text)[:300] for text in texts])


def of_interfaces(wheels: Path, most: int, rng: Random) -> Iterator[Labelled]:
    """What programs say in some twenty languages; in two of five, somebody or some town put in anywhere."""
    for _, lines in sorted(_interfaces(wheels).items()):
        for line in rng.sample(sorted(lines), min(len(lines), most)):
            text, spans = line.replace("\n", " ").strip(), []
            if rng.random() < 0.4:
                text, spans = _with_somebody(text, rng)
            for match in _SENTENCE.finditer(text):
                yield from recased(labelled(match.group(), _within(spans, *match.span())), rng)


def of_wordnet(folder: Path, size: int, rng: Random) -> Iterator[Labelled]:
    """Definitions and examples of words; in one of five, somebody or some town put in anywhere.

    Words with a capital are labelled by Rampart, but for those of which WordNet knows that they are no names
    (nationalities, languages, species, months); other words are nothing.
    """
    texts: set[str] = set()
    no_names: set[str] = set()
    for path in sorted(folder.glob("data.*")):
        for entry, _, gloss in (
            line.partition(" | ") for line in path.read_text(encoding="utf-8").splitlines()
        ):
            texts |= {
                part.strip(' ;"') for part in regex.split(r'; (?=")|(?<="); ', gloss) if part.strip(' ;"')
            }
            if " @i " not in entry:
                no_names |= {word for word in entry.split() if word[0].isupper()}
    chosen = rng.sample(sorted(texts), min(size, len(texts)))
    with_capitals = [text for text in chosen if _INNER_CAPITAL.search(text)]
    for one in taught(with_capitals):
        spans = tokens(one.text)
        words = [one.text[start:end] for start, end in spans]
        plain = [word.islower() or word in no_names for word in words]
        labels = bytes(0 if known else label for known, label in zip(plain, one.labels, strict=True))
        yield from recased(one._replace(labels=labels), rng)
    for text in sorted(set(chosen).difference(with_capitals)):
        if rng.random() < 0.5:
            text = text[:1].upper() + text[1:] + rng.choice((".", ".", "!", "?", ""))
        made = _with_somebody(text, rng) if rng.random() < 0.2 else (text, [])
        yield from recased(labelled(*made), rng)


def _with_somebody(text: str, rng: Random) -> tuple[str, list[Span]]:
    """The text with a person or a town between two of its words, or before or behind them."""
    at = rng.choice([match.end() for match in regex.finditer(r"\s|^", text)] or [0])
    someone, kind = anyone(rng), "PERSON" if rng.random() < 0.8 else "LOCATION"
    value = rng.choice((someone.first, someone.last, f"{someone.first} {someone.last}"))
    value = town(rng) if kind == "LOCATION" else value
    return f"{text[:at]}{value} {text[at:]}".rstrip(), [Span(at, at + len(value), kind)]


def _interfaces(wheels: Path) -> dict[str, set[str]]:
    """The messages in the wheels' catalogues, by language."""
    lines: dict[str, set[str]] = defaultdict(set)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as files:
            for name in files.namelist():
                folders = [part for part in name.split("/")[:-1] if part != "LC_MESSAGES"]
                language = folders[-1][:2] if folders else ""
                if not name.endswith(".mo") or language not in _LATIN_LANGUAGES:
                    continue
                with files.open(name) as file:
                    messages = gettext.GNUTranslations(file)._catalog.values()
                lines[language] |= {
                    one
                    for one in messages
                    if isinstance(one, str) and 3 < len(one) < 300 and "Language-Team" not in one
                }
    return lines


def taught(texts: Sequence[str]) -> list[Labelled]:
    """Texts labelled with what Rampart is sure of: at least 0.9 or at most 0.1."""
    teacher = RampartRecognizer()
    made = []
    for text, words in zip(texts, teacher.scores(texts), strict=True):
        spans = tokens(text)
        rows = {start: row for row, (start, _) in enumerate(spans)}
        labels = bytearray(len(spans))
        for start, _, scores in words:
            if start in rows and scores.sum() > 0.1:
                labels[rows[start]] = 1 + int(scores.argmax()) if scores.max() > 0.9 else UNSURE
        made.append(Labelled(text, bytes(labels)))
    return made


def labelled(text: str, spans: Sequence[Span], held_out: bool = False) -> Labelled:
    """A text with the labels of its spans."""
    labels = bytearray()
    for start, end in tokens(text):
        kinds = [span.entity_type for span in spans if span.start < end and start < span.end]
        labels.append(1 + KINDS.index(kinds[0]) if kinds else 0)
    return Labelled(text, bytes(labels), held_out)


def recased(one: Labelled, rng: Random) -> Iterator[Labelled]:
    """The sentence, and for some of them the same in small letters, in capitals, or in Title Case."""
    yield one
    roll = rng.random()
    change = str.lower if roll < 0.15 else str.upper if roll < 0.21 else str.title if roll < 0.24 else None
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
    return {
        "pieces": words.pieces.astype(np.int16),
        "signs": words.signs.astype(np.uint8),
        "ends": words.ends.astype(np.int16),
        "words": np.array(ids, np.int32),
        "sizes": np.array([len(text) for text in texts], np.int32),
        "labels": np.frombuffer(b"".join(one.labels for one in made), np.uint8),
        "held_out": np.array([one.held_out for one in made]),
    }


def _readable(text: str, spans: Sequence[Span]) -> tuple[str, Sequence[Span]]:
    """The text as the detector reads it, without mark-up and the like, and where the spans are there."""
    readable = normalize(text)
    if readable.text == text:
        return text, spans
    places = [readable.to_original(Finding("", at, at + 1, 0.0)) for at in range(len(readable.text))]
    found = []
    for span in spans:
        own = [at for at, place in enumerate(places) if place.start < span.end and span.start < place.end]
        if own:
            found.append(Span(own[0], own[-1] + 1, span.entity_type))
    return readable.text, found


def _known(span: Span) -> Span:
    return span._replace(entity_type="NATIONAL_ID") if span.entity_type in NATIONAL_IDS else span


@cache
def _patterns() -> Detector:
    return Detector(DEFAULT_ENTITIES, score_threshold=_THRESHOLD, profile="fast")


@cache
def _templates(folder: str) -> list[tuple[Template, bool]]:
    """The templates of a folder, and whether each is one of the one in eight to judge by."""
    found = corpus.templates("dev") if folder == "dev" else corpus.templates_in(_TEMPLATES / folder)
    return [(_styled(template), number % 8 == 0) for number, template in enumerate(found)]


def _styled(template: Template) -> Template:
    """With a kind that the corpus knows in small letters, in capitals and mistyped."""
    kind = template.kind.rstrip("23")
    return template._replace(kind=kind if kind in corpus.STYLES else "sentence")


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
            someone = anyone(rng)
            full = f"{someone.first} {someone.last}"
            value = full if " " in value else rng.choice((someone.first, someone.last))
            value = value.lower() if text[span.start].islower() else value
        elif span.entity_type == "LOCATION" and rng.random() < 0.7:
            value = town(rng).lower() if text[span.start].islower() else town(rng)
        kept.append(Span(len(made), len(made) + len(value), span.entity_type))
        made, at = made + value, span.end
    return made + text[at:], kept


if __name__ == "__main__":
    typer.run(main)
