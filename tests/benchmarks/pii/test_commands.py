"""What the commands print and count, with detectors that are known."""

import pytest
import typer

from benchmarks.pii import accuracy, throughput
from benchmarks.pii.scores import Span

TEXT = "Name: Ann Lee, mail ann@example.com"
LABELS = [Span(6, 13, "PERSON"), Span(20, 35, "EMAIL_ADDRESS")]


def test_a_pattern_of_an_error_shows_no_personal_text():
    shown = accuracy.pattern(TEXT, LABELS[0], LABELS)
    assert shown == "Name: [Aa Aa], mail <EMAIL_ADDR"[: len(shown)]
    assert "Ann" not in shown
    assert "ann" not in accuracy.pattern(TEXT, LABELS[1], LABELS)


def test_a_pattern_masks_the_part_of_a_label_that_the_finding_left_out():
    shown = accuracy.pattern(TEXT, Span(6, 9, "PERSON"), LABELS)
    assert "Lee" not in shown


def test_errors_of_what_is_unseen_are_not_shown():
    with pytest.raises(typer.BadParameter, match="unseen stays unseen"):
        accuracy.main(part="unseen", errors=5, wnut_folder=None)


def test_an_unknown_part_is_refused():
    with pytest.raises(typer.BadParameter, match="got train"):
        accuracy.texts("train", 5, 0)


def test_the_speed_up_is_to_the_first_system_on_the_same_texts(pass_time):
    read = []

    def slow(texts):
        pass_time(0.03)

    def fast(texts):
        read.append(texts)
        pass_time(0.01)

    batches = [[str(number)] for number in range(4)]
    record = throughput.measured({"slow": slow, "fast": fast}, batches)
    assert read == batches
    assert record["systems"]["slow"]["speed_up"] == [1, 1, 1]
    assert record["systems"]["fast"]["speed_up"] == pytest.approx([3, 3, 3])


def test_no_sentence_of_the_distinct_texts_comes_twice():
    lines = [line for seed in (0, 1) for text in throughput.distinct(150, seed) for line in text.splitlines()]
    assert len(lines) > 300
    assert len(set(lines)) == len(lines)


def test_receipts_are_of_few_forms():
    made = throughput.receipts(50, 0)
    assert len({text.split()[0] for text in made}) == 2
    assert len(set(made)) == 50
