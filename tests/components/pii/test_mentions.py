import pytest

from components.pii.findings import replace_spans
from components.pii.mentions import find_mentions, find_repeated, mentions_in
from tests.timing import seconds


@pytest.mark.parametrize(
    ("text", "value", "entity", "expected"),
    [
        ("Hi Quinn, Mr ITO, quinn ito!", "Quinn Ito", "PERSON", "Hi <X>, Mr <X>, <X>!"),
        ("Ana del Río called.", "Ana del Río Ortiz", "PERSON", "<X> called."),
        ("You may call May.", "May Long", "PERSON", "You may call <X>."),
        ("A long way to Longford", "May Long", "PERSON", "A long way to Longford"),
        ("O'Neil-Ruiz wrote", "Zoë O'Neil-Ruiz", "PERSON", "<X> wrote"),
        ("Al and Bo", "Al Bo", "PERSON", "Al and Bo"),
        ("to ANA@Example.com.", "ana@example.com", "EMAIL_ADDRESS", "to <X>."),
        ("call (312) 555.0143 now", "312-555-0143", "PHONE_NUMBER", "call (<X> now"),
        ("312 trips and 5550143 miles and more", "312-555-0143", "PHONE_NUMBER", None),
        ("no 12", "12", "PHONE_NUMBER", None),
        ("İstanbul, Ana", "Ana Ruiz", "PERSON", "İstanbul, <X>"),
        ("", "Ana", "PERSON", ""),
    ],
)
def test_a_row_knows_its_own_values(text: str, value: str, entity: str, expected: str | None) -> None:
    findings = [finding._replace(entity_type="X") for finding in find_mentions(text, value, entity)]
    assert replace_spans(text, findings) == (text if expected is None else expected)


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        (
            "Ana Ruiz wrote. Later Ruiz and Ana's sister called.",
            ["Ana Ruiz"],
            "<X> <X> wrote. Later <X> and <X>'s sister called.",
        ),
        ("ANA wrote; ana slept", ["Ana"], "<X> wrote; ana slept"),
        ("Van Gogh, a van and von Braun", ["Vincent van Gogh"], "Van <X>, a van and von Braun"),
        ("Al and Bo", ["Al Bo"], "Al and Bo"),
        ("Zoë-Ana O'Neil", ["Zoë", "O'Neil"], "<X>-Ana <X>"),
        ("nobody", [], "nobody"),
    ],
)
def test_a_name_that_is_known_is_found_again(text, names, expected) -> None:
    assert replace_spans(text, find_repeated(text, names, "X", 0.4)) == expected


def test_ten_thousand_names_are_looked_for_at_once() -> None:
    names = [f"Name{n:05d} Surname{n:05d}" for n in range(10_000)]
    assert len(find_repeated(" ".join(names), names, "PERSON", 0.4)) == 20_000
    few, many = (
        seconds(lambda some=names[:count]: find_repeated(" ".join(some), some, "PERSON", 0.4))
        for count in (1_000, 10_000)
    )
    assert many <= 30 * few


def test_of_names_without_end_each_word_is_found() -> None:
    text = "Dear Ana Li, is it Josefa Ruiz? The mills of los Dolores. ana"
    few = "Ana Li, Josefa Francisca de los Dolores, Ben Cole, Dee Ruiz"
    many = few + " y Pablo" * 40
    marked = [
        replace_spans(text, [one._replace(entity_type="X") for one in find_mentions(text, names, "PERSON")])
        for names in (few, many)
    ]
    assert marked[0] == "Dear <X>, is it <X> <X>? The mills of los <X>. ana"
    assert marked[1] == "Dear <X> Li, is it <X> <X>? The mills of los <X>. ana"
    found = [one._replace(entity_type="X") for one in find_mentions(many.lower(), many, "PERSON")]
    assert replace_spans(many.lower(), found) == "<X>"


def test_many_texts_are_read_as_each_is_alone() -> None:
    values = [("Quinn Ito", "PERSON"), ("312-555-0143", "PHONE_NUMBER"), ("a@b.org", "EMAIL_ADDRESS")]
    texts = [
        "Ito",
        "",
        "call 312",
        "555-0143",
        "(312) 555-0143 Quinn",
        "A@B.ORG",
        "aQuinn\nIto",
        "Quinn",
        "Ito",
    ]
    alone = [[found for value in values for found in find_mentions(text, *value)] for text in texts]
    assert mentions_in(texts, values) == alone
    assert mentions_in([], values) == []


def test_a_letter_over_and_over_is_found_whole() -> None:
    found = find_mentions("a" * 1_000, "a" * 300, "PERSON")
    assert sorted({(one.start, one.end) for one in found}) == [(0, 300), (300, 600), (600, 900)]
