"""The policy and the code of components/pii/README.md work as they stand there."""

import re
from pathlib import Path

import components.pii
from components.pii.policy import parse_policy
from components.pii.scrubber import ScrubbedRow, Scrubber
from components.pii.sources import Record

PAGE = Path(components.pii.__file__).with_name("README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_policy_scrubs():
    policy = parse_policy(blocks("yaml")[0], source="README.md")
    cells = ("12.5", "Quinn Ito", "1984-03-17", "yes", '{"phone": "(312) 555-0143"}', "For Quinn Ito.")
    record = Record("rides.csv", 2, 2, cells)
    (row,) = Scrubber(policy, b"a key of more than sixteen bytes", list(policy.columns)).scrub_rows([record])
    assert isinstance(row, ScrubbedRow)
    assert list(row.values)[:3] == ["fare", "rider_name", "birth_date"]
    assert row.values["birth_date"] == 1984
    assert row.values["payload"] == '{"phone": "<PHONE_NUMBER>"}'
    assert row.values["receipt"] == f"For {row.values['rider_name']}."


def test_the_estimate_is_the_one_that_is_told():
    names = {}
    (code,) = blocks("python")
    exec(code.replace("\nestimate_counts(", "\nfound = estimate_counts("), names)  # noqa: S102
    told = re.search(r"yes: (\d+) ± (\d+)", code)
    yes = names["found"]["yes"]
    assert (round(yes.count), round(yes.standard_error)) == (int(told[1]), int(told[2]))
