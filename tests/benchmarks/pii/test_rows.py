"""The rows that the networks learn from: what is labelled is what was put in, and nothing else."""

from itertools import pairwise
from random import Random

import pytest

from benchmarks.pii.training.rows import row
from benchmarks.pii.training.values import WideScene
from components.pii.entities import DEFAULT_ENTITIES


@pytest.fixture(scope="module")
def rows():
    return [row(WideScene(Random(number))) for number in range(400)]


def test_labels_are_of_known_types_apart_and_in_the_text(rows) -> None:
    for text, spans in rows:
        end = 0
        for span in spans:
            assert end <= span.start < span.end <= len(text)
            assert span.entity_type in DEFAULT_ENTITIES
            end = span.end


def test_two_people_are_never_only_a_space_apart(rows) -> None:
    """Such two could not be told from one, who has both names."""
    for text, spans in rows:
        people = [span for span in spans if span.entity_type == "PERSON"]
        for one, other in pairwise(people):
            assert text[one.end : other.start] != " "


def test_the_same_seed_makes_the_same_row() -> None:
    assert row(WideScene(Random(3))) == row(WideScene(Random(3)))
