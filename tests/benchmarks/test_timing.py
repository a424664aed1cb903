"""The benchmark's own arithmetic, and that a crash of a peer is a result."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    """The scripts of the benchmark import each other by name."""
    monkeypatch.syspath_prepend(str(FOLDER))


def test_the_ratio_is_to_the_first_step(pass_time):
    from timing import Step, interleaved

    steps = {
        "ordinary": Step(lambda: pass_time(0.01), 5, 1),
        "private": Step(lambda: pass_time(0.03), 5, 1),
    }
    ordinary, private = interleaved(steps, seconds=0.1)
    assert ordinary["ratio"] == 1
    assert [private[name] for name in ("ratio_q1", "ratio", "ratio_q3")] == pytest.approx([3, 3, 3])
    assert private["ms"] == pytest.approx(30)
    assert private["examples_per_second"] == pytest.approx(5e3 / private["ms"])


def test_sizes_of_a_workload_can_be_changed():
    from workloads import WORKLOADS, workload

    assert workload("W2") == WORKLOADS["W2"]
    assert workload("W2,batch_size=8,depth=3").data()[0].shape == (8, 784)


@pytest.mark.parametrize(
    ("code", "failed"),
    [
        ("raise SystemExit('no memory')", "exit code 1: no memory"),
        ("import time; time.sleep(60)", "not done after 3 s"),
    ],
)
def test_a_crash_is_a_record_that_names_the_mode(tmp_path, code, failed):
    from frameworks import Framework

    script = tmp_path / "peer_step.py"
    script.write_text(
        f"import sys\nprint('mode: fast', file=sys.stderr, flush=True)\n{code}\n", encoding="utf-8"
    )
    records = Framework("Peer", script, Path(sys.executable)).run("step", "W1", timeout=3)
    assert records == [
        {"framework": "Peer", "what": "step", "workload": "W1", "mode": "fast", "failed": failed}
    ]
