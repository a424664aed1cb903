import json

import pytest

from components.pii.operators.json_text import pieces, rebuilt


def _upper(cell: str) -> str:
    found = pieces(cell)
    assert found is not None
    return rebuilt(cell, found, [piece.text.upper() for piece in found])


def test_keys_strings_and_numbers_with_the_key_they_stand_under() -> None:
    found = pieces('{"homePhone": [3125550143, {"na_me": "Ana \\u00e9"}], "ok": true, "a": "b", "n": -1.5e3}')
    assert [(piece.context, piece.text) for piece in found or []] == [
        ("", "homePhone"),
        ("home Phone: ", "3125550143"),
        ("", "na_me"),
        ("na me: ", "Ana \u00e9"),
        ("", "ok"),
        ("", "a"),
        ("a: ", "b"),
        ("", "n"),
        ("n: ", "-1.5e3"),
    ]


def test_structure_spelling_and_order_stay() -> None:
    cell = ' {"b" : [1, 2.50,\n null, {}], "a\\"": "x:{},[]", "c": {"d": [[]]}, "e": false} '
    found = pieces(cell)
    assert found is not None
    assert rebuilt(cell, found, [piece.text for piece in found]) == cell
    assert json.loads(_upper(cell)) == {
        "B": [1, 2.5, None, {}],
        'A"': "X:{},[]",
        "C": {"D": [[]]},
        "E": False,
    }


def test_a_number_that_changes_becomes_a_string() -> None:
    cell = '{"phone": 3125550143, "fare": 5.85}'
    found = pieces(cell)
    assert found is not None
    texts = [piece.text.replace("3125550143", "<PHONE_NUMBER>") for piece in found]
    assert json.loads(rebuilt(cell, found, texts)) == {"phone": "<PHONE_NUMBER>", "fare": 5.85}


def test_keys_that_become_equal_stay_apart_within_their_object() -> None:
    cell = '{"Ana": 1, "Quinn": 2, "more": {"Ana": 3}}'
    found = pieces(cell)
    assert found is not None
    texts = [{"Ana": "<P>", "Quinn": "<P>"}.get(piece.text, piece.text) for piece in found]
    assert rebuilt(cell, found, texts) == '{"<P>": 1, "<P> 2": 2, "more": {"<P>": 3}}'


@pytest.mark.parametrize("text", ['"', "\\", "\n", "\0", "\u2028", "</script>", "\U0001f600"])
def test_whatever_stands_in_its_place_the_result_is_json(text: str) -> None:
    found = pieces('{"a": ["b"]}')
    assert found is not None
    assert json.loads(rebuilt('{"a": ["b"]}', found, ["a", text])) == {"a": [text]}


def test_lone_surrogates_become_readable() -> None:
    found = pieces('["\\ud800 Ana"]')
    assert [piece.text for piece in found or []] == ["? Ana"]


@pytest.mark.parametrize(
    "cell",
    ["", "Ana", "{", '{"a": 1,}', "{'a': 1}", "[NaN]", "[Infinity]", '"a" "b"', "\ufeff{}", '"\n"', "[01]"],
)
def test_what_is_no_json(cell: str) -> None:
    assert pieces(cell) is None


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_deep_nesting_is_read_or_left_to_the_text(depth: int) -> None:
    cell = '{"a":' * depth + '"b"' + "}" * depth
    found = pieces(cell)
    assert found is None or [piece.text for piece in found] == ["a"] * depth + ["b"]


def test_large_numbers_are_text() -> None:
    found = pieces("[" + "9" * 5_000 + "]")
    assert [len(piece.text) for piece in found or []] == [5_000]
