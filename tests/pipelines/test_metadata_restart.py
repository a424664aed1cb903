"""A whole pipeline on a database server that goes down and comes back in the middle of training."""

import threading
import time

import pytest

from pipelines.local import run_locally
from pipelines.places import Places
from pipelines.records import open_store

pytestmark = pytest.mark.slow


def test_a_restart_in_the_middle_of_a_run_costs_nothing(server, settings, tmp_path):
    connection = server.connection()
    restarted = []

    def restart():
        time.sleep(2.0)  # DPTrainer has told that it runs, and is at work.
        server.stop()
        server.start()
        restarted.append(time.monotonic())

    training = threading.Thread(target=restart)
    finished = []

    def on_step(name, done):
        if name == "DPTrainer":
            training.start() if not done else finished.append(time.monotonic())

    run = run_locally(settings, Places(tmp_path), connection=connection, on_step=on_step)
    training.join()
    assert restarted[0] < finished[0]
    assert {step.state for step in run.steps} == {"ran"}
    assert len({step.name for step in run.steps}) == len(run.steps) == 12
    assert run.blessed, run.reasons
    assert run.problems == []
    assert run.recomputed_epsilon(1e-5) == pytest.approx(run.privacy_report.epsilon)
    assert [found.id for found in open_store(connection).runs()] == [run.id]
    assert not (tmp_path / "metadata.sqlite").exists()
