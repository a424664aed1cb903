import base64

import pytest

from components.pii.findings import Finding, replace_spans
from components.pii.normalize import looks_encoded, normalize

READ = [
    ("ana [at] example [dot] com", "ana@example.com"),
    ("ana (at) example dot com", "ana@example.com"),
    ("ana dot silva at mail dot example dot com", "ana.silva@mail.example.com"),
    ("ana&#64;example&#46;com", "ana@example.com"),
    ("ana&commat;example.com", "ana@example.com"),
    ("\u0430n\u0430@ex\u0430mple.com", "ana@example.com"),
    ("an\u200ba@exam\u00adple.c\u2060om", "ana@example.com"),
    ("\uff41\uff4e\uff41\uff20example.com", "ana@example.com"),
    ("\U0001d400\U0001d427\U0001d41a", "Ana"),
    ("4 1 1 1  1 1 1 1  1 1 1 1  1 1 1 1", "4111111111111111"),
    ("4.1.1.1.1.1.1.1", "41111111"),
    ("4-1-1-1-1-1-1-1", "41111111"),
    ("<b>4111</b> 1111", "4111 1111"),
    ("**Ana** Silva", "Ana Silva"),
    ("_Ana_ `Silva`", "Ana Silva"),
    ("312\u2011555\u20130143", "312-555-0143"),
    ("312\u00a0555\u20090143", "312 555 0143"),
    ("\u0663\u0661\u0662-\u0665\u0665\u0665", "312-555"),
    ("Jose\u0301", "Jos\u00e9"),
    ("A&amp;B &lt; C", "A&B < C"),
    ("\u202eAna\u202c", "Ana\nanA"),
]

LEFT_ALONE = [
    "An ordinary sentence, with 12 words & a price of $4.50 (or so).",
    "snake_case_name < 3, 2 * 3 * 4 ** 5",
    "Card **** **** **** 4242",
    "look at example.com",
    "10.0.0.1 and 1.2.3.4",
    "<PERSON> lives at <ADDRESS>",
    "Müller, Ærø, Łódź, São Paulo, Москва, Αθήνα, 東京",
    "R&D, AT&T",
    '<a href="mailto:x@example.com">',
    '<img src="1.png" alt="Ana Ruiz">',
]


@pytest.mark.parametrize(("text", "readable"), READ)
def test_reads_what_a_person_reads(text: str, readable: str) -> None:
    assert normalize(text).text == readable


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_leaves_ordinary_text_alone(text: str) -> None:
    assert normalize(text).text == text


def test_ascii_with_nothing_to_do_is_returned_itself() -> None:
    text = "An ordinary sentence, with 12 words and a price of 4.50."
    assert normalize(text).text is text


@pytest.mark.parametrize(("text", "readable"), READ)
def test_what_is_found_is_removed_from_the_original_with_all_in_between(text: str, readable: str) -> None:
    framed = f"before, {text}; after"
    normalized = normalize(framed)
    start = normalized.text.index(readable)
    found = normalized.to_original(Finding("X", start, start + len(readable), 1.0))
    left = replace_spans(framed, [found])
    assert left.startswith("before, ")
    assert left.endswith("; after")
    rest = left.removeprefix("before, ").removesuffix("; after").replace("<X>", "").replace("<b>", "")
    assert not any(map(str.isalnum, rest))


def test_every_stretch_of_the_readable_text_maps_into_the_original() -> None:
    text = "a<b>1</b>\u200b&amp;\ufb01 4 1 1 1 1 1 1 1 x [at] y [dot] com, \u0410nn\u0430 **b**"
    normalized = normalize(text)
    last = 0
    for at in range(len(normalized.text)):
        found = normalized.to_original(Finding("X", at, at + 1, 1.0))
        assert last <= found.end <= len(text)
        assert found.start < found.end
        last = found.start
    whole = normalized.to_original(Finding("X", 0, len(normalized.text), 1.0))
    assert (whole.start, whole.end) == (0, len(text) - 2)


def test_nothing_of_the_text_is_in_the_repr() -> None:
    assert "ana" not in repr(normalize("ana [at] example [dot] com"))


def test_counts_base64_of_readable_text_only() -> None:
    readable = base64.b64encode(b"Ana Silva, 12 Elm Avenue").decode()
    noise = base64.b64encode(bytes(range(128, 168))).decode()
    hashes = (
        "d41d8cd98f00b204e9800998ecf8427e e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert looks_encoded(f"{readable} and {noise} and {hashes} and {readable}") == 2
    assert looks_encoded("plain words only, no blobs at all, whatever their length may be") == 0
