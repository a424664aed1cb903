"""Every pattern's worst case: near-matches, again and again, take time in proportion to their length."""

import time

import pytest

from components.pii.entities import DEFAULT_ENTITIES
from components.pii.normalize import looks_encoded, normalize
from components.pii.recognizers import find_all, pattern_recognizers
from components.pii.recognizers.glance import Glance
from components.pii.recognizers.rules import Rule

SHORT, LONG = 1_500, 6_000
MAX_RATIO = 8.0
MAX_SECONDS_PER_CHARACTER = 60e-6
TOO_SHORT_TO_MEASURE = 0.015

NEAR_MATCHES = [
    *'aA01 \n,"(@*#.-:/',
    *(
        "a ",
        "A ",
        "1 ",
        "1-",
        "1.",
        "Aa ",
        "a@",
        "a@a.",
        "a, A",
        "+1 ",
        "(1",
        "x ",
        "A1-",
        "1°",
        "aF:",
        "#1a",
    ),
    *(
        "http://a/",
        "https://a.b/?a&",
        "4111 1111 ",
        "DE89 ",
        "ssn 123 45 678",
        "account number no. ",
        "lat 1.",
    ),
    *("1 A St, ", "12 Oak Oak ", "12345 Am ", "Straße Am ", "calle de ", "P.O. Box ", "Bahnhofstraße "),
    *("Dear A. ", "Name: A", "born 1 May ", "user ", "passport "),
]


def _glance(near: str, length: int) -> Glance:
    glance = Glance((near * length)[:length])
    _ = glance.recased
    return glance


def _seconds(rule: Rule, glance: Glance) -> float:
    start = time.process_time()
    for _ in rule.find(glance):
        pass
    return time.process_time() - start


@pytest.mark.parametrize("entity", DEFAULT_ENTITIES)
def test_time_grows_with_the_text_and_no_faster(entity: str) -> None:
    rules = [(one.name, rule) for one in pattern_recognizers([entity]) for rule in one.rules]
    for _, rule in rules:
        list(rule.find(Glance("compile: 1 @")))
    for near in NEAR_MATCHES:
        short, long = _glance(near, SHORT), _glance(near, LONG)
        for name, rule in rules:
            if (seconds := _seconds(rule, long)) >= TOO_SHORT_TO_MEASURE:
                ratio = seconds / min(_seconds(rule, short) for _ in range(2))
                assert ratio <= MAX_RATIO, f"{name}: {near!r}"
                assert seconds / LONG <= MAX_SECONDS_PER_CHARACTER, f"{name}: {near!r}"


def test_a_pattern_that_is_not_linear_would_be_noticed() -> None:
    rule = Rule(pattern=r"(?:[a-z]+ )+@", score=1.0)
    list(rule.find(Glance("a ")))
    assert _seconds(rule, _glance("a ", LONG)) > MAX_RATIO * _seconds(rule, _glance("a ", SHORT))


@pytest.mark.parametrize(
    "near", ["\u200ba", "&amp;", "<b>", "`a", "1 ", "a@", "a at ", "\u0430a", "**a", "[at]"]
)
def test_normalising_takes_time_in_proportion(near: str) -> None:
    def seconds(length: int) -> float:
        text = (near * length)[:length]
        start = time.process_time()
        normalize(text)
        looks_encoded(text)
        return time.process_time() - start

    short = max(min(seconds(20_000) for _ in range(3)), TOO_SHORT_TO_MEASURE)
    assert min(seconds(80_000) for _ in range(2)) <= MAX_RATIO * short


def test_a_long_cell_is_read_in_seconds() -> None:
    text = "She moved to 12 Elm Avenue and calls 312-555-0143 now. " * 4_000
    recognizers = pattern_recognizers(["ADDRESS", "PHONE_NUMBER"])
    start = time.process_time()
    found = find_all([text], recognizers, 0.4)[0]
    assert time.process_time() - start < 10
    assert len({(f.entity_type, f.start) for f in found if f.entity_type == "PHONE_NUMBER"}) == 4_000
