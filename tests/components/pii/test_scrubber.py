import logging
import pickle

import pytest

from components.pii.errors import KeyUnavailableError
from components.pii.policy import ScrubPolicy, parse_policy
from components.pii.report import Rejected
from components.pii.scrubber import ScrubbedRow, Scrubber
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
