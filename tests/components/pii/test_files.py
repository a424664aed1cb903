import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from components.pii.errors import ColumnMismatchError, ScrubError, TooManyRejectedError, UnreadableSourceError
from components.pii.files import scrub_file
from components.pii.policy import ScrubPolicy
from components.pii.report import Report
from tests.components.pii.conftest import KEY, ROWS

WriteCsv = Callable[..., Path]


def _scrub(source: Path, policy: ScrubPolicy, **options) -> Report:
    out, dead = source.with_name("out.csv"), source.with_name("dead.jsonl")
    return scrub_file(source, out, policy, KEY, dead, **options)


def test_a_file_in_a_file_and_its_dead_letters_out(policy: ScrubPolicy, write_csv: WriteCsv) -> None:
    source = write_csv(*ROWS, "r1,Quinn Ito,x,1.0", '"r\n2",Quinn Ito,x,1.0,no,Cash')
    seen: list[tuple[int, int]] = []
    report = _scrub(source, policy, progress=lambda rows, size: seen.append((rows, size)))
    rows = list(csv.DictReader(source.with_name("out.csv").open()))
    assert [row["note"] for row in rows] == [
        "<PERSON> called from <PHONE_NUMBER>",
        "Hi <PERSON>, your receipt <RECEIPT_NUMBER>",
        "",
    ]
    assert list(rows[0]) == ["rider", "note", "fare", "area", "kind"]
    letters = [json.loads(line) for line in source.with_name("dead.jsonl").open()]
    assert letters == [
        {"file": str(source), "line": 5, "last_line": 5, "reason": "short row"},
        {"file": str(source), "line": 6, "last_line": 7, "reason": "wrong type in column area"},
    ]
    assert (report.rows_in, report.rows_out, report.rows_rejected) == (5, 3, 2)
    assert report.findings == {"PERSON": 2, "PHONE_NUMBER": 1, "RECEIPT_NUMBER": 1}
    assert seen == [(5, source.stat().st_size)]


def test_the_same_file_gives_the_same_bytes(policy: ScrubPolicy, write_csv: WriteCsv) -> None:
    source = write_csv(*ROWS)
    out = source.with_name("out.csv")
    first = _scrub(source, policy), out.read_bytes()
    assert (_scrub(source, policy), out.read_bytes()) == first


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ((), UnreadableSourceError, "has no rows"),
        ((ROWS[0], "short", "short"), TooManyRejectedError, "2 of 3 rows are malformed .*dead.jsonl"),
        ((ROWS[0], 'r1,"Quinn'), UnreadableSourceError, "line 3: a quote is opened and not closed"),
    ],
)
def test_a_refused_run_leaves_no_output(policy, write_csv, rows, error, message) -> None:
    source = write_csv(*rows)
    with pytest.raises(error, match=message) as caught:
        _scrub(source, policy)
    assert "Quinn" not in str(caught.value)
    letters = {"dead.jsonl"} if error is TooManyRejectedError else set()
    assert {path.name for path in source.parent.iterdir()} == {"rows.csv", *letters}


def test_the_policy_must_fit(policy: ScrubPolicy, write_csv: WriteCsv) -> None:
    source = write_csv("a", header="phone")
    with pytest.raises(ColumnMismatchError, match=r"my.yaml: columns.phone: required, because .*rows.csv"):
        _scrub(source, policy, policy_source="my.yaml")


def test_files_must_exist_and_differ(policy: ScrubPolicy, write_csv: WriteCsv, tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match=r"no.csv: there is no such file"):
        _scrub(tmp_path / "no.csv", policy)
    source = write_csv(*ROWS)
    with pytest.raises(ScrubError, match="must be three different files"):
        scrub_file(source, source, policy, KEY, tmp_path / "dead.jsonl")


def test_scrubbing_a_file_needs_neither_tfx_nor_beam() -> None:
    code = "import sys, components.pii.files; print({'tfx', 'apache_beam', 'tensorflow'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
