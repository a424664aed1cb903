"""Which rules to try on a text, and where: those whose words, numbers or marks it has, and whose sieve it
passes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from presidio_analyzer import EntityRecognizer

from components.pii.findings import Finding
from components.pii.recognizers.glance import Glance
from components.pii.recognizers.rules import Rule, RuleRecognizer
from components.pii.recognizers.sieve import Sieve

# More rules in one sieve have more states between them than come again.
_TOGETHER = 16


class _Own(NamedTuple):
    recognizer: RuleRecognizer
    rule: Rule

    def find(self, glance: Glance, places: Sequence[int] | None = None) -> list[Finding]:
        return self.recognizer.apply(self.rule, glance, places)


class Plan:
    """Recognisers, in the order in which one look at a text tells which of their rules to try."""

    def __init__(self, recognizers: Iterable[EntityRecognizer]) -> None:
        listed = list(recognizers)
        own = [_Own(one, rule) for one in listed if isinstance(one, RuleRecognizer) for rule in one.rules]
        self._foreign = [one for one in listed if not isinstance(one, RuleRecognizer)]
        self._always = [one for one in own if one.rule.seconds is not None]
        built_in = [one for one in own if one.rule.seconds is None]
        self._groups = [
            group
            for recased in (False, True)
            for group in _grouped([one for one in built_in if one.recognizer.recased is recased])
        ]

    def find(self, glance: Glance) -> Iterator[Finding]:
        """What the recognisers find; overlaps are left in."""
        for group in self._groups:
            yield from group.find(glance)
        for one in self._always:
            yield from one.find(glance)
        for other in self._foreign:
            for result in other.analyze(glance.text, other.supported_entities, None) or ():
                yield Finding(result.entity_type, result.start, result.end, result.score)


def _grouped(own: Sequence[_Own]) -> Iterator["_AtWords | _AtGroups | _AtNumbers | _Alone"]:
    """Rules of recognisers that all recase the text, or of such as all read it as it is."""
    at_words = [one for one in own if one.rule.at and not one.rule.before]
    at_groups = [one for one in own if one.rule.anchored]
    numbers = [one for one in own if one.rule.digits and not one.rule.anchored]
    if at_words:
        yield _AtWords(at_words)
    if at_groups:
        yield _AtGroups(at_groups)
    for first in range(0, len(numbers), _TOGETHER):
        yield _AtNumbers(numbers[first : first + _TOGETHER])
    for one in own:
        if not one.rule.digits and (one.rule.before or not one.rule.at):
            yield _Alone(one)


class _Group:
    """Some rules, asked together."""

    def __init__(self, own: Sequence[_Own]) -> None:
        self._own = own
        self._recased = own[0].recognizer.recased

    def _seen(self, glance: Glance) -> Glance:
        return glance.recased if self._recased else glance


class _AtPlaces(_Group):
    """Rules whose matches begin at places that are known: one sieve for all, read from each such place on."""

    @cached_property
    def _sieve(self) -> Sieve:
        return Sieve([one.rule.pattern for one in self._own], at_start=True)

    def _passing(self, seen: Glance, place: int) -> Sequence[int]:
        return self._sieve.passing(seen.readable[place : place + self._sieve.longest])

    def _find(self, glance: Glance, due: dict[int, set[int]]) -> Iterator[Finding]:
        for number, places in due.items():
            yield from self._own[number].find(glance, sorted(places))


class _AtWords(_AtPlaces):
    """At one of a rule's words."""

    def __init__(self, own: Sequence[_Own]) -> None:
        super().__init__(own)
        self._words = frozenset().union(*(one.rule.at for one in own))

    def find(self, glance: Glance) -> Iterator[Finding]:
        seen = self._seen(glance)
        due: defaultdict[int, set[int]] = defaultdict(set)
        for word in glance.vocabulary & self._words:
            for place in seen.words[word]:
                for number in self._passing(seen, place):
                    if word in self._own[number].rule.at:
                        due[number].add(place)
        return self._find(glance, due)


class _AtGroups(_AtPlaces):
    """At a group of digits."""

    def find(self, glance: Glance) -> Iterator[Finding]:
        seen = self._seen(glance)
        due: defaultdict[int, set[int]] = defaultdict(set)
        for place in seen.groups:
            for number in self._passing(seen, place):
                if glance.digits >= self._own[number].rule.digits:
                    due[number].add(place)
        return self._find(glance, due)


class _AtNumbers(_Group):
    """Rules that find numbers with so many digits; by the shape of the text around."""

    def __init__(self, own: Sequence[_Own]) -> None:
        super().__init__(own)
        self._digits = min(one.rule.digits for one in own)

    @cached_property
    def _sieve(self) -> Sieve:
        return Sieve([one.rule.pattern for one in self._own], shape=True)

    def find(self, glance: Glance) -> Iterator[Finding]:
        if glance.digits >= self._digits:
            for number in self._sieve.passing(self._seen(glance).readable):
                yield from self._own[number].find(glance)


class _Alone(_Group):
    """One rule with a sieve of its own."""

    def __init__(self, own: _Own) -> None:
        super().__init__([own])

    @cached_property
    def _sieve(self) -> Sieve:
        return Sieve([self._own[0].rule.pattern])

    def find(self, glance: Glance) -> Iterator[Finding]:
        one = self._own[0]
        if one.rule.may_match(glance) and self._sieve.passing(self._seen(glance).readable):
            yield from one.find(glance)
