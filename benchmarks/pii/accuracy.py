"""How much personal data a detector finds, and how much it misses, on labelled texts.

python -m benchmarks.pii.accuracy --part dev --profile balanced --baseline presidio
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import regex
import tldextract.tldextract
import typer
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.pii import corpus, labelled, wnut
from benchmarks.pii.corpus import Sample
from benchmarks.pii.scores import MIN_IOU, Counts, Scores, Span, compared, score, trimmed
from components.pii.detector import MODEL, detector
from components.pii.entities import DEFAULT_ENTITIES
from components.pii.findings import Finding, merge

console = Console() if sys.stdout.isatty() else Console(width=130)

PRESIDIO = "presidio"
_BATCH = 256
# Presidio's names for our types, and the types of its that are not asked for: they say little about a person.
_ALIASES = {"US_PASSPORT": "PASSPORT", "US_DRIVER_LICENSE": "DRIVER_LICENSE", "UK_PASSPORT": "PASSPORT",
            "US_BANK_NUMBER": "ACCOUNT_NUMBER", "MEDICAL_LICENSE": "ACCOUNT_NUMBER"}  # fmt: skip
_NOT_ASKED = frozenset({"DATE_TIME", "NRP", "ORGANIZATION"})

Find = Callable[[Sequence[str]], list[list[Span]]]


def main(
    part: Annotated[
        str, typer.Option(help="dev, unseen; clean, unseen-clean: their texts without personal data.")
    ] = "dev",
    profile: Annotated[
        str, typer.Option(help="fast, balanced, thorough; several, with commas.")
    ] = "balanced",
    model: Annotated[str | None, typer.Option(help="A model of your own, as in the policy.")] = None,
    baseline: Annotated[str | None, typer.Option(help="presidio: also its own defaults.")] = None,
    wnut_folder: Annotated[
        Path | None, typer.Option("--wnut", help="WNUT-17's files instead; names only.")
    ] = None,
    wnut_file: Annotated[str, typer.Option(help="train, dev, or test.")] = "test",
    locations: Annotated[bool, typer.Option("--locations", help="With --wnut: its locations too.")] = False,
    file: Annotated[
        Path | None, typer.Option(help="Labelled texts instead, as JSON: see benchmarks/pii/labelled.py.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="Findings below it do not count.")] = 0.4,
    size: Annotated[int | None, typer.Option(help="How many texts.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other texts.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write all figures.")] = None,
    errors: Annotated[int, typer.Option(help="So many patterns of what was missed or false; dev only.")] = 0,
) -> None:
    """Prints precision, recall, F and leak rate by entity type and by kind of text."""
    if errors and (part.startswith("unseen") or (wnut_file == "test" and wnut_folder)):
        raise typer.BadParameter("--errors is for dev and clean: what is unseen stays unseen.")
    if baseline not in (None, PRESIDIO):
        raise typer.BadParameter(f"the baseline is {PRESIDIO}; got {baseline}.")
    if wnut_folder:
        samples = wnut.read(wnut_folder, wnut_file)[:size]
        entities = frozenset({"PERSON", "LOCATION"} if locations else {"PERSON"})
        title = f"WNUT-17 {wnut_file}"
    elif file:
        samples, entities = labelled.read(file)[:size], frozenset(DEFAULT_ENTITIES)
        title = f"{file.name}, {len(samples):,} texts"
    else:
        samples = texts(part, size, seed)
        entities = frozenset(DEFAULT_ENTITIES)
        title = f"{part}, {len(samples):,} texts"
    systems = {name: ours(name, entities, threshold, model) for name in profile.split(",")}
    if baseline:
        systems["Presidio's defaults"] = presidio(entities, threshold)
    record: dict[str, Any] = {"texts": title, "systems": {}}
    for name, find in systems.items():
        findings = find([sample.text for sample in samples])
        judged = [
            (sample.text, [span for span in sample.spans if span.entity_type in entities], found)
            for sample, found in zip(samples, findings, strict=True)
        ]
        whole = score(judged)
        by_kind = {
            kind: score(one for one, sample in zip(judged, samples, strict=True) if _group(sample) == kind)
            for kind in sorted({_group(sample) for sample in samples})
        }
        record["systems"][name] = {
            "total": figures(whole),
            "kinds": {k: figures(v) for k, v in by_kind.items()},
        }
        console.print(type_table(f"{name}: {title}", whole))
        console.print(kind_table(f"{name}: {title}", by_kind))
        if errors:
            console.print(error_table(name, judged, errors))
    if json_file:
        json_file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def texts(part: str, size: int | None, seed: int) -> list[Sample]:
    """The samples of a part of the corpus."""
    if part in ("clean", "unseen-clean"):
        return corpus.clean(size or corpus.CLEAN_SIZE, seed, "dev" if part == "clean" else "unseen")
    return corpus.samples(corpus.known_part(part), size or corpus.SIZE, seed)


def ours(profile: str, entities: frozenset[str], threshold: float, model: str | None = None) -> Find:
    """This project's detector."""
    one = detector(entities, threshold, profile=profile, model=model)

    def find(batch: Sequence[str]) -> list[list[Span]]:
        found: list[list[Span]] = []
        for start in range(0, len(batch), _BATCH):
            found += [_spans(findings) for findings in one.find(batch[start : start + _BATCH])]
        return found

    return find


