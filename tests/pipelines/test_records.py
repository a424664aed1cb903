"""Records that other versions wrote: read, or refused in words; never taken for something else."""

import json
from pathlib import Path

import pytest

from pipelines.records import Output, Run, Step

# Not to be changed: who has such a store must be able to read it with every later version.
OLD = json.loads(Path(__file__).with_name("recorded_by_0_1_0.json").read_text(encoding="utf-8"))


def run_with(changes=None):
    """A run with the old records; ``changes`` maps a type to another text of its document."""
    outputs = []
    for number, (kind, properties) in enumerate(OLD.items()):
        key = "ledger" if "ledger" in properties else "report"
        text = (changes or {}).get(kind, properties[key])
        outputs.append(Output(number, key, kind, "/gone", properties | {key: text}))
    return Run("run", "taxi", (Step(1, "All", "ran", 1.0, tuple(outputs)),))


def test_what_version_0_1_0_recorded_is_read():
    run = run_with()
    assert run.problems == []
    assert run.privacy_report.steps == OLD["components.PrivacyLedger"]["steps"]
    assert run.recomputed_epsilon(1e-5) == pytest.approx(run.privacy_report.epsilon)
    assert run.scrub_report.format == "tfx-privacy-scrub/1"
    assert run.scrub_report.findings["EMAIL_ADDRESS"] > 0


@pytest.mark.parametrize(
    ("kind", "known", "attribute"),
    [
        ("components.PrivacyReport", "tfx-privacy-report/1", "privacy_report"),
        ("components.ScrubReport", None, "scrub_report"),
        ("components.PrivacyLedger", "tfx-privacy-ledger/1", None),
    ],
)
def test_what_a_later_version_recorded_is_refused_in_words(kind, known, attribute):
    (text,) = [text for name, text in OLD[kind].items() if name in ("report", "ledger")]
    if known:
        assert known in text
        later = text.replace(known, known[:-1] + "2")
    else:
        later = json.dumps(json.loads(text) | {"format": "tfx-privacy-scrub/2"})
    run = run_with({kind: later})
    (problem,) = run.problems
    assert problem.startswith(f"{kind} cannot be read; another tfx-privacy may have written it: ")
    assert "format" in problem
    if attribute:
        assert getattr(run, attribute) is None
    else:
        assert run.recomputed_epsilon(1e-5) is None


@pytest.mark.parametrize("kind", list(OLD))
def test_a_record_that_was_cut_short_is_a_problem(kind):
    (text,) = [text for name, text in OLD[kind].items() if name in ("report", "ledger")]
    assert len(run_with({kind: text[: len(text) // 2]}).problems) == 1
