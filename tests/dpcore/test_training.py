import functools
import json
import signal
import subprocess
import sys
from pathlib import Path

import dp_accounting
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import stats

import dpcore
from dpcore import ledger as ledgers
from dpcore.config import DpSgdConfig, PrivacyTarget
from dpcore.errors import ConfigError, NotPrivateError, NotSupportedError
from dpcore.ledger import Ledger
from dpcore.sampling import PoissonSampler, sampling_rng
from dpcore.session import private_session
from dpcore.training import PrivateModel
from tests.dpcore.clipping import models

EXAMPLES, EXPECTED = 60, 10
RNG = np.random.default_rng(0)
X = RNG.normal(size=(EXAMPLES, 3)).astype(np.float32)
Y = (X @ [1.0, -2.0, 0.5] > 0).astype(np.float32)[:, None]
ROOT = Path(dpcore.__file__).parents[1]


def linear(**kwargs):
    keras.utils.set_random_seed(1)
    return keras.Sequential([layers.Input((3,)), layers.Dense(1, activation="sigmoid", **kwargs)])


def private(model=None, *, ledger=None, seed=None, optimizer=None, loss="binary_crossentropy", **kwargs):
    """A compiled PrivateModel; what DpSgdConfig does not know goes to compile()."""
    settings = {"l2_norm_clip": 1.0, "expected_batch_size": EXPECTED, "noise_multiplier": 1.0}
    if "target" in kwargs:
        settings["noise_multiplier"] = None
    for name in DpSgdConfig.__dataclass_fields__:
        if name in kwargs:
            settings[name] = kwargs.pop(name)
    result = PrivateModel(model or linear(), DpSgdConfig(**settings), ledger=ledger, seed=seed)
    result.compile(optimizer or keras.optimizers.SGD(0.1), loss, **({"jit_compile": False} | kwargs))
    return result


@functools.cache
def shared():
    """One compiled model for all tests that only fit: it is traced once."""
    return private(metrics=["accuracy"])


def charged(model, *args, **kwargs):
    """Fits, and returns the history, the steps that ran and the charges that were made."""
    before = len(model.ledger.charges)
    iterations = int(model.optimizer.iterations.numpy())
    history = model.fit(*(args or (X, Y)), **({"verbose": 0} | kwargs)).history
    steps = int(model.optimizer.iterations.numpy()) - iterations
    return history, steps, [charge.count for charge in model.ledger.charges[before:]]


class FailAt(keras.callbacks.Callback):
    """Raises after some batches, and notes how much was charged when each batch began."""

    def __init__(self, batch, ledger):
        super().__init__()
        self.batch, self.ledger_of_batch, self.ledger_path = batch, [], ledger

    def on_train_batch_end(self, batch, logs=None):
        self.ledger_of_batch.append(sum(charge.count for charge in Ledger(self.ledger_path).charges))
        if len(self.ledger_of_batch) == self.batch:
            raise RuntimeError("the machine is on fire")


# --- arithmetic -------------------------------------------------------------------------------------------


def one_step_by_hand(model, seed, clip, learning_rate, divisor):
    sampler = PoissonSampler(num_examples=EXAMPLES, expected_batch_size=EXPECTED)
    drawn = sampler.draw(sampling_rng(seed))
    gradients = models.gradients_in_a_loop(model, keras.losses.BinaryCrossentropy(), X[drawn], Y[drawn])
    clip_is_felt = np.linalg.norm(gradients, axis=1) > clip
    assert clip_is_felt.any()
    before = models.flat(model.get_weights())
    return before - learning_rate * models.clipped_sum(gradients, clip) / divisor(len(drawn)), len(drawn)