def presidio(entities: frozenset[str], threshold: float) -> Find:
    """Presidio as it comes, with the same small spaCy model; overlapping findings are merged as here.

    It is asked for everything it has but dates, groups and organisations, which are no labels here.
    """
    engine = presidio_engine()
    wanted = sorted(set(engine.get_supported_entities("en")) - _NOT_ASKED)
    if entities <= {"PERSON", "LOCATION"}:
        wanted = sorted(entities)

    def find(batch: Sequence[str]) -> list[list[Span]]:
        return [
            _spans(
                merge(
                    Finding(_ALIASES.get(one.entity_type, one.entity_type), one.start, one.end, one.score)
                    for one in engine.analyze(text, language="en", entities=wanted, score_threshold=threshold)
                )
            )
            for text in batch
        ]

    return find


def presidio_engine() -> AnalyzerEngine:
    """Presidio's AnalyzerEngine with its default recognisers, and the small spaCy model."""
    # Its e-mail recogniser would download a list of suffixes; the package carries one.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    models = [{"lang_code": "en", "model_name": MODEL}]
    nlp = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    return AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])


def presidio_types() -> frozenset[str]:
    """Those of our entity types that Presidio's default recognisers know, under whatever name."""
    known = presidio_engine().get_supported_entities("en")
    return frozenset(_ALIASES.get(one, one) for one in known) & frozenset(DEFAULT_ENTITIES)


def figures(scores: Scores) -> dict[str, Any]:
    """All figures of these scores, to be written as JSON."""
    return {
        "leak_rate": scores.characters.leak_rate,
        "over_redaction": scores.characters.over_redaction,
        "findings_per_1000_words": 1000 * scores.findings / max(1, scores.words),
        "overlap": _counts(scores.total()),
        "exact": _counts(scores.total(exact=True)),
        "blind": _counts(scores.blind),
        "types": {
            kind: {
                **_counts(counts),
                "exact_f1": scores.exact[kind].f(1),
                "leak_rate": scores.leaks[kind].leak_rate,
            }
            for kind, counts in sorted(scores.overlap.items())
        },
    }


def type_table(title: str, scores: Scores) -> Table:
    """A row for each entity type, and one for all."""
    shown = Table(title=title)
    shown.add_column("entity type", no_wrap=True)
    for column in ("labels", "precision", "recall", "F1", "F2", "exact F1", "leak rate"):
        shown.add_column(column, justify="right")
    for kind, counts in sorted(scores.overlap.items(), key=lambda item: -item[1].right - item[1].missed):
        leak = _percent(scores.leaks[kind].leak_rate) if scores.leaks[kind].personal else ""
        shown.add_row(kind, *_cells(counts, scores.exact[kind]), leak)
    shown.add_section()
    leak = _percent(scores.characters.leak_rate)
    shown.add_row("all", *_cells(scores.total(), scores.total(exact=True)), leak, style="bold")
    shown.add_row("all, any type", *_cells(scores.blind, None), "")
    shown.caption = (
        f"over-redaction {_percent(scores.characters.over_redaction)} of the other characters; "
        f"{1000 * scores.findings / max(1, scores.words):.1f} findings in 1,000 words"
    )
    return shown


