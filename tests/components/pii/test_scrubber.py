import json
import logging
import math
import pickle
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from scipy import stats

from components.pii.errors import KeyUnavailableError
from components.pii.policy import ScrubPolicy, parse_policy
from components.pii.report import Rejected
from components.pii.scrubber import ScrubbedRow, Scrubber
from components.pii.sources import Record
from tests.components.pii.conftest import HEADER, KEY, ROWS, records


def _scrub(policy: ScrubPolicy, *rows: str | bytes) -> list[ScrubbedRow | Rejected]:
    columns, found = records(HEADER, *rows)
    return Scrubber(policy, KEY, columns).scrub_rows(found)


def test_each_column_by_its_rule(policy: ScrubPolicy) -> None:
    first, second, third = (row.values for row in _scrub(policy, *ROWS))
    assert first == {
        "rider": first["rider"],
        "note": "<PERSON> called from <PHONE_NUMBER>",
        "fare": 5.85,
        "area": 8,
        "kind": "Cash",
    }
    assert second["note"] == "Hi <PERSON>, your receipt <RECEIPT_NUMBER>"
    assert [second[name] for name in ("fare", "area", "kind")] == [None, None, None]
    assert third["note"] is None


def test_findings_are_counted_per_column_and_type(policy: ScrubPolicy) -> None:
    first, *_ = _scrub(policy, *ROWS)
    assert first.findings == {("note", "PERSON"): 1, ("note", "PHONE_NUMBER"): 1}
    assert not first.residual


def test_the_same_value_has_the_same_pseudonym(policy: ScrubPolicy) -> None:
    first, second, third = (row.values["rider"] for row in _scrub(policy, *ROWS))
    assert first == third != second
    assert len(first) == 32
    assert "r1" not in first
    other_key = Scrubber(policy, b"another key of sixteen bytes", ["rider"])
    assert other_key.pseudonym("rider", "r1") != first
    assert other_key.pseudonym("name", "r1") != other_key.pseudonym("rider", "r1")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("r1,Ana Ruiz,x,1.0,8", "short row"),
        ("r1,Ana Ruiz,x,1.0,8,Cash,more", "long row"),
        ("r1,Ana Ruiz,x,Ana,8,Cash", "wrong type in column fare"),
        ("r1,Ana Ruiz,x,nan,8,Cash", "wrong type in column fare"),
        ("r1,Ana Ruiz,x,-inf,8,Cash", "wrong type in column fare"),
        ("r1,Ana Ruiz,x,1e39,8,Cash", "wrong type in column fare"),
        ("r1,Ana Ruiz,x,1_0,8,Cash", "wrong type in column fare"),
        ("r1,Ana Ruiz,x,1.0,8.5,Cash", "wrong type in column area"),
        ("r1,Ana Ruiz,x,1.0,9223372036854775808,Cash", "wrong type in column area"),
        (b"r1,Ana Ruiz,caf\xe9,1.0,8,Cash", "encoding"),
        ('r1,"Ana"Ruiz,x,1.0,8,Cash', "quoting"),
    ],
)
def test_a_malformed_row_is_rejected_with_its_reason(policy: ScrubPolicy, row: str, reason: str) -> None:
    outcome = _scrub(policy, ROWS[0], row, ROWS[2])
    assert outcome[1] == Rejected("rows.csv", 3, 3, reason)
    assert [type(row) for row in outcome] == [ScrubbedRow, Rejected, ScrubbedRow]


def test_the_batch_does_not_change_the_rows(policy: ScrubPolicy) -> None:
    together = _scrub(policy, *ROWS)
    assert [_scrub(policy, row)[0] for row in ROWS] == together


def test_what_the_patterns_still_find_is_residual() -> None:
    policy = parse_policy("columns: {note: detect}\nscore_threshold: 0.9", source="policy.yaml")
    columns, found = records("note", "at 312-555-0143")
    (row,) = Scrubber(policy, None, columns).scrub_rows(found)
    assert row.residual == {"PHONE_NUMBER": 1}