def test_a_step_divides_the_clipped_sum_by_the_expected_batch_size():
    model, seed = linear(), 5
    expected, realised = one_step_by_hand(model, seed, 0.3, 0.1, lambda _: EXPECTED)
    wrong, _ = one_step_by_hand(model, seed, 0.3, 0.1, lambda drawn: drawn)
    assert realised != EXPECTED
    fitted = private(model, seed=seed, l2_norm_clip=0.3, noise_multiplier=0)
    charged(fitted, steps_per_epoch=1)
    assert fitted.ledger.seeded, "a fixed seed marks the charges"
    after = models.flat(model.get_weights())
    np.testing.assert_allclose(after, expected, atol=1e-6)
    assert np.abs(after - wrong).max() > 1e-4


def test_the_gradient_of_a_weight_regulariser_is_added_after_clip_and_division():
    model, seed = linear(kernel_regularizer=keras.regularizers.L2(3.0)), 5
    expected, _ = one_step_by_hand(model, seed, 0.3, 0.1, lambda _: EXPECTED)
    expected[:3] -= 0.1 * 2 * 3.0 * model.get_weights()[0][:, 0]
    charged(private(model, seed=seed, l2_norm_clip=0.3, noise_multiplier=0), steps_per_epoch=1)
    np.testing.assert_allclose(models.flat(model.get_weights()), expected, atol=1e-6)


def test_noise_is_added_once_per_step():
    size, steps = 50_000, 2
    model = keras.Sequential([layers.Input((1,)), layers.Dense(size, use_bias=False)])
    before = models.flat(model.get_weights())
    # Without weight, nothing but noise moves the model.
    fitted = private(model, loss="mse", l2_norm_clip=0.5, noise_multiplier=2.0, expected_batch_size=4)
    x, y = np.ones((6, 1), np.float32), np.ones((6, size), np.float32)
    charged(fitted, x, y, sample_weight=np.zeros(6), steps_per_epoch=steps)
    change = models.flat(model.get_weights()) - before

    def p_value(stddev_of_a_step):
        energy = (change**2).sum() / (steps * stddev_of_a_step**2)
        return 2 * min(stats.chi2.cdf(energy, size), stats.chi2.sf(energy, size))

    honest = 0.1 * 2.0 * 0.5 / 4
    assert p_value(honest) > 1e-7
    assert p_value(0.95 * honest) < 1e-12
    assert p_value(1.05 * honest) < 1e-12


