import pytest

from components.pii.findings import Finding, mask, merge, replace_spans, unmask

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
