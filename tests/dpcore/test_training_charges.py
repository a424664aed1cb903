import signal
import subprocess
import sys

import dp_accounting
import keras
import numpy as np
import pytest
import tensorflow as tf

import dpcore
from dpcore import ledger as ledgers
from dpcore.config import PrivacyTarget
from dpcore.errors import ConfigError, NotPrivateError
from dpcore.ledger import Ledger
from dpcore.session import private_session
from tests.dpcore.fits import EXAMPLES, EXPECTED, ROOT, X, Y, charged, linear, private, shared


class FailAt(keras.callbacks.Callback):
    """Raises after some batches, and notes how much was charged when each batch began."""

    def __init__(self, batch, ledger):
        super().__init__()
        self.batch, self.ledger_of_batch, self.ledger_path = batch, [], ledger

    def on_train_batch_end(self, batch, logs=None):
        self.ledger_of_batch.append(sum(charge.count for charge in Ledger(self.ledger_path).charges))
        if len(self.ledger_of_batch) == self.batch:
            raise RuntimeError("the machine is on fire")


# --- charges ----------------------------------------------------------------------------------------------


def test_the_charge_says_what_was_done():
    history, steps, charges = charged(shared(), epochs=2)
    assert (steps, charges) == (12, [6, 6])
    assert set(history) == {"loss", "accuracy"}
    charge = shared().ledger.charges[-1]
    assert charge.event == dp_accounting.PoissonSampledDpEvent(
        EXPECTED / EXAMPLES, dp_accounting.GaussianDpEvent(1.0)
    )
    assert (charge.l2_norm_clip, charge.seeded, charge.privacy_unit) == (1.0, False, "example")


class StopAfterTwoEpochs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1


@pytest.mark.parametrize(
    ("arguments", "steps", "charges"),
    [
        ({"epochs": 3, "initial_epoch": 1}, 12, [6, 6]),
        ({"steps_per_epoch": 4, "epochs": 2}, 8, [4, 4]),
        ({"batch_size": EXPECTED}, 6, [6]),
        ({"validation_split": 0.5}, 3, [3]),
        ({"validation_data": (X, Y)}, 6, [6]),
        ({"sample_weight": np.ones(EXAMPLES)}, 6, [6]),
        ({"epochs": 5, "callbacks": [StopAfterTwoEpochs()]}, 12, [6, 6]),
    ],
)
def test_every_step_is_charged(arguments, steps, charges):
    history, *found = charged(shared(), **arguments)
    assert found == [steps, charges]
    assert ("val_loss" in history) == any("validation" in name for name in arguments)


def test_examples_held_out_for_validation_make_the_rest_a_larger_part():
    charged(shared(), validation_split=0.5)
    assert shared().ledger.charges[-1].event.sampling_probability == EXPECTED / (EXAMPLES // 2)


def test_a_data_set_is_sampled_example_by_example():
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(7)
    assert charged(shared(), data)[1:] == (6, [6])
    assert shared().ledger.charges[-1].event.sampling_probability == EXPECTED / EXAMPLES


def test_stopping_within_an_epoch_is_charged_as_the_whole_epoch():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    assert charged(shared(), epochs=3, callbacks=[Stop()])[1:] == (3, [6])


def test_best_weights_that_are_restored_count_as_written_by_the_session():
    with private_session(Ledger(), "a") as session:
        model = linear()
        fitted = private(model)
        stop = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=9, restore_best_weights=True)
        fitted.fit(
            X, Y, epochs=3, verbose=0, callbacks=[stop], validation_data=(X, Y), validation_is_public=True
        )
    assert fitted.ledger is session.ledger
    assert {charge.attempt for charge in session.ledger.charges} == {"a"}
    exported = {variable.path: variable.numpy() for variable in model.weights}
    assert session.differences(exported) == []
    model.set_weights([weight + 1e-3 for weight in model.get_weights()])
    assert session.differences({variable.path: variable.numpy() for variable in model.weights})