def test_it_learns_and_trains_the_weights_of_the_wrapped_model():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 3)).astype(np.float32)
    y = (x @ [1.0, -2.0, 0.5] > 0).astype(np.float32)
    model = linear()
    before = model.get_weights()
    fitted = private(
        model, optimizer=keras.optimizers.SGD(2.0), expected_batch_size=200, metrics=["accuracy"], seed=0
    )
    fitted.fit(x, y, epochs=2, verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    accuracy = ((model(x).numpy()[:, 0] > 0.5) == y).mean()
    assert accuracy > 0.9


def test_loss_and_metrics_do_not_see_the_padding():
    model = linear()
    model.layers[-1].set_weights([np.zeros((3, 1)), np.full(1, 20.0)])
    fitted = private(
        model, optimizer=keras.optimizers.SGD(0.0), expected_batch_size=17, metrics=["accuracy", "mae"]
    )
    history, _, _ = charged(fitted, X, np.ones_like(Y), epochs=2)
    # A padding row has target 0 and would be entirely wrong.
    assert history["accuracy"] == [1, 1]
    np.testing.assert_allclose(history["mae"], 0, atol=1e-6)
    np.testing.assert_allclose(history["loss"], 0, atol=1e-6)
    history, _, _ = charged(fitted, X, np.zeros_like(Y), epochs=2)
    # Every example has a loss of 20, the logit, and a padding row has none.
    assert history["accuracy"] == [0, 0]
    np.testing.assert_allclose(history["loss"], 20, rtol=1e-4)


def test_batches_without_examples_are_trained_through():
    fitted = private(expected_batch_size=1)
    history, steps, charges = charged(fitted, steps_per_epoch=30)
    assert (steps, charges) == (30, [30])
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(models.flat(fitted.inner.get_weights())).all()


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
from tests.dpcore.test_training import X, Y, private

class Kill(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            os.kill(os.getpid(), signal.SIGKILL)

private(ledger=Ledger(sys.argv[1])).fit(X, Y, epochs=2, verbose=0, callbacks=[Kill()])
"""


REPLICAS = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from dpcore.errors import NotSupportedError
from tests.dpcore.test_training import X, Y, private
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = private()
try:
    model.fit(X, Y, verbose=0)
except NotSupportedError as error:
    print(f"refused: {error} {len(model.ledger.charges)} charges")
"""


@pytest.fixture(scope="module", autouse=True)
def processes(tmp_path_factory):
    """Two processes of their own, started first and asked last: they run beside the other tests."""
    ledger_path = str(tmp_path_factory.mktemp("killed") / "ledger.jsonl")
    started = {
        name: subprocess.Popen(
            [sys.executable, "-c", script, ledger_path],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, script in (("killed", KILLED), ("replicas", REPLICAS))
    }
    yield started, ledger_path
    for process in started.values():
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
            self.model._charge(1)

    fitted = private(target=PrivacyTarget(epsilon=2.0, delta=1e-3))
    with pytest.raises(NotPrivateError, match="beyond the steps for which the noise was calibrated"):
        fitted.fit(X, Y, verbose=0, callbacks=[GoesOn()])
    assert dpcore.epsilon(fitted.ledger, 1e-3) <= 2.0


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"batch_size": 9},
            ConfigError,
            "batch_size must be left out or equal expected_batch_size=10; got 9",
        ),
        ({"class_weight": {0: 1.0, 1: 2.0}}, NotSupportedError, "class_weight .* pass sample_weight"),
        ({"validation_split": 1.5}, ConfigError, "validation_split must lie between 0 and 1"),
        ({"validation_split": 0.9}, ConfigError, "expected_batch_size must not exceed"),
        ({"sample_weight": np.ones(3)}, ConfigError, "sample_weight must be"),
    ],
)
def test_arguments_that_cannot_be_accounted_for_are_refused_before_any_charge(arguments, error, message):
    before = len(shared().ledger.charges)
    with pytest.raises(error, match=message):
        shared().fit(X, Y, verbose=0, **arguments)
    assert len(shared().ledger.charges) == before


def test_batches_that_were_not_sampled_are_refused():
    with pytest.raises(NotPrivateError, match=r"was not Poisson sampled.*Use fit\(\)"):
        shared().train_on_batch(X, Y)
    charged(shared())
    with pytest.raises(NotPrivateError, match="outside fit"):
        shared().train_function(iter(tf.data.Dataset.from_tensors((X, Y, Y[:, 0]))))


def test_layers_losses_and_optimizers_that_are_not_private_are_refused():
    with pytest.raises(NotPrivateError, match="Use GroupNormalization"):
        private(keras.Sequential([layers.Input((3,)), layers.BatchNormalization(), layers.Dense(1)]))
    with pytest.raises(NotPrivateError, match="one value per example"):
        private(loss=lambda y, p: tf.reduce_mean((y - p) ** 2)).fit(X, Y, verbose=0)
    with pytest.raises(NotPrivateError, match="adds a loss of its own"):
        private(linear(activity_regularizer="l2")).fit(X, Y, verbose=0)
    with pytest.raises(ConfigError, match=r"compile\(\) needs a loss"):
        private(loss=None).fit(X, Y, verbose=0)


def test_a_layer_that_is_unfrozen_after_wrapping_is_refused():
    model = keras.Sequential(
        [layers.Input((3,)), layers.BatchNormalization(trainable=False), layers.Dense(1)]
    )
    fitted = private(model, loss="mse")
    model.layers[0].trainable = True
    with pytest.raises(NotPrivateError, match="Use GroupNormalization"):
        fitted.fit(X, Y, verbose=0)


