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
_TOGETHER = 5

_Due = Iterable[tuple[int, Sequence[int] | None]]
"""Numbers of rules, and the places at which to try them (None: wherever the rule itself looks)."""


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
        for one in own:
            # Now, once per process, and not while texts wait.
            _ = one.rule.compiled
        self._foreign = [one for one in listed if not isinstance(one, RuleRecognizer)]
        self._always = [one for one in own if one.rule.seconds is not None]
        self._groups = list(_grouped([one for one in own if one.rule.seconds is None]))

    def find(self, glances: Sequence[Glance]) -> list[list[Finding]]:
        """What the recognisers find in each text; overlaps are left in.

        One sieve, and then one rule, after the other reads all the texts, so that it stays in the processor's
        cache: with all of them for one text after the other it takes a third longer.
        """
        found: list[list[Finding]] = [[] for _ in glances]
        for group in self._groups:
            due: defaultdict[int, list] = defaultdict(list)
            for glance, into in zip(glances, found, strict=True):
                for number, places in group.due(glance):
                    due[number].append((glance, places, into))
            for number, tasks in due.items():
                for glance, places, into in tasks:
                    into += group.own[number].find(glance, places)
        for glance, into in zip(glances, found, strict=True):
            for one in self._always:
                into += one.find(glance)
            for other in self._foreign:
                into += [
                    Finding(result.entity_type, result.start, result.end, result.score)
                    for result in other.analyze(glance.text, other.supported_entities, None) or ()
                ]
        return found


def _grouped(own: Sequence[_Own]) -> Iterator["_Group"]:
    at_words = [one for one in own if one.rule.at and not one.rule.before]
    numbers = [one for one in own if one.rule.digits]
    at_numbers = [one for one in numbers if one.rule.anchored or one.rule.begins_at_number]
    around = [one for one in numbers if not (one.rule.anchored or one.rule.begins_at_number)]
    others = [one for one in own if not one.rule.digits and (one.rule.before or not one.rule.at)]
    if at_words:
        yield _AtWords(at_words)
    if at_numbers:
        yield _AtNumbers(at_numbers)
    for first in range(0, len(around), _TOGETHER):
        yield _AroundNumbers(around[first : first + _TOGETHER])
    if others:
        yield _Others(others)


class _Group:
    """Some rules, asked together."""

    def __init__(self, own: Sequence[_Own]) -> None:
        self.own = own

    @cached_property
    def _sieves(self) -> list[Sieve]:
        """Each rule's own."""
        return [Sieve([one.rule.pattern]) for one in self.own]

    def due(self, glance: Glance) -> _Due:
        """Which of them to try on a text, and where."""
        if glance.recased is glance:
            return self._due(glance)
        return [
            (number, places)
            for recased, seen in ((False, glance), (True, glance.recased))
            for number, places in self._due(seen)
            if self.own[number].recognizer.recased is recased
        ]

    def _due(self, seen: Glance) -> _Due:
        raise NotImplementedError


class _AtPlaces(_Group):
    """Rules whose matches begin at places that are known: one sieve for all, read from each such place on."""

    @cached_property
    def _sieve(self) -> Sieve:
        return Sieve([one.rule.pattern for one in self.own], at_start=True)

    def _passing(self, seen: Glance, place: int) -> Sequence[int]:
        return self._sieve.passing(seen.readable[place : place + self._sieve.longest])


class _AtWords(_AtPlaces):
    """At one of a rule's words."""

    def __init__(self, own: Sequence[_Own]) -> None:
        super().__init__(own)
        self._words = frozenset().union(*(one.rule.at for one in own))

    def _due(self, seen: Glance) -> _Due:
        due: defaultdict[int, list[int]] = defaultdict(list)
        for word in seen.vocabulary & self._words:
            for place in seen.places(word):
                for number in self._passing(seen, place):
                    if word in self.own[number].rule.at:
                        due[number].append(place)
        return [(number, sorted(places)) for number, places in due.items()]


class _AtNumbers(_AtPlaces):
    """At a group of digits, in a text that has a number with as many digits as the rule asks for."""

    def __init__(self, own: Sequence[_Own]) -> None:
        super().__init__(own)
        self._digits = [one.rule.digits for one in own]

    def _due(self, seen: Glance) -> _Due:
        due: defaultdict[int, list[int]] = defaultdict(list)
        for place in seen.groups:
            for number in self._passing(seen, place):
                if self._digits[number] <= seen.digits:
                    due[number].append(place)
        return due.items()


class _AroundNumbers(_Group):
    """Around a number with so many digits: first by the shape of the text, then by a rule's own sieve."""

    def __init__(self, own: Sequence[_Own]) -> None:
        super().__init__(own)
        self._digits = [one.rule.digits for one in own]
        self._least = min(self._digits)

    @cached_property
    def _shapes(self) -> Sieve:
        return Sieve([one.rule.pattern for one in self.own], shape=True)

    def _due(self, seen: Glance) -> _Due:
        if seen.digits >= self._least:
            for number in self._shapes.passing(seen.readable):
                if self._digits[number] <= seen.digits and self._sieves[number].passing(seen.readable):
                    yield number, None


class _Others(_Group):
    """Rules that ask for a mark, for a word near by, or for nothing: what they ask for, then their sieve."""

    def __init__(self, own: Sequence[_Own]) -> None:
        super().__init__(own)
        by_mark: defaultdict[str, set[int]] = defaultdict(set)
        for number, one in enumerate(own):
            for mark in one.rule.marks:
                by_mark[mark].add(number)
        self._by_mark = list(by_mark.items())
        self._unmarked = [number for number, one in enumerate(own) if not one.rule.marks]

    def _due(self, seen: Glance) -> _Due:
        text = seen.text
        due = {number for number in self._unmarked if self.own[number].rule.may_match(seen)}
        for mark, numbers in self._by_mark:
            if mark in text:
                due |= numbers
        for number in sorted(due):
            if self._sieves[number].passing(seen.readable):
                yield number, None
