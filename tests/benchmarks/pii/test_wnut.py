"""WNUT-17's tokens as a text with spans."""

import pytest

from benchmarks.pii.wnut import FILES, read

CONLL = "\n".join(
    [
        "Hey\tO", "@\tO", "ann\tO", "!\tO", "Ann\tB-person", "Lee\tI-person", "'s\tO", "in\tO",
        "Redondo\tB-location", "Beach\tI-location", ",\tO", "Bob\tB-person", "Li\tB-person", "", "",
        "Acme\tB-corporation", "won\tO", ".\tO",
    ]
)  # fmt: skip


def test_tokens_become_texts_with_people_and_places(tmp_path):
    (tmp_path / FILES["dev"]).write_text(CONLL)
    first, second = read(tmp_path, "dev")
    assert first.text == "Hey @ann! Ann Lee's in Redondo Beach, Bob Li"
    assert [(first.text[a:b], kind) for a, b, kind in first.spans] == [
        ("Ann Lee", "PERSON"),
        ("Redondo Beach", "LOCATION"),
        ("Bob", "PERSON"),
        ("Li", "PERSON"),
    ]
    assert (second.text, second.spans) == ("Acme won.", ())


def test_an_unknown_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="got unseen"):
        read(tmp_path, "unseen")