def test_no_key_no_scrubber(policy: ScrubPolicy) -> None:
    with pytest.raises(KeyUnavailableError, match="key: required"):
        Scrubber(policy, None, HEADER.split(","))


def test_no_personal_text_in_reprs_and_logs(policy: ScrubPolicy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    columns, found = records(HEADER, *ROWS, "r9,Quinn Ito,Quinn,x,y,z")
    scrubber = Scrubber(policy, KEY, columns)
    outcome = scrubber.scrub_rows(found)
    shown = " ".join([caplog.text, repr(outcome), repr(found), repr(scrubber), repr(policy)])
    for secret in ("Quinn", "Ito", "Ana", "312", "771093", KEY.decode(), repr(KEY)):
        assert secret not in shown


def test_rows_can_travel_between_processes(policy: ScrubPolicy) -> None:
    outcome = _scrub(policy, *ROWS)
    assert pickle.loads(pickle.dumps(outcome)) == outcome  # noqa: S301


OPERATORS = """
key: {env: TEST_PSEUDONYM_KEY}
columns:
  name: {action: pseudonymize, surrogate: true, entity: PERSON}
  mail: {action: hash, entity: EMAIL_ADDRESS}
  card: {action: mask, keep_last: 4, entity: CREDIT_CARD}
  born: {action: generalize, to: year, type: int, entity: DATE_OF_BIRTH}
  age: {action: generalize, width: 10}
  badge: {action: redact, entity: USERNAME}
  note:
    action: detect
    entities: [PERSON, CREDIT_CARD, EMAIL_ADDRESS]
    operators:
      PERSON: {action: pseudonymize, surrogate: true}
      CREDIT_CARD: {action: mask, keep_last: 4}
      EMAIL_ADDRESS: redact
  other:
    action: detect
    entities: [PERSON, EMAIL_ADDRESS]
    default: {action: pseudonymize, surrogate: true}
"""
OPERATOR_HEADER = "name,mail,card,born,age,badge,note,other"
OPERATOR_ROWS = (
    "Quinn Ito,q@ito.org,4111 1111 1111 1111,1984-03-05,42,owl77,"
    '"Quinn paid with 4111 1111 1111 1111, mail q@ito.org, born 1984-03-05, known as owl77",'
    '"Dr. Quinn Ito wrote to q@ito.org"',
    "QUINN ITO,,,,,,,Ito called",
)


def _operated(*rows: str, key: bytes = KEY) -> list[dict]:
    policy = parse_policy(OPERATORS, source="policy.yaml")
    columns, found = records(OPERATOR_HEADER, *rows)
    return [dict(row.values) for row in Scrubber(policy, key, columns).scrub_rows(found)]


def test_one_person_is_one_surrogate_in_every_row_and_column() -> None:
    first, second = _operated(*OPERATOR_ROWS)
    given, family = first["name"].split()
    assert second["name"] == first["name"]
    assert first["note"].startswith(f"{given} paid with")
    assert f"{given} {family} wrote to" in first["other"]
    assert second["other"] == f"{family} called"
    (alone,) = _operated(OPERATOR_ROWS[1], key=b"another key of sixteen bytes")
    assert alone["name"] != first["name"]


def test_whole_columns_by_their_operators_and_their_values_gone_from_the_texts() -> None:
    first, second = _operated(*OPERATOR_ROWS)
    assert (first["card"], first["born"], first["age"], first["badge"]) == (
        "**** **** **** 1111",
        1984,
        "40-49",
        None,
    )
    assert len(first["mail"]) == 16
    assert first["note"].split(" ", 1)[1] == (
        "paid with **** **** **** 1111, mail , born <DATE_OF_BIRTH>, known as <USERNAME>"
    )
    everything = " ".join(str(value) for row in (first, second) for value in row.values())
    for secret in ("Quinn", "QUINN", "Ito", "ITO", "q@ito", "4111", "03-05", "owl77"):
        assert secret not in everything
    assert [second[name] for name in ("mail", "card", "born", "age")] == [None] * 4


@pytest.mark.parametrize(
    ("born", "age", "reason"),
    [
        ("1985-02-29", "42", "wrong value to generalize in column born"),
        ("Quinn", "42", "wrong value to generalize in column born"),
        ("1984-03-05", "many", "wrong value to generalize in column age"),
    ],
)
def test_what_cannot_be_generalized_rejects_its_row(born: str, age: str, reason: str) -> None:
    policy = parse_policy(OPERATORS, source="policy.yaml")
    columns, found = records(OPERATOR_HEADER, f"Quinn Ito,,,{born},{age},,,")
    assert Scrubber(policy, KEY, columns).scrub_rows(found) == [Rejected("rows.csv", 2, 2, reason)]


def test_what_was_removed_is_no_residual() -> None:
    policy = parse_policy(OPERATORS, source="policy.yaml")
    columns, found = records(OPERATOR_HEADER, *OPERATOR_ROWS)
    for row in Scrubber(policy, KEY, columns).scrub_rows(found):
        assert not row.residual


JSON_POLICY = """
columns:
  name: {action: drop, entity: PERSON}
  payload: {action: detect, json: true, entities: [PERSON, EMAIL_ADDRESS, CREDIT_CARD]}
"""


def _payload(cell: str) -> str:
    policy = parse_policy(JSON_POLICY, source="policy.yaml")
    row = Record("rows.csv", 2, 2, ("Quinn Ito", cell))
    (scrubbed,) = Scrubber(policy, None, ["name", "payload"]).scrub_rows([row])
    return scrubbed.values["payload"]


def test_json_stays_json_and_nothing_is_left_in_it() -> None:
    cell = json.dumps(
        {
            "user": {"mail": "a@b.org", "notes": ["Quinn came", 3, None, True]},
            "card": 4111111111111111,
            "a@b.org": {"fare": 5.85},
            "zone": "\u2615",
        }
    )
    assert json.loads(_payload(cell)) == {
        "user": {"mail": "<EMAIL_ADDRESS>", "notes": ["<PERSON> came", 3, None, True]},
        "card": "<CREDIT_CARD>",
        "<EMAIL_ADDRESS>": {"fare": 5.85},
        "zone": "\u2615",
    }


def test_a_key_that_names_its_value_stays_and_one_that_names_a_person_goes() -> None:
    cell = '{"march": {"fare": 1}, "Quinn Ito": 2, "Quinn": 3, "a@b.org": 4}'
    told = json.loads(_payload(cell))
    assert list(told) == ["march", "<PERSON>", "<PERSON> 2", "<EMAIL_ADDRESS>"]
    assert list(told["march"]) == ["fare"]


def test_json_with_hidden_characters_is_read_as_it_means() -> None:
    assert json.loads(_payload('{"m": "\\u0061@b.org"}')) == {"m": "<EMAIL_ADDRESS>"}


@pytest.mark.parametrize("depth", [100, 1_000])
def test_deep_json_is_scrubbed_all_the_same(depth: int) -> None:
    told = _payload("[" * depth + '"a@b.org"' + "]" * depth)
    assert told == "[" * depth + '"<EMAIL_ADDRESS>"' + "]" * depth


def test_what_is_no_json_is_scrubbed_as_text() -> None:
    assert _payload('{"mail": "a@b.org", Quinn') == '{"mail": "<EMAIL_ADDRESS>", <PERSON>'


RANDOMIZED = """
key: {env: TEST_PSEUDONYM_KEY}
columns:
  smoker: {action: randomize, values: ["yes", "no"], epsilon: 1.0}
  ward: {action: randomize, values: [a, b, ""], epsilon: 0.5}
  id: keep
"""


def _randomized(rows: list[Record], key: bytes = KEY) -> list[tuple]:
    policy = parse_policy(RANDOMIZED, source="policy.yaml")
    scrubbed = Scrubber(policy, key, ["smoker", "ward", "id"]).scrub_rows(rows)
    return [(row.values["smoker"], row.values["ward"]) for row in scrubbed]


def _rows(smoker: str, ward: str, count: int = 4000, file: str = "a.csv", first: int = 2) -> list[Record]:
    return [Record(file, line, line, (smoker, ward, "7")) for line in range(first, first + count)]


def _p_value(told: list, probabilities: dict) -> float:
    seen = Counter(told)
    assert set(seen) <= set(probabilities)
    expected = [share * len(told) for share in probabilities.values()]
    return stats.chisquare([seen[value] for value in probabilities], expected).pvalue


def test_answers_are_as_noisy_as_stated_and_the_test_would_notice_if_not() -> None:
    told = _randomized(_rows(" YES", ""))
    smoker, ward = zip(*told, strict=True)
    e = math.exp
    p = e(1) / (e(1) + 1)
    q = e(0.5) / (e(0.5) + 2)
    assert _p_value(smoker, {"yes": p, "no": 1 - p}) > 1e-3
    assert _p_value(ward, {"a": (1 - q) / 2, "b": (1 - q) / 2, None: q}) > 1e-3
    for wrong in (0.9, 1.1):
        assert _p_value(smoker, {"yes": p * wrong, "no": 1 - p * wrong}) < 1e-6
    # Columns are noisy on their own: knowing one answer tells nothing about the other.
    table = [[told.count((one, other)) for other in ("a", "b", None)] for one in ("yes", "no")]
    assert stats.chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize("cell", ["", "sometimes"])
def test_what_is_none_of_the_values_is_answered_at_random(cell: str) -> None:
    told = _randomized(_rows(cell, "a"))
    assert _p_value([smoker for smoker, _ in told], {"yes": 0.5, "no": 0.5}) > 1e-3


def test_the_same_row_is_answered_the_same_whenever_it_is_read() -> None:
    rows = _rows("yes", "a", 200)
    told = _randomized(rows)
    assert [_randomized([row])[0] for row in reversed(rows)] == told[::-1]


@pytest.mark.parametrize(
    "others",
    [
        _rows("yes", "a", 400, file="b.csv"),
        _rows("yes", "a", 400, first=1000),
        [replace(row, cells=("yes", "a", "8")) for row in _rows("yes", "a", 400)],
        None,
    ],
    ids=["another file", "another line", "another row", "another key"],
)
def test_another_row_has_coins_of_its_own(others: list[Record] | None) -> None:
    mine = [smoker for smoker, _ in _randomized(_rows("yes", "a", 400))]
    theirs = _randomized(others) if others else _randomized(_rows("yes", "a", 400), b"another key " * 2)
    agree = sum(one == other for one, (other, _) in zip(mine, theirs, strict=True))
    p = math.e / (math.e + 1)
    assert stats.binomtest(agree, 400, p**2 + (1 - p) ** 2).pvalue > 1e-3


def test_a_corrected_value_does_not_share_its_coins_with_the_old_one() -> None:
    # With shared coins two different answers would both be true; they must look like independent ones.
    before = [smoker for smoker, _ in _randomized(_rows("yes", "a", 2000))]
    after = [smoker for smoker, _ in _randomized(_rows("no", "a", 2000))]
    told = list(zip(before, after, strict=True))
    p = math.e / (math.e + 1)
    expected = {
        (one, other): (p if one == "yes" else 1 - p) * (p if other == "no" else 1 - p)
        for one in ("yes", "no")
        for other in ("yes", "no")
    }
    assert _p_value(told, expected) > 1e-3


def test_another_process_answers_and_invents_the_same(tmp_path) -> None:
    (tmp_path / "policy.yaml").write_text(RANDOMIZED)
    code = (
        "import sys\n"
        "from components.pii.sources import Record\n"
        "from components.pii.policy import load_key, load_policy\n"
        "from components.pii.scrubber import Scrubber\n"
        "policy = load_policy(sys.argv[1])\n"
        "rows = [Record('a.csv', line, line, ('yes', 'a', '7')) for line in range(2, 42)]\n"
        "told = Scrubber(policy, load_key(policy), ['smoker', 'ward', 'id']).scrub_rows(rows)\n"
        "print([(row.values['smoker'], row.values['ward']) for row in told])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "policy.yaml")], capture_output=True, text=True
    )
    assert done.stdout.strip() == repr(_randomized(_rows("yes", "a", 40))), done.stderr
