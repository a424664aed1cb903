"""Known values in disguise, and cells that are meant to break a reader."""

import base64
import json

import pytest

from components.pii.errors import PatternTimeoutError
from components.pii.policy import parse_policy
from components.pii.scrubber import ENCODED, ScrubbedRow, Scrubber
from components.pii.sources import Record
from tests.components.pii.trust.disguises import DISGUISES, VALUES, leaks

CASES = [
    (disguise, kind)
    for disguise, write in DISGUISES.items()
    for kind, (value, _) in VALUES.items()
    if disguise == "none" or write(value) != value
]

# What may get through. Only the card between letters is residual: the others look like nothing.
NOT_READ = {
    "<br>": {"phone", "ssn"},
    "newline inside": {"phone", "card", "ssn", "person"},
    "letters around": {"phone", "card", "iban"},
    "letters for digits": {"phone", "card", "iban"},
    "flags": {"email", "iban", "person"},
}
# The fast profile has no model: of a name after a cue it reads what is written like one.
NOT_READ_FAST = {
    **{by: {"person"} for by in ("dots", "slashes", "underscores", "commas", "bars", "middle dots")},
    **{by: {"person"} for by in ("newline for a gap", "newline after a gap")},
    "<br>": {"email", "person"},
    "newline inside": {"email"},
    "letters around": {"person"},
}


def scrub(*notes: str, profile: str = "fast", rule: str = "detect", more: str = "") -> list[ScrubbedRow]:
    policy = parse_policy(f"profile: {profile}\ncolumns: {{note: {rule}}}\n{more}", source="policy.yaml")
    rows = [Record("a.csv", line, line, (note,)) for line, note in enumerate(notes, 2)]
    return Scrubber(policy, None, ["note"]).scrub_rows(rows)


def scrubbed(note: str, **settings: str) -> str:
    (row,) = scrub(note, **settings)
    return str(row.values["note"])


@pytest.mark.parametrize(("disguise", "kind"), CASES)
def test_the_search_for_leaks_sees_through_every_disguise(disguise: str, kind: str) -> None:
    value, sentence = VALUES[kind]
    assert leaks(value, sentence.format(DISGUISES[disguise](value))) or disguise == "letters for digits"
    assert not leaks(value, sentence.format("<TYPE>"))


@pytest.mark.parametrize("profile", ["fast", "balanced"])
def test_a_value_in_disguise_is_removed(profile: str) -> None:
    notes = [VALUES[kind][1].format(DISGUISES[disguise](VALUES[kind][0])) for disguise, kind in CASES]
    through = {
        (disguise, kind)
        for (disguise, kind), row in zip(CASES, scrub(*notes, profile=profile), strict=True)
        if leaks(VALUES[kind][0], str(row.values["note"]))
    }
    known = {(disguise, kind) for disguise, kinds in NOT_READ.items() for kind in kinds}
    if profile == "fast":
        known |= {(disguise, kind) for disguise, kinds in NOT_READ_FAST.items() for kind in kinds}
    assert not through - known


def test_a_card_between_letters_is_residual() -> None:
    (row,) = scrub("Paid with xx4539 1488 0343 6467xx yesterday.")
    assert row.residual == {"CREDIT_CARD": 1}


def test_what_is_removed_takes_its_disguise_along() -> None:
    assert scrubbed("Call 3<b>1</b>2\u200b-555-\u0660143, please.") == "Call <PHONE_NUMBER>, please."
    assert scrubbed("Paid \u202e7646 3430 8841 9354\u202c, thanks.") == "Paid <CREDIT_CARD>, thanks."


def test_base64_is_counted_and_not_decoded() -> None:
    hidden = base64.b64encode(b"Call me on 312-555-0143, Ana").decode()
    (row,) = scrub(f"see {hidden}")
    assert row.values["note"] == f"see {hidden}"
    assert row.residual == {ENCODED: 1}


DEEP = 1_000
JSON_CELLS = [
    "[" * DEEP + '"312-555-0143"' + "]" * DEEP,
    '{"a": ' * DEEP + '"312-555-0143"' + "}" * DEEP,
    '{"a": "312-555-0143", "a": "call 312-555-0143", "312-555-0143": 1}',
    '{"a": NaN, "b": "312-555-0143"}',
    '{"a": 1' + "0" * 10_000 + ', "b": "312-555-0143"}',
    '{"a": "\\ud800 312-555-0143", "b": "\\udc00"}',
    '{"a": "312\\u002d555\\u002d0143"}',
    '{"a": "{\\"phone\\": \\"312-555-0143\\"}"}',
    '{"a": "312-555-0143"',
    '"' + "\\" * 999 + "312-555-0143",
]


@pytest.mark.parametrize("cell", JSON_CELLS)
@pytest.mark.parametrize("rule", ["detect", "{action: detect, json: true}"])
def test_hostile_json(cell: str, rule: str) -> None:
    left = scrubbed(cell, rule=rule)
    assert "555" not in left
    assert "0143" not in left


def test_json_stays_json() -> None:
    left = json.loads(scrubbed(JSON_CELLS[2], rule="{action: detect, json: true}"))
    assert left == {"a": "<PHONE_NUMBER>", "a 2": "call <PHONE_NUMBER>", "<PHONE_NUMBER>": 1}


@pytest.mark.parametrize(
    "cell",
    ["", " ", "\t\r\n", "\0", "\0" * 100, "\x1b[0m", "\ud800", "\u0301", "\u202e", "&#0;&#xD800;", "\\ud800"],
)
@pytest.mark.parametrize("profile", ["fast", "balanced"])
def test_cells_of_nothing_are_left_alone(cell: str, profile: str) -> None:
    (row,) = scrub(cell, profile=profile)
    assert row.values["note"] == (cell or None)
    assert not row.findings


def test_many_short_cells() -> None:
    notes = ["", " ", "ok", "312-555-0143", "5"] * 4_000
    rows = scrub(*notes)
    assert len(rows) == len(notes)
    assert sum((row.findings[("note", "PHONE_NUMBER")] for row in rows), 0) == 4_000


def test_a_pattern_of_the_policy_that_never_ends_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.pii.recognizers._SECONDS", 0.2)
    own = 'recognizers:\n- {entity: ORDER, regex: "O-[0-9]+"}\n- {entity: BADGE, regex: "(q|qq)+$"}'
    text = "quinn " + "q" * 60 + "!"
    with pytest.raises(PatternTimeoutError, match="recognizers, number 2: the pattern for BADGE") as error:
        scrub("no such letter", text, rule="{action: detect, entities: [ORDER, BADGE]}", more=own)
    assert "quinn" not in f"{error.value!r}{error.value.__cause__!r}{error.value.__context__!r}"


def test_a_pattern_of_the_policy_may_be_slow_for_one_that_is_quick() -> None:
    own = 'recognizers: [{entity: BADGE, regex: "B(a+)+z"}]'
    rule = "{action: detect, entities: [BADGE]}"
    assert scrubbed("x B" + "a" * 40 + "z y", rule=rule, more=own) == "x <BADGE> y"
