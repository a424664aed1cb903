"""A long cell, whatever is in it, takes time and memory in proportion to its length."""

import json
import tracemalloc
from collections.abc import Callable
from functools import partial

import pytest

from components.pii.policy import parse_policy
from components.pii.scrubber import Scrubber
from components.pii.sources import Record
from tests.timing import seconds

SHORT, LONG = 40_000, 400_000
# In proportion it would be 10 times; with the square of the length, 100.
MAX_RATIO = 18.0


def name(number: int) -> str:
    """One of thousands of invented names."""
    rest, letters = number * 7919 + 1, ""
    for _ in range(3):
        rest, consonant = divmod(rest, 13)
        rest, vowel = divmod(rest, 5)
        letters += "bcdfgklmnprst"[consonant] + "aeiou"[vowel]
    return letters.capitalize()


PIECES: dict[str, Callable[[int], str]] = {
    "prose": lambda n: (
        "Rain falls on green hills, says Ana Silva. " * 20 + f"Call me on 312-555-{n % 10_000:04d}. "
    ),
    "names": lambda n: f"Dear {name(n)} {name(n + 7)}, hello. ",
    "e-mail addresses": lambda n: f"{name(n)}@x{n}.com ",
    "phone numbers": lambda n: f"Call 312-555-{n % 10_000:04d}. ",
    "street addresses": lambda n: f"{n % 900 + 1} {name(n)} Street, Springfield, IL 62{n % 1000:03d}\n",
    "logs": lambda n: f"2024-01-02 10:00:01 user={name(n)} ip=10.2.{n % 250}.{n // 250 % 250} id={n}\n",
    "user names": lambda n: f"@{name(n).lower()} ",
    "birth dates": lambda n: f"born {n % 28 + 1}/0{n % 9 + 1}/19{n % 90 + 10} ",
    "labels": lambda n: f"<PERSON> {n} <PHONE_NUMBER> ",
    "HTML": lambda n: f"<b>{name(n)}</b>&amp; ",
    "invisible characters": lambda n: f"{name(n)}\u200b ",
    "digits": lambda n: f"{n % 10} ",
    "base64": lambda _: "QWxhZGRpbjpvcGVuIHNlc2FtZQ",
    "JSON as text": lambda n: f'{{"name": "{name(n)}", "phone": "312-555-{n % 10_000:04d}"}}\n',
}

DETECT = "profile: fast\ncolumns: {note: detect}"
JSON = "profile: fast\ncolumns: {note: {action: detect, json: true}}"
WHO = "profile: fast\ncolumns: {who: {action: drop, entity: PERSON}, note: {action: detect, json: true}}"
INVENTED = """
profile: fast
key: {env: KEY}
columns:
  note: {action: detect, default: {action: pseudonymize, surrogate: true}}
"""


def written(piece: Callable[[int], str], length: int) -> str:
    return "".join(map(piece, range(length // len(piece(100)) + 1)))[:length]


def scrub(policy: str, *cells: str) -> None:
    columns = ["who", "note"][-len(cells) :]
    made = Scrubber(parse_policy(policy, source="policy.yaml"), b"k" * 32, columns)
    made.scrub_rows([Record("a.csv", 2, 2, cells)])


def in_proportion(policy: str, cells: Callable[[int], tuple[str, ...]]) -> bool:
    scrub(policy, *cells(1_000))
    long = seconds(partial(scrub, policy, *cells(LONG)), rounds=1)
    return long <= MAX_RATIO * seconds(partial(scrub, policy, *cells(SHORT)), rounds=2)


@pytest.mark.parametrize("kind", PIECES)
def test_time_for_a_long_cell(kind: str) -> None:
    assert in_proportion(DETECT, lambda length: (written(PIECES[kind], length),))


def _strings(length: int) -> tuple[str, ...]:
    return (json.dumps([f"{name(n)} 312-555-{n % 10_000:04d}" for n in range(length // 30)]),)


def _keys(length: int) -> tuple[str, ...]:
    return (json.dumps({f"{name(n)}{n}": f"312-555-{n % 10_000:04d}" for n in range(length // 30)}),)


def _long_name(length: int) -> tuple[str, ...]:
    names = [name(n) for n in range(length // 14)]
    return " ".join(names), json.dumps(names[::2])


def _one_digit(length: int) -> tuple[str, ...]:
    return "1" * (length // 2), "1" * length


def _one_letter(length: int) -> tuple[str, ...]:
    return "a" * (length // 2), "a" * length


def _one_word(length: int) -> tuple[str, ...]:
    return ("@ " + "x" * length,)


@pytest.mark.parametrize(
    ("policy", "cells"),
    [
        (JSON, _strings),
        (JSON, _keys),
        (WHO, _long_name),
        (WHO, _one_letter),
        (DETECT, _one_word),
        (WHO.replace("PERSON", "PHONE_NUMBER"), _one_digit),
    ],
)
def test_time_for_a_long_document_and_a_long_name(
    policy: str, cells: Callable[[int], tuple[str, ...]]
) -> None:
    assert in_proportion(policy, cells)


def test_time_for_many_invented_names() -> None:
    assert in_proportion(INVENTED, lambda length: (written(PIECES["names"], length),))


def test_what_takes_the_square_of_the_length_would_be_noticed() -> None:
    def compare_all(length: int) -> None:
        names = [name(n) for n in range(length // 100)]
        _ = [one == other for one in names for other in names]

    assert seconds(partial(compare_all, LONG)) > MAX_RATIO * seconds(partial(compare_all, SHORT))


def test_memory_for_a_long_cell() -> None:
    text = written(PIECES["prose"], 100_000)
    memory = []
    for length in (50_000, 100_000):
        tracemalloc.start()
        scrub(DETECT, text[:length])
        memory.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert memory[1] < 3 * memory[0]
    assert memory[1] < 400 * 100_000
