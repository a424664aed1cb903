"""Findings that are parts of one thing: a person's names, the lines of an address."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import regex

from components.pii import mentions
from components.pii.findings import Finding

_PLACES = ("ADDRESS", "LOCATION")
_BETWEEN_NAMES = regex.compile(r"[ \t\u00a0]{1,2}")
# No letter that is a word in some language ("Y", "E") or stands between two parties ("V", "X").
_INITIAL = regex.compile(r" {1,2}(?:[B-DF-HJ-NP-TWZ]\.?|[AEIOUYVX]\.) {1,2}")
_BEFORE_SURNAME = regex.compile(r"(?:\A|[\n\t:|>\"'(;]\s?|\b(?i:dear)\s)\Z")
_AFTER_GIVEN = regex.compile(r"(?!\s?,|\s(?:and|or|und|et|y|e|&)\b)")
_WITHIN_ADDRESS = regex.compile(r"\s{0,2}(?:[,/\u2013-]\s{0,2})?")
_AROUND_TOWN = regex.compile(r"\s{0,2},?\s{1,4}")
_ONE_WORD = regex.compile(r"[\p{L}\p{M}'\u2019-]+")
_DIGIT = regex.compile(r"\d")
_UNIT = regex.compile(r"(?i:(?<!\w)(?:apt|apartment|suite|ste|unit|flat|room|floor))\Z")
_UNIT_NUMBER = regex.compile(r"\.?[ \t]{0,2}#?[0-9]{1,5}\p{L}?(?!\w)")
_LONGEST_UNIT = 10

# What a network finds has at least 0.5; a name repeated, which no network judged, has less.
_JUDGED, _DOUBTED, _SURE = 0.5, 0.7, 0.9


def joined(text: str, merged: Sequence[Finding]) -> list[Finding]:
    """One finding where several are one thing.

    So are names of a person with only a space or an initial between them, "Ruiz, Ana" where a line, a label
    or "Dear" begins with it, and the parts of an address (a street, its town, its postcode) with only a
    comma, a space or a line's end between them. One name between a street and a place with a postcode is
    the town, unless the row itself says who it is, and the number behind an address's last word "Apt" or
    "Suite" belongs to it.
    """
    whole: list[Finding] = []
    for finding in _with_towns(text, list(_with_units(text, merged))):
        last = whole[-1] if whole else None
        if last is None or not _are_one(text, last, finding):
            whole.append(finding)
            continue
        kind = finding.entity_type if last.entity_type == finding.entity_type else "ADDRESS"
        whole[-1] = Finding(kind, last.start, finding.end, max(last.score, finding.score))
    return whole


def are_unlike(first: Finding, second: Finding) -> bool:
    """Whether one is surely a name, and the other a word that only may be one: not parts of one name."""
    scores = first.score, second.score
    return (
        first.entity_type == second.entity_type == "PERSON"
        and _JUDGED <= min(scores) < _DOUBTED
        and max(scores) > _SURE
    )


def _with_towns(text: str, found: Sequence[Finding]) -> Iterator[Finding]:
    """The findings, with a town that was taken for a person as a part of its address."""
    for before, finding, after in zip([None, *found], found, [*found[1:], None], strict=False):
        if before and after and _is_town(text, before, finding, after):
            yield Finding("ADDRESS", before.end, after.start, finding.score)
        else:
            yield finding


def _is_town(text: str, before: Finding, name: Finding, after: Finding) -> bool:
    return (
        (before.entity_type, name.entity_type) == ("ADDRESS", "PERSON")
        and name.score < mentions.SCORE
        and after.entity_type in _PLACES
        and _ONE_WORD.fullmatch(text, name.start, name.end) is not None
        and _DIGIT.search(text, after.start, after.end) is not None
        and _AROUND_TOWN.fullmatch(text[before.end : name.start]) is not None
        and _AROUND_TOWN.fullmatch(text[name.end : after.start]) is not None
    )


def _with_units(text: str, merged: Sequence[Finding]) -> Iterator[Finding]:
    """The findings, with the number that follows where an address ends with "Apt" or "Suite"."""
    for finding, after in zip_longest(merged, merged[1:]):
        last = text[max(finding.start, finding.end - _LONGEST_UNIT) : finding.end]
        is_open = finding.entity_type == "ADDRESS" and _UNIT.search(last)
        number = _UNIT_NUMBER.match(text, finding.end) if is_open else None
        is_free = number and (after is None or number.end() <= after.start)
        yield finding._replace(end=number.end()) if number and is_free else finding


def _are_one(text: str, first: Finding, second: Finding) -> bool:
    kinds, between = (first.entity_type, second.entity_type), text[first.end : second.start]
    if kinds == ("PERSON", "PERSON"):
        return (
            (_BETWEEN_NAMES.fullmatch(between) is not None and not are_unlike(first, second))
            or _INITIAL.fullmatch(between) is not None
            or (between == ", " and _is_surname_first(text, first, second))
        )
    if "ADDRESS" in kinds and set(kinds) <= set(_PLACES):
        return _WITHIN_ADDRESS.fullmatch(between) is not None
    return False


def _is_surname_first(text: str, first: Finding, second: Finding) -> bool:
    """Whether two names with a comma between them are one person's, not the beginning of a list."""
    return (
        " " not in text[first.start : first.end]
        and _BEFORE_SURNAME.search(text[max(0, first.start - 8) : first.start]) is not None
        and _AFTER_GIVEN.match(text[second.end : second.end + 8]) is not None
    )
