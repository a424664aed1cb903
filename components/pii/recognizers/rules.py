"""Rules and the recogniser that runs them: look where something can be, and only there.

A pattern costs the more, the more places it is tried at. Almost every text has no e-mail address, no card
number and no passport. So a text is looked at once (:class:`Glance`: its words, its numbers), and a rule
names what must be there before its pattern is tried, and where: at one of its words, around a number with
enough digits, or around a character such as ``@``. Every quantifier has a bound, so that the time grows
linearly with the text.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import TypeAlias

import regex
from presidio_analyzer import LocalRecognizer, RecognizerResult

from components.pii.errors import PatternTimeoutError
from components.pii.findings import Finding
from components.pii.recognizers.glance import Glance, joined_stretches
from components.pii.recognizers.sieve import Sieve, begins_at_number

BEFORE = r"(?<![\w.,:/@#$€£¥-])"
"""Before a number that stands alone: no letter, no part of a larger number, no price."""
AFTER = r"(?![\w@]|[-./:]\w|,\d)"
"""After such a number. A full stop or a comma may follow, if no more of the number does."""

_FILLER = (
    r"(?i:numbers?|num|no|nos|nr|nbr|n|nº|n°|id|ids|code|is|was|are|ist|lautet|est|es|è|é|el|la|le"
    r"|der|die|das"
    r"|of|the|for|my|your|his|her|their|our|me|at|with|under|as|to|de|di|del|numero|número|numéro|nummer)"
)
LINK = (
    rf"(?:[^\w\n]{{1,3}}{_FILLER}\b|_{_FILLER}(?!\p{{L}})|(?<=\p{{Ll}})(?:Number|No|Id|Code)\b){{0,3}}+"
    r"[^\w\n,;]{0,5}+(?:\n\s{0,4}+)?"
)
"""Between a word and its value: "passport number is: X", "passport_no=X", '"passportNo": "X"'."""
GAP = r"""(?:[^\w\n.;]{1,3}[^\W\d_]{1,16}){0,5}?[^\w\n.;]{1,5}"""
"""As :data:`LINK`, but up to five other words may stand between: "policy that I took out, 123"."""

_DATE_SHAPE = r"(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}(?!\d)|\d{1,2}[-./]\d{1,2}[-./](?:19|20)?\d\d(?!\d)"
_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-"

CERTAIN = 1.0
CUED = 0.85
_MISTYPED = 0.6

_Match: TypeAlias = "regex.Match[str] | re.Match[str]"

_WORD = regex.compile(r"[^\W\d_]{1,60}+")
_SLACK_BEFORE = 8
_SLACK_AFTER = 24
_LEAD = 80


@cache
def compile_pattern(pattern: str) -> "regex.Pattern[str] | re.Pattern[str]":
    """The pattern, compiled by the standard library if it knows all that the pattern asks for: it finds it in
    half the time or, where there are many branches, in a tenth."""
    try:
        return re.compile(pattern)
    except re.error:
        return regex.compile(pattern)


@cache
def _lead_sieve(lead: str) -> Sieve:
    return Sieve([lead], at_end=True)


def cue_pattern(phrases: str) -> str:
    """The regular expression of these phrases (``|`` between them), in any case, however their words are
    joined: "date of birth" is also "date_of_birth", "DateOfBirth" and "DATE-OF-BIRTH"."""
    spelt = [
        r"[^\w\n]{0,3}_?".join(regex.escape(word).replace("'", "['\u2019]?") for word in phrase.split())
        for phrase in sorted(_split(phrases), key=len, reverse=True)
    ]
    return rf"(?i:{'|'.join(spelt)})(?!\p{{Ll}})"


def token(digits: int, longest: int = 24) -> str:
    """The regular expression of one word of letters, digits, - and / with so many digits or more; no date,
    no price, no UUID."""
    return (
        rf"(?=(?:[\p{{L}}/-]{{0,{longest}}}+\d){{{digits}}})(?!\d{{1,9}}[.,]\d|{_DATE_SHAPE}|{_UUID})"
        rf"[\p{{L}}\d][\p{{L}}\d]{{0,{longest}}}+(?:[/-][\p{{L}}\d]{{1,{longest}}}+){{0,5}}+(?![\w@])"
    )


def spaced(digits: int) -> str:
    """As :func:`token`, but in groups, each with a digit among its first letters."""
    group = r"(?:(?=\p{L}{0,5}\d)[\p{L}\d]{1,16}+|\p{Lu}(?=[ -]\d))"
    return (
        rf"(?=(?:[\p{{L}} ./*-]{{0,5}}+\d){{{digits}}})(?!\d{{1,9}}[.,]\d{{1,9}}(?![.\d])"
        rf"|{_DATE_SHAPE}|{_UUID})"
        rf"(?:(?!(?i:is|was|on|no|nr|id|in|to|for|of|the|at|and)\b)\p{{L}}{{1,4}}[ ./*-])?{group}"
        rf"(?:[ ./*-]{group}){{0,6}}+(?![\w@])"
    )


def cue_words(phrases: str) -> frozenset[str]:
    """The word that each of these phrases begins with, in lower case."""
    return frozenset(_WORD.search(phrase.lower()).group() for phrase in _split(phrases))


def _split(phrases: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in phrases.split("|") if phrase.strip()]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A pattern, where to try it, and how sure its matches are.

    Attributes:
      pattern: a regular expression; the finding is its group ``v`` where it has one.
      score: how sure a match is (0 to 1) that nothing speaks for or against.
      at: words at which alone the pattern is tried, as :func:`cue_words` gives them.
      before: with ``at``: the pattern is searched from so many characters before the word, over it, to
        ``after`` characters behind its start; 0 means that the match begins with the word.
      after: see ``before``.
      digits: without ``at``: the pattern is searched around numbers of at least so many digits, from
        ``before`` characters before them (8 if 0) to ``after`` behind them (24 if 0).
      anchored: with ``digits``: the match begins with a group of digits instead.
      lead: a pattern for what belongs to a finding if it stands right before it (up to 80 characters).
      tail: a pattern for what belongs to a finding if it stands right behind it.
      marks: without ``at`` and ``digits``: one of these must be in the text, which is then searched.
      context: words that speak for a match when they stand near it.
      named: the score with such a word near.
      check: says of the matched text: True, it proves itself (a checksum); False, it is no such thing;
        None, it cannot be told.
      seconds: how long the pattern may take for one text, for patterns that are not ours; None: no limit.
    """

    pattern: str
    score: float
    at: frozenset[str] = frozenset()
    before: int = 0
    after: int = 0
    digits: int = 0
    anchored: bool = False
    lead: str = ""
    tail: str = ""
    marks: tuple[str, ...] = ()
    context: frozenset[str] = frozenset()
    named: float = CUED
    check: Callable[[str], bool | None] | None = None
    seconds: float | None = None

    @cached_property
    def compiled(self) -> "regex.Pattern[str] | re.Pattern[str]":
        """The pattern, compiled: that takes milliseconds the first time."""
        return compile_pattern(self.pattern) if self.seconds is None else regex.compile(self.pattern)

    @cached_property
    def _group(self) -> str | int:
        return "v" if "v" in self.compiled.groupindex else 0

    def may_match(self, glance: Glance) -> bool:
        """Whether the text has a word, a number or a mark that the rule needs."""
        if self.at:
            return not glance.vocabulary.isdisjoint(self.at)
        if self.digits:
            return glance.digits >= self.digits
        return not self.marks or any(mark in glance.text for mark in self.marks)

    def find(self, glance: Glance, places: Sequence[int] | None = None) -> list[tuple[int, int, float]]:
        """Start, end and score of what the rule finds; with ``places``, of what begins there.

        Raises:
          TimeoutError: it takes longer than ``seconds``.
        """
        group = self._group
        found = []
        for match in self._matches(glance, places):
            start, end = match.span(group)
            score = self._score(glance, match.group(group), start, end)
            if score > 0 and start < end:
                found.append((*self._extended(glance, start, end), score))
        return found

    def _matches(self, glance: Glance, places: Sequence[int] | None) -> list[_Match]:
        text = glance.text
        if places is None and self._has_places:
            places = self._places(glance)
        if places is None:
            finditer = self.compiled.finditer
            if self.seconds is not None:
                finditer = partial(finditer, timeout=self.seconds)
            return [match for start, end in self._stretches(glance) for match in finditer(text, start, end)]
        match = self.compiled.match
        if not self.begins_at_number:
            return [found for place in places if (found := match(text, place))]
        return list(self._matches_in_numbers(glance, places))

    def _matches_in_numbers(self, glance: Glance, places: Sequence[int]) -> Iterator[_Match]:
        """As ``finditer`` gives them, none within another, but tried at these places only."""
        text, match = glance.text, self.compiled.match
        for start, end in self._stretches(glance):
            for place in places[bisect_left(places, start) : bisect_left(places, end)]:
                if place >= start and (found := match(text, place, end)):
                    yield found
                    start = found.end()

    @cached_property
    def begins_at_number(self) -> bool:
        """Whether its pattern shows that each match begins at one of :attr:`Glance.groups`."""
        return self.digits > 0 and not self.anchored and begins_at_number(self.pattern)

    @cached_property
    def _has_places(self) -> bool:
        """Whether it is known where a match begins."""
        return bool((self.at and not self.before) or self.anchored or self.begins_at_number)

    def _places(self, glance: Glance) -> list[int]:
        return glance.at_words(self.at) if self.at else glance.groups

    def _extended(self, glance: Glance, start: int, end: int) -> tuple[int, int]:
        text, first = glance.text, max(0, start - _LEAD)
        if (
            self.lead
            and _lead_sieve(self.lead).passing(glance.readable[first:start])
            and (match := compile_pattern(rf"(?:{self.lead})\Z").search(text, first, start))
        ):
            start = match.start()
        if self.tail and (match := compile_pattern(self.tail).match(text, end)):
            end = match.end()
        return start, end

    def _stretches(self, glance: Glance) -> list[tuple[int, int]]:
        if self.at:
            return joined_stretches((at - self.before, at + self.after) for at in glance.at_words(self.at))
        if self.digits:
            return glance.around_numbers(
                self.digits, self.before or _SLACK_BEFORE, self.after or _SLACK_AFTER
            )
        if not self.marks or any(mark in glance.text for mark in self.marks):
            return [(0, len(glance.text))]
        return []

    def _score(self, glance: Glance, value: str, start: int, end: int) -> float:
        valid = self.check(value) if self.check else None
        if not self.context or not glance.has_word_near(self.context, start, end):
            return 0.0 if valid is False else self.score
        if valid is None:
            return self.named
        return CERTAIN if valid else min(self.named, _MISTYPED)


