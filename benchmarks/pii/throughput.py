"""How fast personal data is found, beside Presidio's BatchAnalyzerEngine with the same spaCy model.

python -m benchmarks.pii.throughput --profiles fast,balanced --profile-time
"""

import cProfile
import gc
import json
import pstats
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Annotated, Any

import regex
import typer
from presidio_analyzer import BatchAnalyzerEngine, EntityRecognizer
from rich.console import Console
from rich.table import Table

from benchmarks.pii import corpus
from benchmarks.pii.accuracy import ours, presidio_engine, presidio_types
from benchmarks.timing import CORES, OtherLoad
from components.pii.entities import DEFAULT_ENTITIES
from components.pii.recognizers import pattern_recognizers
from components.pii.recognizers.rules import Rule, RuleRecognizer

console = Console() if sys.stdout.isatty() else Console(width=130)

PRESIDIO = "Presidio BatchAnalyzerEngine"
_THRESHOLD = 0.4
_END_OF_SENTENCE = regex.compile(r"(?<=[.!?])(?=\s)|$", regex.MULTILINE)
_RECEIPT_FORMS = 2
_ROWS = 25

Run = Callable[[Sequence[str]], object]


def main(
    profiles: Annotated[str, typer.Option(help="Of this project, with commas.")] = "fast,balanced,thorough",
    texts: Annotated[int, typer.Option(help="How many texts in a round.")] = 200,
    rounds: Annotated[int, typer.Option(help="How many rounds; each has new texts.")] = 7,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write all figures.")] = None,
    profile_time: Annotated[bool, typer.Option("--profile-time", help="Show where the time goes.")] = False,
) -> None:
    """Times every profile and Presidio on the same new texts, in turn; a table for each sort of text."""
    systems: dict[str, Run] = {PRESIDIO: presidio_batches()}
    types = {"all types": frozenset(DEFAULT_ENTITIES), "Presidio's types": presidio_types()}
    systems |= {
        f"{name}, {which}": ours(name, entities, _THRESHOLD)
        for name in profiles.split(",")
        for which, entities in types.items()
    }
    records = []
    for title, sort in SORTS.items():
        batches = [sort(texts, seed) for seed in range(rounds + 1)]
        record = {"texts": title, **measured(systems, batches)}
        records.append(record)
        console.print(table(record))
    console.print(f"{CORES} cores. A ratio is to Presidio's time for the same texts in the same round.")
    if profile_time:
        for name in profiles.split(","):
            batch = distinct(texts, -1)
            run = systems[f"{name}, all types"]
            console.print(time_table(f"{name}: by recogniser", by_recogniser(run, batch)))
            console.print(time_table(f"{name}: by module", by_module(run, distinct(texts, -2))))
    if json_file:
        json_file.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


def presidio_batches() -> Run:
    """Presidio's own way for many texts: everything that its defaults find, in batches."""
    batches = BatchAnalyzerEngine(analyzer_engine=presidio_engine())

    def run(texts: Sequence[str]) -> object:
        return batches.analyze_iterator(texts, language="en", batch_size=64, score_threshold=_THRESHOLD)

    return run


