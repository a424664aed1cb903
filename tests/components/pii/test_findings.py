import itertools
import random

import pytest

from components.pii.findings import Finding, joined, mask, merge, replace_spans, unmask

TEXT = "Call Ana Ruiz at 312-555-0143."


def _finding(entity_type: str, part: str, score: float = 0.8) -> Finding:
    start = TEXT.index(part)
    return Finding(entity_type, start, start + len(part), score)


def test_every_character_of_a_finding_is_replaced() -> None:
    findings = [_finding("PHONE_NUMBER", "312-555-0143"), _finding("PERSON", "Ana Ruiz")]
    assert replace_spans(TEXT, findings) == "Call <PERSON> at <PHONE_NUMBER>."


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([("PERSON", "Ana Ruiz", 0.5), ("LOCATION", "Ruiz at 312", 0.9)], "Call <LOCATION>-555-0143."),
        ([("PERSON", "Ana Ruiz", 0.9), ("LOCATION", "Ruiz at 312", 0.5)], "Call <PERSON>-555-0143."),
        ([("PERSON", "Ana", 0.5), ("LOCATION", "Ana Ruiz", 0.5)], "Call <LOCATION> at 312-555-0143."),
        ([("A", "Ana Ruiz at", 0.5), ("B", "Ana", 0.9), ("C", "Ruiz", 0.6)], "Call <B> 312-555-0143."),
        ([("A", "Ana ", 0.5), ("B", "Ruiz", 0.5)], "Call <A><B> at 312-555-0143."),
        ([("A", TEXT, 0.1)], "<A>"),
        ([], TEXT),
    ],
)
def test_overlapping_findings_are_one_with_the_best_label(findings, expected) -> None:
    made = [_finding(*finding) for finding in findings]
    assert replace_spans(TEXT, made) == expected
    assert replace_spans(TEXT, reversed(made)) == expected


def test_a_finding_in_a_masked_text_points_into_the_original() -> None:
    masked, stretches = mask(TEXT, merge([_finding("PHONE_NUMBER", "312-555-0143")]))
    assert masked == "Call Ana Ruiz at <PHONE_NUMBER>."
    start = masked.index("Ruiz")
    assert [TEXT[f.start : f.end] for f in unmask(Finding("PERSON", start, start + 4, 1.0), stretches)] == [
        "Ruiz"
    ]


def test_a_finding_over_a_label_keeps_only_the_original_characters() -> None:
    masked, stretches = mask(TEXT, [_finding("PERSON", "Ana Ruiz")])
    over = Finding("LOCATION", 0, masked.index(" at"), 0.5)
    assert [TEXT[f.start : f.end] for f in unmask(over, stretches)] == ["Call "]
    inside = Finding("LOCATION", masked.index("PERSON"), masked.index("SON"), 0.5)
    assert unmask(inside, stretches) == []


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
        ((), ""),
    ],
)
def test_parts_of_one_thing_are_one(parts, expected) -> None:
    text, findings = _labelled(*parts)
    assert replace_spans(text, joined(text, findings)) == expected


def test_no_covered_character_is_lost() -> None:
    rng = random.Random(7)
    text = "Ana del Río, 8 Elm St,\nLyon " * 4
    for _ in range(300):
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
