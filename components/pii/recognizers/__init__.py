"""Presidio recognisers for every entity type, one file per family, and the quick way to run them.

All are Presidio's ``EntityRecognizer``: they run in any ``AnalyzerEngine``, and one's own join them by the
policy's ``recognizers``. None of them opens a socket, and none logs what it reads.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

from presidio_analyzer import EntityRecognizer
from presidio_analyzer.predefined_recognizers import DateRecognizer

from components.pii.entities import NER_ENTITIES
from components.pii.findings import Finding
from components.pii.policy import PatternRule
from components.pii.recognizers import (
    addresses,
    contact,
    coordinates,
    dates,
    in_context,
    names,
    national_ids,
    network,
    payment,
)
from components.pii.recognizers.glance import Glance
from components.pii.recognizers.plan import Plan
from components.pii.recognizers.rules import Rule, RuleRecognizer, cue_words

__all__ = ["NER_ENTITIES", "Glance", "RuleRecognizer", "find_all", "pattern_recognizers"]

_CHUNK = 16_384
_OVERLAP = 1_024
_BLOCK = 256
_BOOST = 0.35
_BOOSTED = 0.4
_SECONDS = 5.0

_FACTORIES: dict[str, Callable[[], EntityRecognizer]] = {
    **names.RECOGNIZERS,
    **addresses.RECOGNIZERS,
    **contact.RECOGNIZERS,
    **network.RECOGNIZERS,
    **payment.RECOGNIZERS,
    **national_ids.RECOGNIZERS,
    **in_context.RECOGNIZERS,
    **dates.RECOGNIZERS,
    **coordinates.RECOGNIZERS,
    "DATE_TIME": DateRecognizer,
}


def pattern_recognizers(entities: Iterable[str], rules: Iterable[PatternRule] = ()) -> list[EntityRecognizer]:
    """New recognisers for these entity types that need no language model, then those of the policy."""
    wanted = set(entities)
    built_in = [make() for entity, make in sorted(_FACTORIES.items()) if entity in wanted]
    own = [_of_policy(rule, number) for number, rule in enumerate(rules, 1) if rule.entity in wanted]
    return [*built_in, *own]


def _of_policy(rule: PatternRule, number: int) -> RuleRecognizer:
    made = Rule(
        pattern=rule.regex,
        score=rule.score,
        context=frozenset().union(*(cue_words(words) for words in rule.context)),
        named=min(1.0, max(rule.score + _BOOST, _BOOSTED)),
        seconds=_SECONDS,
    )
    return RuleRecognizer(rule.entity, [made], name=f"recognizers, number {number}")


def find_all(
    texts: Sequence[str], recognizers: Sequence[EntityRecognizer], threshold: float
) -> list[list[Finding]]:
    """What these recognisers find in each text, at or above the threshold (0 to 1); overlaps are left in.

    Linear in the text's length: a text of more than 16 thousand characters is read in stretches that
    overlap, so that a finding of up to 512 characters is found wherever it stands.
    """
    plan = _plan(tuple(recognizers))
    found: list[list[Finding]] = [[] for _ in texts]
    stretches = ((into, *one) for text, into in zip(texts, found, strict=True) for one in _stretches(text))
    while block := list(islice(stretches, _BLOCK)):
        made = plan.find([Glance(stretch) for _, _, stretch, _, _ in block])
        for (into, at, _, low, high), findings in zip(block, made, strict=True):
            into += [
                finding._replace(start=finding.start + at, end=finding.end + at) if at else finding
                for finding in findings
                if finding.score >= threshold and low <= finding.start < high
            ]
    return found


@lru_cache(maxsize=32)
def _plan(recognizers: tuple[EntityRecognizer, ...]) -> Plan:
    return Plan(recognizers)


def _stretches(text: str) -> Iterator[tuple[int, str, int, int]]:
    """Where each stretch starts, the stretch, and from where to where in it a finding may start."""
    if len(text) <= _CHUNK:
        yield 0, text, 0, len(text)
        return
    step = _CHUNK - _OVERLAP
    for at in range(0, len(text) - _OVERLAP, step):
        is_last = at + _CHUNK >= len(text)
        yield (
            at,
            text[at : at + _CHUNK],
            _OVERLAP // 2 if at else 0,
            _CHUNK if is_last else _CHUNK - _OVERLAP // 2,
        )