@pytest.mark.parametrize(
    "compiled", [{"run_eagerly": True}, {"jit_compile": True}, {"steps_per_execution": 2}]
)
def test_other_ways_to_run_a_step_are_charged_alike(compiled):
    fitted = private(expected_batch_size=EXAMPLES, **compiled)
    assert charged(fitted, epochs=2, steps_per_epoch=2)[1:] == (4, [2, 2])


def test_an_epoch_is_charged_on_disk_before_its_first_step(tmp_path):
    path = tmp_path / "ledger.jsonl"
    fitted = private(ledger=Ledger(path))
    fail = FailAt(8, path)
    with pytest.raises(RuntimeError, match="on fire"):
        fitted.fit(X, Y, epochs=3, verbose=0, callbacks=[fail])
    assert fail.ledger_of_batch == [6] * 6 + [12] * 2
    assert Ledger(path).entries == fitted.ledger.entries
    assert len(Ledger(path).unsettled()) == 2


def test_nothing_is_trained_when_the_charge_cannot_be_written(tmp_path, monkeypatch):
    fitted = private(ledger=Ledger(tmp_path / "ledger.jsonl"))
    before = fitted.inner.get_weights()

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(ledgers.os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        fitted.fit(X, Y, verbose=0)
    for a, b in zip(before, fitted.inner.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


KILLED = """
import os, signal, sys
import keras
from dpcore.ledger import Ledger
from tests.dpcore.fits import X, Y, private

class Kill(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            os.kill(os.getpid(), signal.SIGKILL)

private(ledger=Ledger(sys.argv[1])).fit(X, Y, epochs=2, verbose=0, callbacks=[Kill()])
"""


@pytest.fixture(scope="module", autouse=True)
def killed(tmp_path_factory):
    """A process of its own, started first and asked last: it runs beside the other tests."""
    ledger_path = str(tmp_path_factory.mktemp("killed") / "ledger.jsonl")
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, ledger_path],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process, ledger_path
    process.kill()
    process.wait()


# --- a target ---------------------------------------------------------------------------------------------


def test_a_target_is_used_up_but_never_exceeded_and_only_once():
    fitted = private(target=PrivacyTarget(epsilon=2.0, delta=1e-3), steps_per_execution=4)
    assert fitted.noise_multiplier is None
    # Six steps are asked for, and Keras completes the second execution of four.
    _, steps, charges = charged(fitted)
    assert (steps, charges) == (8, [8])
    assert 0.97 * 2.0 <= dpcore.epsilon(fitted.ledger, 1e-3) <= 2.0
    assert fitted.ledger.charges[0].event.event.noise_multiplier == fitted.noise_multiplier
    with pytest.raises(ConfigError, match=r"the target epsilon=2.0 is spent by one fit\(\)"):
        fitted.fit(X, Y, verbose=0)
    assert sum(charge.count for charge in fitted.ledger.charges) == sum(charges)


def test_no_step_is_taken_beyond_those_that_the_target_was_calibrated_for():
    class GoesOn(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model._charges.pay(1)

    fitted = private(target=PrivacyTarget(epsilon=2.0, delta=1e-3))
    with pytest.raises(NotPrivateError, match="beyond the steps for which the noise was calibrated"):
        fitted.fit(X, Y, verbose=0, callbacks=[GoesOn()])
    assert dpcore.epsilon(fitted.ledger, 1e-3) <= 2.0


# --- a process of its own ---------------------------------------------------------------------------------


def test_a_killed_attempt_stays_charged_and_the_next_adds_to_it(killed):
    process, path = killed
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    assert [charge.count for charge in Ledger(path).charges] == [6]
    charged(private(ledger=Ledger(path)), epochs=2)
    assert [charge.count for charge in Ledger(path).charges] == [6, 6, 6]
    assert Ledger(path).event() == dp_accounting.SelfComposedDpEvent(Ledger(path).charges[0].event, 18)