class Watcher(layers.Layer):
    """Remembers the last example in a weight that is not trained."""

    def build(self, shape):
        self.seen = self.add_weight(shape=(shape[-1],), trainable=False, initializer="zeros", name="seen")

    def call(self, inputs):
        self.seen.assign(inputs[0])
        return inputs


def test_a_layer_that_keeps_what_it_saw_is_refused_and_not_recorded():
    with private_session(Ledger(), "a") as session:
        model = keras.Sequential([layers.Input((3,)), Watcher(), layers.Dense(1)])
        with pytest.raises(NotPrivateError, match="seen is not trainable and yet changed during training"):
            private(model, loss="mse").fit(X, Y, verbose=0, steps_per_epoch=1)
    assert session.differences({variable.path: variable.numpy() for variable in model.weights})


def test_random_layers_are_trained():
    model = keras.Sequential([layers.Input((3,)), layers.Dropout(0.5), layers.Dense(1)])
    assert charged(private(model, loss="mse"), steps_per_epoch=1)[1:] == (1, [1])


# --- inputs, outputs, exports -----------------------------------------------------------------------------


def test_named_inputs_and_outputs():
    inputs = {name: layers.Input((3,), name=name) for name in ("a", "b")}
    joined = layers.Concatenate()(list(inputs.values()))
    model = keras.Model(
        inputs, {"u": layers.Dense(1, name="u")(joined), "v": layers.Dense(2, name="v")(joined)}
    )
    fitted = private(
        model, loss={"u": "mse", "v": "mae"}, loss_weights={"u": 1.0, "v": 2.0}, metrics={"u": ["mae"]}
    )
    history, steps, charges = charged(fitted, {"a": X, "b": X}, {"u": Y, "v": X[:, :2]})
    assert (steps, charges) == (6, [6])
    assert {"loss", "u_mae"} <= set(history)


def test_a_model_without_declared_inputs_is_built_by_fit():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Dense(1)])
    fitted = private(model, loss="mse")
    assert charged(fitted, X.astype(np.float64), Y.astype(np.int64), steps_per_epoch=2)[1:] == (2, [2])
    assert model.predict(X, verbose=0).shape == (EXAMPLES, 1)


def test_what_is_exported_is_the_wrapped_model(tmp_path):
    fitted = private()
    charged(fitted)
    fitted.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(X), fitted.inner.predict(X, verbose=0), atol=1e-6)
    fitted.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is keras.Sequential
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), fitted.inner.predict(X, verbose=0))
    content = json.dumps(loaded.get_config())
    assert "private" not in content.lower()


def test_weights_written_by_one_model_do_not_vouch_for_another():
    with private_session(Ledger(), "a") as session:
        fitted = private(ledger=Ledger())
        charged(fitted, steps_per_epoch=1)
    assert fitted.ledger is not session.ledger
    assert session.differences({v.path: v.numpy() for v in fitted.inner.weights}) == [
        "no PrivateModel was trained"
    ]


# --- processes of their own -------------------------------------------------------------------------------


def test_a_killed_attempt_stays_charged_and_the_next_adds_to_it(processes):
    started, path = processes
    _, errors = started["killed"].communicate()
    assert started["killed"].returncode == -signal.SIGKILL, errors
    assert [charge.count for charge in Ledger(path).charges] == [6]
    charged(private(ledger=Ledger(path)), epochs=2)
    assert [charge.count for charge in Ledger(path).charges] == [6, 6, 6]
    assert Ledger(path).event() == dp_accounting.SelfComposedDpEvent(Ledger(path).charges[0].event, 18)


def test_several_replicas_are_refused(processes):
    output, errors = processes[0]["replicas"].communicate()
    assert "refused: training on several replicas is not supported" in output, errors
    assert "0 charges" in output
