"""A sieve holds nothing back that a rule would find."""

from functools import cache

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.pii import corpus
from components.pii.entities import DEFAULT_ENTITIES
from components.pii.recognizers import pattern_recognizers
from components.pii.recognizers.glance import Glance
from components.pii.recognizers.plan import Plan
from components.pii.recognizers.rules import Rule, RuleRecognizer
from components.pii.recognizers.sieve import Sieve, begins_at_number, in_ascii

RECOGNIZERS = [one for one in pattern_recognizers(DEFAULT_ENTITIES) if isinstance(one, RuleRecognizer)]
PLAN = Plan(RECOGNIZERS)


@cache
def personal() -> list[str]:
    return [sample.text for sample in corpus.samples("dev", 120, seed=5)]


def assert_nothing_is_held_back(text: str) -> None:
    glance = Glance(text)
    everything = [finding for one in RECOGNIZERS for finding in one.find(glance)]
    assert sorted(PLAN.find([Glance(text)])[0]) == sorted(everything)


def assert_matches_begin_at_numbers(text: str) -> None:
    """What a search of the whole text finds is what is tried at its numbers."""
    glance = Glance(text)
    for rule in (rule for one in RECOGNIZERS for rule in one.rules if rule.begins_at_number):
        searched = regex.compile(rule.pattern).finditer(text)
        assert {found.start() for found in searched} <= set(glance.groups), rule.pattern


def passes(pattern: str, text: str, **how: bool) -> bool:
    return bool(Sieve([pattern], **how).passing(in_ascii(text)))


def test_a_plan_finds_what_its_recognisers_find() -> None:
    for text in personal()[:40]:
        assert_nothing_is_held_back(text)


def test_a_rule_that_begins_at_a_number_is_tried_wherever_it_matches() -> None:
    # What a letter is, the two libraries of patterns do not agree on.
    for text in (*personal(), "PESEL ²40072249556", "PESEL \u030140072249556", "host ²10.1.2.3"):
        assert_matches_begin_at_numbers(text)
    assert sum(rule.begins_at_number for one in RECOGNIZERS for rule in one.rules) > 30


@settings(max_examples=60)
@given(st.data())
def test_also_in_texts_that_were_tampered_with(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(personal()))
    at = data.draw(st.integers(0, len(text)))
    to = data.draw(st.integers(at, min(len(text), at + 5)))
    put = data.draw(
        st.text(st.sampled_from("09 -./,()\n:@#°+_|'aZñ€\u017f\u212a\u0130\u0663\uff13²"), max_size=3)
    )
    write = data.draw(st.sampled_from([str, str.upper, str.lower]))
    assert_nothing_is_held_back(write(text[:at] + put + text[to:]))
    assert_matches_begin_at_numbers(write(text[:at] + put + text[to:]))


@pytest.mark.parametrize("entity", DEFAULT_ENTITIES)
def test_every_pattern_of_ours_can_be_widened(entity: str) -> None:
    for one in pattern_recognizers([entity]):
        for rule in one.rules:
            assert Sieve([rule.pattern]).longest > 0


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"(?<!\w)\d{3}([- ])\d{2}\1\d{4}", "ssn 219-09-9999", True),
        (r"(?<!\w)\d{3}([- ])\d{2}\1\d{4}", "219-099999", False),
        (r"(?i:straße)\s\d{1,3}", "STRAßE 7", True),
        (r"(?i:kilo)", "\u212aILO", True),
        (r"(?=(?:[a-z]{0,9}\d){3})[a-z\d]{2,9}", "a1b2", False),
        (r"(?=(?:[a-z]{0,9}\d){3})[a-z\d]{2,9}", "a1b2c3", True),
        (r"(?:x|(?P<v>\d)){1,4}?y", "x1xy", True),
        (r"\p{Lu}\p{Ll}{2}", "Ünä", True),
    ],
)
def test_what_passes(pattern: str, text: str, expected: bool) -> None:
    assert passes(pattern, text) is expected


def test_a_shape_knows_no_digit_and_no_letter() -> None:
    assert passes(r"[2-6]\d{3} [A-Z]", "9999 Q", shape=True)
    assert not passes(r"[2-6]\d{3} [A-Z]", "9999 q", shape=True)


def test_at_the_start_only() -> None:
    assert not passes(r"id \d{1,9}", "an id 77", at_start=True)
    assert passes(r"id \d{1,9}", "id 77", at_start=True)


def test_a_pattern_without_a_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="no bound"):
        Sieve([r"\d+"])


def test_rules_of_a_policy_are_always_tried() -> None:
    own = RuleRecognizer("X", [Rule(pattern=r"(?>a+)b", score=0.9, seconds=1.0)], name="own")
    assert [finding.start for finding in Plan([own]).find([Glance("caab")])[0]] == [1]


def test_at_the_end_only_what_the_text_ends_with_counts() -> None:
    assert passes(r"No\.? ", "Room No. ", at_end=True)
    assert not passes(r"No\.? ", "No. of rooms", at_end=True)


def test_a_lookahead_in_one_option_says_nothing_of_the_others() -> None:
    pattern = r"(?:is(?=l)|h)land"
    assert passes(pattern, "hland")
    assert not passes(pattern, "hand")


@pytest.mark.parametrize(
    ("pattern", "begins"),
    [
        (r"(?<![\w.-])[0-9]{3}-[0-9]{4}", True),
        (r"(?<![\w.-])(?:\+[0-9]|[0-9])[0-9]{4}", True),
        (r"(?<!\w)\+[0-9]{4}", True),
        (r"(?<![\w.-])[A-Z]?[0-9]{4}", False),
        (r"(?<![\w.])[0-9]{4}", False),
        (r"(?<![.])[0-9]{4}", False),
        (r"[0-9]{4}", False),
        (r"(?<![\w.-])[0-9]{4}|x[0-9]", False),
    ],
)
def test_what_begins_at_a_number_is_seen_in_the_pattern(pattern: str, begins: bool) -> None:
    assert begins_at_number(pattern) is begins
