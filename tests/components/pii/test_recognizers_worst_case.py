"""Every pattern's worst case: near-matches, again and again, take time in proportion to their length."""

import time
from functools import partial

import pytest

from components.pii.entities import DEFAULT_ENTITIES
from components.pii.normalize import looks_encoded, normalize
from components.pii.recognizers import pattern_recognizers
from components.pii.recognizers.glance import Glance
from components.pii.recognizers.rules import Rule
from tests.timing import seconds

SHORT, LONG = 1_500, 6_000
MAX_RATIO = 8.0
# A pattern may take so much longer for a text than Python needs to look at its characters one by one.
MAX_TIMES_LOOKING = 1_500
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


def _find(rule: Rule, glance: Glance) -> None:
    for _ in rule.find(glance):
        pass


def _is_worth_measuring(rule: Rule, glance: Glance) -> bool:
    start = time.thread_time()
    _find(rule, glance)
    return time.thread_time() - start >= TOO_SHORT_TO_MEASURE


@pytest.mark.parametrize("entity", DEFAULT_ENTITIES)
def test_time_grows_with_the_text_and_no_faster(entity: str) -> None:
    rules = [(one.name, rule) for one in pattern_recognizers([entity]) for rule in one.rules]
    for _, rule in rules:
        list(rule.find(Glance("compile: 1 @")))
    for near in NEAR_MATCHES:
        short, long = _glance(near, SHORT), _glance(near, LONG)
        for name, rule in rules:
            if _is_worth_measuring(rule, long):
                spent = seconds(partial(_find, rule, long))
                assert spent <= MAX_RATIO * seconds(partial(_find, rule, short)), f"{name}: {near!r}"
                looking = seconds(lambda text=long.text: [*map(ord, text)])
                assert spent <= MAX_TIMES_LOOKING * looking, f"{name}: {near!r}"


def test_a_pattern_that_is_not_linear_would_be_noticed() -> None:
    rule = Rule(pattern=r"(?:[a-z]+ )+@", score=1.0)
    list(rule.find(Glance("a ")))
    short, long = (seconds(partial(_find, rule, _glance("a ", length))) for length in (SHORT, LONG))
    assert long > MAX_RATIO * short


@pytest.mark.parametrize(
    "near", ["\u200ba", "&amp;", "<b>", "`a", "1 ", "a@", "a at ", "\u0430a", "**a", "[at]"]
)
def test_normalising_takes_time_in_proportion(near: str) -> None:
    def read(text: str) -> None:
        normalize(text)
        looks_encoded(text)

    short, long = (seconds(partial(read, (near * length)[:length])) for length in (20_000, 80_000))
    assert long <= MAX_RATIO * max(short, TOO_SHORT_TO_MEASURE)
