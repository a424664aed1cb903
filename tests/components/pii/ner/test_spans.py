import numpy as np
import pytest

from components.pii.findings import Finding
from components.pii.ner.spans import KINDS, findings, read_in_windows


@pytest.mark.parametrize("count", [0, 1, 159, 160, 161, 288, 289, 1000])
def test_every_token_is_read_where_it_stands(count) -> None:
    def read(batch):
        assert all(one.end - one.start <= 160 for one in batch)
        return [np.arange(one.start, one.end + 3)[:, None] for one in batch]

    first, other = read_in_windows([count, 5], 1024, read, 1)
    assert first[:, 0].tolist() == list(range(count))
    assert other[:, 0].tolist() == list(range(5))


def test_most_tokens_have_neighbours_on_both_sides() -> None:
    def read(batch):
        places = [np.arange(one.end - one.start) for one in batch]
        return [np.minimum(place, place[::-1])[:, None] for place in places]

    (depth,) = read_in_windows([1000], 1024, read, 1)
    assert depth[16:-16].min() >= 15


def test_neighbours_of_a_kind_are_one_finding() -> None:
    text = "Ana Ruiz, Lyon"
    words = [
        (0, 3, np.array([0.8, 0.0, 0.0])),
        (4, 8, np.array([0.6, 0.1, 0.0])),
        (10, 14, np.array([0.1, 0.3, 0.0])),
    ]
    assert list(findings(text, words, KINDS, 0.3)) == [
        Finding("PERSON", 0, 8, 0.9),
        Finding("LOCATION", 10, 14, 0.65),
    ]
    assert list(findings(text, words, KINDS, 0.75)) == [Finding("PERSON", 0, 3, 0.9)]


@pytest.mark.parametrize(
    ("odds", "expected"),
    [
        ((0.96, 0.95, 0.9), ["Ana Ruiz waited"]),
        ((0.96, 0.95, 0.3), ["Ana Ruiz", "waited"]),
        ((0.3, 0.95, 0.9), ["Ana", "Ruiz waited"]),
        ((0.96, 0.6, 0.3), ["Ana Ruiz waited"]),
        ((0.3, 0.3, 0.3), ["Ana Ruiz waited"]),
    ],
)
def test_a_word_that_is_doubted_is_not_part_of_a_name_that_is_sure(odds, expected) -> None:
    text, places = "Ana Ruiz waited", [(0, 3), (4, 8), (9, 15)]
    words = [(*place, np.array([share, 0.0])) for place, share in zip(places, odds, strict=True)]
    assert [text[one.start : one.end] for one in findings(text, words, KINDS, 0.2)] == expected
