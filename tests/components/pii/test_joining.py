"""Findings that are parts of one thing."""

import itertools
import random

import pytest

from components.pii import mentions
from components.pii.findings import Finding, merge, replace_spans
from components.pii.joining import joined


def _labelled(*parts: str) -> tuple[str, list[Finding]]:
    """A text from its parts, of which "PERSON=Ana" is a finding."""
    text, findings = "", []
    for part in parts:
        kind, _, value = part.rpartition("=")
        if kind:
            findings.append(Finding(kind, len(text), len(text) + len(value), 0.5))
        text += value
    return text, findings


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("PERSON=Ana", " ", "PERSON=Ruiz"), "<PERSON>"),
        (("PERSON=Ana", " ", "PERSON=del", " ", "PERSON=Río", " left"), "<PERSON> left"),
        (("PERSON=Ana", ", ", "PERSON=Ben", " and ", "PERSON=Cy"), "<PERSON>, <PERSON> and <PERSON>"),
        (("PERSON=Ana", "\n", "PERSON=Ben"), "<PERSON>\n<PERSON>"),
        (("ADDRESS=8 Elm St", ", ", "LOCATION=Lyon", ", ", "LOCATION=60601"), "<ADDRESS>"),
        (("LOCATION=60601", " ", "ADDRESS=8 Elm St"), "<ADDRESS>"),
        (("ADDRESS=8 Elm St", "\n", "LOCATION=Lyon"), "<ADDRESS>"),
        (("LOCATION=Lyon", ", ", "LOCATION=France"), "<LOCATION>, <LOCATION>"),
        (("ADDRESS=8 Elm St", " to ", "ADDRESS=9 Oak St"), "<ADDRESS> to <ADDRESS>"),
        (("PERSON=Ana", " ", "LOCATION=Lyon"), "<PERSON> <LOCATION>"),
        (("PERSON=Ruiz", ", ", "PERSON=Ana"), "<PERSON>"),
        (("Dear ", "PERSON=Ruiz", ", ", "PERSON=Ana", ":"), "Dear <PERSON>:"),
        (("Name: ", "PERSON=Ruiz", ", ", "PERSON=Ana Isabel", " | 7"), "Name: <PERSON> | 7"),
        (("Cc: ", "PERSON=Ben", ", ", "PERSON=Ana", ", ", "PERSON=Cy"), "Cc: <PERSON>, <PERSON>, <PERSON>"),
        (
            ("To: ", "PERSON=Ben", ", ", "PERSON=Ana", " and ", "PERSON=Cy"),
            "To: <PERSON>, <PERSON> and <PERSON>",
        ),
        (("I told ", "PERSON=Ben", ", ", "PERSON=Ana", " left"), "I told <PERSON>, <PERSON> left"),
        (("PERSON=Ana", " M ", "PERSON=Ruiz"), "<PERSON>"),
        (("PERSON=Ana", " M. ", "PERSON=Ruiz"), "<PERSON>"),
        (("PERSON=ana", " m ", "PERSON=ruiz"), "<PERSON> m <PERSON>"),
        (("PERSON=Ana", " y ", "PERSON=Ben"), "<PERSON> y <PERSON>"),
        (("PERSON=Ruiz", " v. ", "PERSON=Cole"), "<PERSON> v. <PERSON>"),
        (("PERSON=ruiz", " v ", "PERSON=cole"), "<PERSON> v <PERSON>"),
        (("PERSON=Ana", " E. ", "PERSON=Ruiz"), "<PERSON>"),
        (("PERSON=ANA", " M ", "PERSON=RUIZ"), "<PERSON>"),
        (("PERSON=ANA", " Y ", "PERSON=BEN"), "<PERSON> Y <PERSON>"),
        (("PERSON=Ana", " MM ", "PERSON=Ben"), "<PERSON> MM <PERSON>"),
        (("ADDRESS=8 Elm St", "\n ", "PERSON=Lyon", "\n\n ", "LOCATION=France 69001", "."), "<ADDRESS>."),
        (("ADDRESS=8 Elm St", ", ", "PERSON=Lyon", ", ", "ADDRESS=IL 60601", "."), "<ADDRESS>."),
        (("ADDRESS=8 Elm St", ", ", "PERSON=Ana", ", ", "LOCATION=Lyon"), "<ADDRESS>, <PERSON>, <LOCATION>"),
        (
            ("ADDRESS=8 Elm St", ", ", "PERSON=Ana Ruiz", ", ", "LOCATION=69001 Lyon"),
            "<ADDRESS>, <PERSON>, <LOCATION>",
        ),
        (("ADDRESS=8 Elm St", "\n", "PERSON=Ana", "\n", "PERSON=Ben"), "<ADDRESS>\n<PERSON>\n<PERSON>"),
        (
            ("ADDRESS=8 Elm St", ". ", "PERSON=Ana", ", ", "LOCATION=Lyon"),
            "<ADDRESS>. <PERSON>, <LOCATION>",
        ),
        (("ADDRESS=8 Elm St Apt", ". 29 is"), "<ADDRESS> is"),
        (("ADDRESS=8 Elm St Suite", " #29B, ", "LOCATION=Lyon"), "<ADDRESS>"),
        (("ADDRESS=8 Elm St Apt", ". ", "PHONE_NUMBER=29"), "<ADDRESS>. <PHONE_NUMBER>"),
        (("ADDRESS=8 Elm St", " 29"), "<ADDRESS> 29"),
        (("LOCATION=Suite", " 29"), "<LOCATION> 29"),
        ((), ""),
    ],
)
def test_parts_of_one_thing_are_one(parts, expected) -> None:
    text, findings = _labelled(*parts)
    assert replace_spans(text, joined(text, findings)) == expected


def test_no_covered_character_is_lost() -> None:
    rng = random.Random(7)
    text = "Ana M del Río, 8 Elm St Apt. 9,\nLyon " * 4
    for _ in range(1000):
        starts = [rng.randrange(len(text)) for _ in range(rng.randrange(12))]
        found = [
            Finding(
                rng.choice(["PERSON", "ADDRESS", "LOCATION"]),
                at,
                min(len(text), at + rng.randrange(1, 9)),
                0.5,
            )
            for at in starts
        ]
        whole = joined(text, merge(found))
        covered = {at for one in whole for at in range(one.start, one.end)}
        assert {at for one in found for at in range(one.start, one.end)} <= covered
        assert all(first.end <= second.start for first, second in itertools.pairwise(whole))


def test_a_name_that_the_row_knows_is_no_town() -> None:
    text, findings = _labelled("ADDRESS=8 Elm St", "\n", "PERSON=Lyon", "\n", "LOCATION=69001 France")
    findings[1] = findings[1]._replace(score=mentions.SCORE)
    assert replace_spans(text, joined(text, findings)) == "<ADDRESS>\n<PERSON>\n<LOCATION>"


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.99, 0.98), "<PERSON>"),
        ((0.99, 0.62), "<PERSON> <PERSON>"),
        ((0.62, 0.99), "<PERSON> <PERSON>"),
        ((0.62, 0.62), "<PERSON>"),
        ((0.99, 0.4), "<PERSON>"),
    ],
)
def test_a_sure_name_and_a_word_that_is_doubted_are_two(scores, expected) -> None:
    text = "Ana waited"
    findings = [Finding("PERSON", 0, 3, scores[0]), Finding("PERSON", 4, 10, scores[1])]
    assert replace_spans(text, joined(text, findings)) == expected
