import pytest

from components.pii.ner.gazetteer import NameListRecognizer, name_lists


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Yesterday Barbara Johnson called.", ["Barbara Johnson"]),
        ("yesterday barbara johnson called", ["barbara johnson"]),
        ("BARBARA JOHNSON CALLED", ["BARBARA JOHNSON"]),
        ("Barbara J. Johnson called.", ["Barbara J. Johnson"]),
        ("I met Barbara. Johnson was there too.", ["Barbara", "Johnson"]),
        ("The Will of May is in April.", []),
        ("they will mark the page and bill me", []),
        ("Grüße von Jürgen Müller", ["Jürgen Müller"]),
        ("", []),
    ],
)
def test_names_of_the_lists(text, names) -> None:
    found = NameListRecognizer().find([text])[0]
    assert [text[one.start : one.end] for one in found] == names


def test_the_lists_hold_the_names_of_many_nations() -> None:
    names = name_lists()
    for given in ("barbara", "jürgen", "mehmet", "agnieszka", "priya", "chukwuemeka"):
        assert names[given] & 1, given
    for family in ("johnson", "müller", "nguyen", "kowalski", "garcía", "okafor"):
        assert names[family] & 2, family
