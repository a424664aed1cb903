"""The scores, on cases that were counted by hand."""

import pytest

from benchmarks.pii.scores import Counts, Span, compared, iou, score, trimmed

TEXT = "Dr. Ann Lee, 5 Oak Road, Leeds LS1 4AB. Call 555-0100."
NAME, STREET, TOWN, PHONE = (
    Span(TEXT.index(part), TEXT.index(part) + len(part), kind)
    for part, kind in (
        ("Ann Lee", "PERSON"),
        ("5 Oak Road", "ADDRESS"),
        ("Leeds LS1 4AB", "LOCATION"),
        ("555-0100", "PHONE_NUMBER"),
    )
)
ALL = [NAME, STREET, TOWN, PHONE]


def one(labels, findings, text=TEXT):
    return score([(text, labels, findings)])


def test_all_found_and_nothing_else():
    scores = one(ALL, ALL)
    assert scores.total() == scores.total(exact=True) == Counts(4, 0, 0)
    assert scores.total().f(2) == 1
    assert scores.characters.leak_rate == scores.characters.over_redaction == 0


def test_nothing_found():
    scores = one(ALL, [])
    assert scores.total() == Counts(0, 0, 4)
    assert scores.characters.leak_rate == 1
    assert scores.total().f(2) == 0


def test_f2_is_that_of_its_definition():
    counts = Counts(right=3, false=1, missed=2)
    precision, recall = 3 / 4, 3 / 5
    assert counts.precision == precision
    assert counts.recall == recall
    assert counts.f(2) == pytest.approx(5 * precision * recall / (4 * precision + recall))
    assert counts.f(1) == pytest.approx(2 * precision * recall / (precision + recall))


def test_half_of_the_union_is_enough_and_less_is_not():
    label = Span(0, 10, "PERSON")
    assert iou(label, Span(5, 10, "PERSON")) == 0.5
    assert compared([label], [Span(5, 10, "PERSON")], min_iou=0.5) == ([label], [], [])
    short = Span(6, 10, "PERSON")
    assert compared([label], [short], min_iou=0.5) == ([], [short], [label])


def test_touching_spans_do_not_overlap():
    assert iou(Span(0, 5, "PERSON"), Span(5, 9, "PERSON")) == 0
    scores = one([Span(4, 7, "PERSON")], [Span(7, 11, "PERSON")])
    assert scores.total() == Counts(0, 1, 1)
    assert scores.characters.leak_rate == 1


def test_a_second_finding_of_the_same_span_is_false():
    assert one([NAME], [NAME, NAME]).total() == Counts(1, 1, 0)


def test_of_nested_findings_the_better_one_is_right():
    inner = Span(NAME.start, NAME.start + 3, "PERSON")
    scores = one([NAME], [inner, NAME])
    assert scores.overlap["PERSON"] == Counts(1, 1, 0)
    assert scores.exact["PERSON"] == Counts(1, 1, 0)


def test_a_finding_over_two_labels_finds_one_of_them():
    labels = [Span(0, 6, "PERSON"), Span(7, 13, "PERSON")]
    text = "Ann Li or Bob"
    scores = one(labels, [Span(0, 13, "PERSON")], text)
    assert scores.total().missed >= 1
    assert scores.characters.leak_rate == 0


def test_pieces_of_one_label_are_one_finding():
    first, last = Span(4, 7, "PERSON"), Span(8, 11, "PERSON")
    assert one([NAME], [first, last]).total(exact=True) == Counts(1, 0, 0)


def test_pieces_of_another_type_stay_false():
    pieces = [Span(4, 7, "PERSON"), Span(8, 11, "URL")]
    scores = one([NAME], pieces)
    assert scores.overlap["URL"].false == 1


def test_a_street_and_its_town_found_in_one_go():
    whole = Span(STREET.start, TOWN.end, "ADDRESS")
    assert one([STREET, TOWN], [whole]).total(exact=True) == Counts(1, 0, 0)
    assert one([whole], [STREET, TOWN]).total(exact=True) == Counts(1, 0, 0)


def test_places_with_words_between_stay_apart():
    text = "Leeds, then York"
    labels = [Span(0, 5, "LOCATION"), Span(12, 16, "LOCATION")]
    assert one(labels, [Span(0, 16, "LOCATION")], text).total().missed >= 1


@pytest.mark.parametrize(
    ("label", "finding", "right"),
    [
        ("LOCATION", "ADDRESS", True),
        ("US_SSN", "NATIONAL_ID", True),
        ("NATIONAL_ID", "US_SSN", True),
        ("RECEIPT_NUMBER", "ACCOUNT_NUMBER", True),
        ("US_SSN", "UK_NHS", False),
        ("PERSON", "LOCATION", False),
        ("PHONE_NUMBER", "US_SSN", False),
    ],
)
def test_which_confusions_are_accepted(label, finding, right):
    scores = one([NAME._replace(entity_type=label)], [NAME._replace(entity_type=finding)])
    assert scores.total().right == right
    assert scores.blind == Counts(1, 0, 0)
    assert scores.overlap[finding].false == (not right)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Dr. Ann Lee", "Ann Lee"),
        ("Prof. Dr. Lee,", "Lee"),
        ("(Ann's", "Ann"),
        ("Mr", "Mr"),
        ("Drake", "Drake"),
        ("M. Lee", "Lee"),
    ],
)
def test_titles_and_signs_do_not_count(text, kept):
    start, end, _ = trimmed(text, Span(0, len(text), "PERSON"))
    assert text[start:end] == kept


def test_nothing_is_left_of_signs_alone():
    assert trimmed("--", Span(0, 2, "URL")) == Span(0, 2, "URL")


def test_the_leak_counts_letters_and_digits_that_no_finding_covers():
    scores = one([NAME], [Span(NAME.start, NAME.start + 2, "URL")])
    assert scores.characters.personal == 6
    assert scores.characters.leak_rate == pytest.approx(4 / 6)
    assert scores.leaks["PERSON"].leaked == 4


def test_over_redaction_counts_the_other_characters():
    text = "Lee ate pie"
    scores = one([Span(0, 3, "PERSON")], [Span(0, 7, "PERSON")], text)
    assert scores.characters.other == 6
    assert scores.characters.over_redaction == 0.5


def test_labels_that_overlap_leak_once():
    scores = one([NAME, Span(4, 7, "USERNAME")], [])
    assert scores.characters.personal == 6


def test_texts_without_labels_count_their_findings():
    scores = one([], [Span(0, 3, "PERSON")], "May is here")
    assert scores.total() == Counts(0, 1, 0)
    assert (scores.findings, scores.words) == (1, 3)