def measured(systems: dict[str, Run], batches: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Medians and quartiles over the batches; the first batch warms up.

    Every system reads each batch once, in an order that turns round, so that other load falls on all alike
    and no cache has seen a text before.
    """
    for run in systems.values():
        run(batches[0])
    names = list(systems)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    load = OtherLoad()
    for number, batch in enumerate(batches[1:]):
        for name in names if number % 2 == 0 else reversed(names):
            # What others left behind is not looked through on this one's time.
            gc.collect()
            start = time.perf_counter()
            systems[name](batch)
            seconds[name].append(time.perf_counter() - start)
    characters = [sum(map(len, batch)) for batch in batches[1:]]
    return {
        "other_load_cores": load.cores(),
        "systems": {
            name: {
                "characters_per_second": median(c / s for c, s in zip(characters, own, strict=True)),
                "texts_per_second": median(len(b) / s for b, s in zip(batches[1:], own, strict=True)),
                "speed_up": _quartiles([b / s for b, s in zip(seconds[names[0]], own, strict=True)]),
            }
            for name, own in seconds.items()
        },
    }


def distinct(size: int, seed: int) -> list[str]:
    """Texts of the corpus in which every sentence has three words more, drawn at random: no sentence comes
    twice, even where all that is personal in it is masked."""
    return _with_more_words([one.text for one in corpus.samples("dev", size, seed=1000 + seed)], seed)


def sparse(size: int, seed: int) -> list[str]:
    """As :func:`distinct`, but nine in ten texts hold nothing personal."""
    personal = corpus.samples("dev", size, seed=1000 + seed)
    plain = corpus.clean(size, seed=1000 + seed)
    texts = [(plain if place % 10 else personal)[place].text for place in range(size)]
    return _with_more_words(texts, seed)


def _with_more_words(texts: Sequence[str], seed: int) -> list[str]:
    rng = Random(f"distinct/{seed}")

    def more(_: regex.Match[str]) -> str:
        return " " + " ".join(rng.choice(_vocabulary()) for _ in range(3))

    return [_END_OF_SENTENCE.sub(more, text) for text in texts]


def receipts(size: int, seed: int) -> list[str]:
    """Receipts of two forms only, as a column of a table has them: people, places and numbers differ."""
    forms = [one for one in corpus.templates("dev") if one.kind == "receipt"][1 : 1 + _RECEIPT_FORMS]
    rng = Random(f"receipts/{seed}")
    return [corpus.fill(forms[index % len(forms)], rng, "dev", style=False).text for index in range(size)]


SORTS = {
    "distinct sentences": distinct,
    "nine in ten without personal data": sparse,
    "repetitive receipts": receipts,
}


@cache
def _vocabulary() -> tuple[str, ...]:
    plain = (one.text for one in corpus.templates("dev") if one.kind == "clean")
    return tuple(
        sorted({word for text in plain for word in regex.findall(r"(?<![{\w])[a-z]{3,}(?![}\w])", text)})
    )


def by_recogniser(run: Run, texts: Sequence[str]) -> dict[str, float]:
    """Seconds in each recogniser, by its name; ``(the rest)`` is everything else."""
    names = {
        rule.pattern: one.name
        for one in pattern_recognizers(DEFAULT_ENTITIES)
        if isinstance(one, RuleRecognizer)
        for rule in one.rules
    }
    seconds: defaultdict[str, float] = defaultdict(float)
    running: list[str] = []

    def timed(method: Callable[..., Any], name: Callable[[Any], str]) -> Callable[..., Any]:
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            if running:
                return method(self, *args, **kwargs)
            running.append(name(self))
            start = time.perf_counter()
            try:
                found = method(self, *args, **kwargs)
                return list(found) if isinstance(found, Iterator) else found
            finally:
                seconds[running.pop()] += time.perf_counter() - start

        return wrapper

    methods = [(one, "analyze", lambda self: self.name) for one in _subclasses(EntityRecognizer)]
    methods += [
        (Rule, method, lambda self: names.get(self.pattern, "other rules"))
        for method in ("may_match", "find")
    ]
    own = [(kind, method, vars(kind)[method], name) for kind, method, name in methods if method in vars(kind)]
    for kind, method, original, name in own:
        setattr(kind, method, timed(original, name))
    try:
        start = time.perf_counter()
        run(texts)
        whole = time.perf_counter() - start
    finally:
        for kind, method, original, _ in own:
            setattr(kind, method, original)
    return {**seconds, "(the rest)": whole - sum(seconds.values())}


def by_module(run: Run, texts: Sequence[str]) -> dict[str, float]:
    """Seconds in the code of each module, under cProfile; C code counts for the module that calls it."""
    profiler = cProfile.Profile()
    profiler.runcall(run, texts)
    seconds: defaultdict[str, float] = defaultdict(float)
    for (file, _, _), (_, _, own, _, callers) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        if file != "~" or not callers:
            seconds[_module(file)] += own
        else:
            for (caller, _, _), (_, _, share, _) in callers.items():
                seconds[_module(caller)] += share
    return dict(seconds)


def time_table(title: str, seconds: dict[str, float]) -> Table:
    """The longest first, with shares."""
    shown = Table(title=title)
    shown.add_column("", no_wrap=True)
    for column in ("ms", "share"):
        shown.add_column(column, justify="right")
    whole = sum(seconds.values())
    for name, own in sorted(seconds.items(), key=lambda item: -item[1])[:_ROWS]:
        shown.add_row(name, f"{1e3 * own:,.1f}", f"{100 * own / whole:.1f} %")
    return shown


def table(record: dict[str, Any]) -> Table:
    """A row for each system."""
    shown = Table(title=f"{record['texts']}; other programs used {record['other_load_cores']:.1f} cores")
    shown.add_column("", no_wrap=True)
    for column in ("characters/s", "texts/s", "times as fast [quartiles]"):
        shown.add_column(column, justify="right")
    for name, own in record["systems"].items():
        low, middle, high = own["speed_up"]
        shown.add_row(
            name,
            f"{own['characters_per_second']:,.0f}",
            f"{own['texts_per_second']:,.0f}",
            f"{middle:.1f} [{low:.1f}-{high:.1f}]",
        )
    return shown


def _subclasses(kind: type) -> Iterator[Any]:
    one: Any
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)


def _module(file: str) -> str:
    path = Path(file).with_suffix("")
    for root in ("site-packages", "components", "benchmarks"):
        if root in path.parts:
            inside = path.parts[path.parts.index(root) + (root == "site-packages") :]
            return ".".join(inside[:3] if root == "site-packages" else inside)
    return path.name


def _quartiles(values: list[float]) -> list[float]:
    return quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


if __name__ == "__main__":
    typer.run(main)
