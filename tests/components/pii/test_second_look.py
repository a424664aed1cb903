import base64

import pytest

from components.pii.policy import parse_policy
from components.pii.scrubber import Scrubber
from components.pii.second_look import repeated, shaped
from components.pii.shapes import SHAPES, shapes_in
from components.pii.sources import Record

ALL = frozenset(SHAPES)


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("write to q.ito@mail.example", ["EMAIL_ADDRESS"]),
        ("zoë@büro.example and q@a.example", ["EMAIL_ADDRESS", "EMAIL_ADDRESS"]),
        ("call (312) 555-0143 or +44 20 7946 0958", ["PHONE_NUMBER", "PHONE_NUMBER"]),
        ("4111 1111 1111 1111", ["CREDIT_CARD"]),
        ("4111-1111-1111-1112", []),
        ("<EMAIL_ADDRESS> called <PHONE_NUMBER>", []),
        ("@channel look at version 2.10.3 of 2013-05-01 12:30:11", []),
        ("fare 14.25, tip 3.00, 1234567 trips since 2013", []),
        ("1400000000", []),
        ("", []),
    ],
)
def test_shapes(text, shapes):
    assert [shape for shape in shapes_in(text) if shape in SHAPES] == shapes


def test_only_what_the_rule_removes_counts():
    assert shaped("q@mail.example", ALL) == {"EMAIL_ADDRESS": 1}
    assert shaped("q@mail.example", frozenset({"PERSON"})) == {}


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("Quinn Ito rang", 1),
        ("(Quinn Ito) and Quinn Ito", 2),
        ("Quinn Itoh", 0),
        ("<PERSON> rang", 0),
    ],
)
def test_a_value_that_was_removed_elsewhere(text, times):
    assert repeated(["nothing", text], [("PERSON", "Quinn Ito")])["PERSON"] == times


def test_short_values_and_repetitions_of_one_finding_do_not_count_twice():
    assert repeated(["al is in Alabama"], [("PERSON", "al")]) == {}
    assert repeated(["R-4711"], [("RECEIPT_NUMBER", "R-4711")] * 3) == {"RECEIPT_NUMBER": 1}


POLICY = """
columns:
  name: {action: drop, entity: PERSON}
  kind: keep
  note: {action: detect, entities: [PERSON, CREDIT_CARD]}
  more: {action: detect, entities: [CREDIT_CARD]}
"""


def residual(*cells):
    columns = ["name", "kind", "note", "more"]
    (row,) = Scrubber(parse_policy(POLICY, source="p.yaml"), None, columns).scrub_rows(
        [Record("f.csv", 2, 2, cells)]
    )
    return row.residual


def test_a_name_that_a_kept_column_repeats_is_residual():
    assert residual("Quinn Ito", "Cash", "Quinn Ito called", "") == {}
    assert residual("Quinn Ito", "paid by Quinn Ito", "", "") == {"PERSON": 1}


def test_what_one_text_column_removes_and_another_keeps_is_residual():

    found = residual("", "Cash", "Dear Barbara Johnson, thanks.", "Barbara Johnson was here")
    assert found == {"PERSON": 1}


def test_what_cannot_be_read_is_residual():
    sentence = base64.b64encode(b"my phone is 312-555-0143, call me").decode()
    assert residual("", "", sentence, "") == {"ENCODED_TEXT": 1}


def test_many_values_are_looked_for_as_few_are() -> None:
    texts = ["Quinn Ito and Quinn Itoh, Quinn", "x@y.org,Quinn Ito;aaaaaaa aaaa", "", "Ana", "(x@y.org)"]
    wanted = [("PERSON", "Quinn Ito"), ("PERSON", "Quinn"), ("EMAIL_ADDRESS", "x@y.org"), ("ACCOUNT", "aaaa")]
    others = [("PERSON", f"Nobody {number}") for number in range(100)]
    assert repeated(texts, wanted) == {"PERSON": 6, "EMAIL_ADDRESS": 2, "ACCOUNT": 1}
    assert repeated(texts, wanted + others) == repeated(texts, wanted)


def test_of_a_long_value_its_beginning_counts() -> None:
    value = ", ".join(map(str, range(1_000, 1_060)))
    assert repeated([value[:300] + "but another end"], [("ADDRESS", value)]) == {"ADDRESS": 1}
    assert repeated([value[:200]], [("ADDRESS", value)]) == {}
