import pytest

from components.documents import DocumentError
from components.pii.errors import RowsLostError, TooManyRejectedError, UnreadableSourceError
from components.pii.policy import ScrubPolicy, parse_policy
from components.pii.report import Report, Tally, local_ledger, make_report, require_enough
from dpcore.accounting import epsilon_bounds


def _tally(rows_in: int = 4, rows_out: int = 3, rejected: int = 1) -> Tally:
    tally = Tally(rows_in=rows_in, rows_out=rows_out)
    tally.reasons["short row"] = rejected
    tally.findings["note", "PERSON"] = 2
    tally.residual["PHONE_NUMBER"] = 3
    return tally


def test_a_report_counts_by_column_and_type(policy: ScrubPolicy) -> None:
    report = make_report(_tally(), policy)
    assert report.columns["note"].findings == report.findings == {"PERSON": 2}
    assert report.columns["fare"].action == "keep"
    assert (report.residual_findings, report.residual_share) == (3, 1.0)
    assert report.policy_digest == policy.digest
    assert set(report.engine) == {"scrubber", "presidio", "spacy", "model", "faker", "phonenumbers"}


def test_json_there_and_back(policy: ScrubPolicy) -> None:
    report = make_report(_tally(), policy)
    assert Report.from_json(report.to_json()) == report


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "report.json: rows_in: required"),
        ("[]", "report.json: must be a mapping"),
        ("{", "report.json: not valid"),
    ],
)
def test_json_that_is_no_report(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        Report.from_json(text)


def test_json_is_strict(policy: ScrubPolicy) -> None:
    text = make_report(_tally(), policy).to_json()
    with pytest.raises(DocumentError, match=r"report.json: more: no such key"):
        Report.from_json(text.replace("{", '{"more": 1,', 1))
    with pytest.raises(DocumentError, match=r"rows_in: .*greater than or equal to 0; got -4"):
        Report.from_json(text.replace('"rows_in": 4', '"rows_in": -4'))


def test_a_lost_row_is_an_error(policy: ScrubPolicy) -> None:
    with pytest.raises(RowsLostError, match="got 4 in, 2 out, 1 rejected"):
        make_report(_tally(rows_out=2), policy)


def test_too_many_malformed_rows(policy: ScrubPolicy) -> None:
    enough = make_report(_tally(rows_out=2, rejected=2), policy)
    require_enough(enough, policy, source="rows.csv", dead_letters="dead.jsonl")
    report = make_report(_tally(rows_out=1, rejected=3), policy)
    with pytest.raises(TooManyRejectedError) as error:
        require_enough(report, policy, source="rows.csv", dead_letters="dead.jsonl")
    assert str(error.value) == (
        "rows.csv: 3 of 4 rows are malformed (75.00%); max_malformed_share is 50.00%. "
        "Reasons: short row: 3. The rows are listed in dead.jsonl."
    )


def test_no_rows(policy: ScrubPolicy) -> None:
    with pytest.raises(UnreadableSourceError, match=r"rows.csv: has no rows under the header"):
        require_enough(make_report(Tally(), policy), policy, source="rows.csv", dead_letters="dead.jsonl")


def test_randomised_columns_say_what_they_cost() -> None:
    policy = parse_policy(
        """
        key: {env: A}
        columns:
          smoker: {action: randomize, values: ["yes", "no"], epsilon: 1.0}
          ward: {action: randomize, values: [a, b, c], epsilon: 0.5}
          note: keep
        """,
        source="policy.yaml",
    )
    report = make_report(Tally(), policy)
    assert [one.local_epsilon for one in report.columns.values()] == [1.0, 0.5, None]
    assert report.local_epsilon == 1.5
    assert "epsilon 1.5 holds for a row's values in smoker, ward, towards" in report.local_statement
    assert Report.from_json(report.to_json()) == report
    bounds = epsilon_bounds(local_ledger(policy), 1e-9)
    assert bounds.epsilon == pytest.approx(1.5, abs=2e-3)


def test_without_randomised_columns_nothing_is_claimed(policy: ScrubPolicy) -> None:
    report = make_report(_tally(), policy)
    assert report.local_epsilon is None
    assert report.local_statement == ""
    assert local_ledger(policy).charges == ()