class RuleRecognizer(LocalRecognizer):
    """Finds one entity type by rules: a Presidio recogniser, at home in any ``AnalyzerEngine``.

    It weighs the words around a match itself, so it gives Presidio's context enhancer nothing to do. With
    ``recased`` its rules need capitals, and a text without them (or with nothing else) is read as
    :attr:`Glance.recased`.
    """

    def __init__(
        self,
        entity: str,
        rules: Sequence[Rule],
        *,
        name: str,
        language: str = "en",
        recased: bool = False,
    ) -> None:
        super().__init__(supported_entities=[entity], supported_language=language, name=name)
        self.rules = tuple(rules)
        self.recased = recased

    def load(self) -> None:
        """Nothing to load."""

    def find(self, glance: Glance) -> list[Finding]:
        """What the rules find in a text that was looked at already; overlaps are left in."""
        return [finding for rule in self.rules for finding in self.apply(rule, glance)]

    def apply(self, rule: Rule, glance: Glance, places: Sequence[int] | None = None) -> list[Finding]:
        """What one of its rules finds; with ``places``, only there.

        Raises:
          PatternTimeoutError: the rule takes longer than it may.
        """
        entity = self.supported_entities[0]
        try:
            return [
                Finding(entity, *found)
                for found in rule.find(glance.recased if self.recased else glance, places)
            ]
        except TimeoutError:
            raise PatternTimeoutError(
                f"{self.name}: the pattern for {entity} took longer than {rule.seconds:g} s for one text; "
                "write it so that no text can be matched in many ways: with possessive quantifiers (a++), or "
                "with none inside another."
            ) from None

    def analyze(  # type: ignore[no-untyped-def]
        self, text: str, entities: list[str], nlp_artifacts=None
    ) -> list[RecognizerResult]:
        """Presidio's way to ask: what the rules find in the text."""
        metadata = {
            RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
        }
        return [
            RecognizerResult(one.entity_type, one.start, one.end, one.score, recognition_metadata=metadata)
            for one in self.find(Glance(text))
        ]