def kind_table(title: str, by_kind: dict[str, Scores]) -> Table:
    """A row for each kind of text."""
    shown = Table(title=title)
    shown.add_column("kind", no_wrap=True)
    for column in ("labels", "precision", "recall", "F2", "F2 of PERSON", "leak rate", "over-redaction"):
        shown.add_column(column, justify="right")
    for kind, scores in by_kind.items():
        total, people = scores.total(), scores.overlap["PERSON"]
        shown.add_row(
            kind,
            f"{total.right + total.missed:,}",
            *_cells(total, None)[1:3],
            f"{total.f(2):.3f}" if total.right + total.missed else "",
            f"{people.f(2):.3f}" if people.right + people.missed else "",
            _percent(scores.characters.leak_rate),
            _percent(scores.characters.over_redaction),
        )
    return shown


def error_table(name: str, judged: Sequence[tuple[str, Sequence[Span], Sequence[Span]]], limit: int) -> Table:
    """The shapes of what was missed and of what is false, with the words around them, most frequent first."""
    patterns: Counter[tuple[str, str, str]] = Counter()
    for text, labels, findings in judged:
        spans = [[trimmed(text, span) for span in side] for side in (labels, findings)]
        _, false, missed = compared(*spans, min_iou=MIN_IOU)
        for what, side in (("missed", missed), ("false", false)):
            patterns.update((what, span.entity_type, pattern(text, span, labels)) for span in side)
    shown = Table(title=f"{name}: errors")
    shown.add_column("times", justify="right")
    for column in ("", "type", "pattern"):
        shown.add_column(column)
    for (what, kind, around), times in patterns.most_common(limit):
        shown.add_row(str(times), what, kind, Text(around))
    return shown


def pattern(text: str, span: Span, labels: Sequence[Span]) -> str:
    """The shape of a span (``Aa 9-9``) between the words around it; what is personal there is masked too."""
    masked = [text[: span.start], text[span.end :]]
    sides = ((0, span.start, masked[0]), (span.end, len(text), masked[1]))
    for side, (start, end, part) in enumerate(sides):
        for label in sorted(labels, reverse=True):
            low, high = max(label.start, start), min(label.end, end)
            if low < high:
                part = part[: low - start] + f"<{label.entity_type}>" + part[high - start :]
        masked[side] = part.replace("\n", "⏎")
    return f"{masked[0][-24:]}[{_shape(text[span.start : span.end])}]{masked[1][:16]}"


def _shape(text: str) -> str:
    for what, sign in ((r"\p{Lu}{2,}", "AA"), (r"\p{Lu}\p{Ll}+", "Aa"), (r"\p{Ll}+", "a"), (r"\d+", "9")):
        text = regex.sub(what, lambda _, sign=sign: chr(0xE000 + ["AA", "Aa", "a", "9"].index(sign)), text)
    for index, sign in enumerate(["AA", "Aa", "a", "9"]):
        text = text.replace(chr(0xE000 + index), sign)
    return text


def _group(sample: Sample) -> str:
    return sample.kind if sample.language == "en" else f"{sample.kind} ({sample.language})"


def _spans(findings: Sequence[Finding]) -> list[Span]:
    return [Span(one.start, one.end, one.entity_type) for one in findings]


def _counts(counts: Counts) -> dict[str, float]:
    return {
        "right": counts.right,
        "false": counts.false,
        "missed": counts.missed,
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f(1),
        "f2": counts.f(2),
    }


def _cells(counts: Counts, exact: Counts | None) -> list[str]:
    return [
        f"{counts.right + counts.missed:,}",
        _percent(counts.precision) if counts.right + counts.false else "",
        _percent(counts.recall) if counts.right + counts.missed else "",
        f"{counts.f(1):.3f}",
        f"{counts.f(2):.3f}",
        f"{exact.f(1):.3f}" if exact else "",
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    typer.run(main)
