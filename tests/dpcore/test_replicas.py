"""Training on several devices and in several processes: what comes out is what one device makes.

Devices and workers are made when TensorFlow starts, so each set of them is a process of its own: it runs one
of the programs below and saves what it found.
"""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import stats

import dpcore
from dpcore.errors import ConfigError, DpError
from dpcore.ledger import Ledger
from dpcore.replicas import number_of_workers
from dpcore.sampling import PoissonSampler, poisson_batches, sampling_rng
from tests.dpcore.clipping import models
from tests.dpcore.fits import ROOT, private

EXAMPLES, EXPECTED = 61, 13
RNG = np.random.default_rng(0)
X = RNG.normal(size=(EXAMPLES, 3)).astype(np.float32)
Y = (X @ [1.0, -2.0, 0.5] > 0).astype(np.float32)[:, None]
NOISED, NOISE_STEPS = 50_000, 2


def perceptron(dropout=0.0):
    keras.utils.set_random_seed(1)
    hidden = [layers.Dense(5, "tanh"), layers.Dropout(dropout), layers.Dense(1, "sigmoid")]
    return keras.Sequential([layers.Input((3,)), *hidden])


def sgd(**kwargs):
    return keras.optimizers.SGD(0.1, momentum=0.9, **kwargs)


def found(fitted, history):
    return {
        "weights": models.flat(fitted.inner.get_weights()),
        "history": history.history,
        "charges": [(charge.count, charge.seeded) for charge in fitted.ledger.charges],
    }


def without_noise(strategy, expected=EXAMPLES, steps=3, **kwargs):
    """Trained without noise, by an optimizer that would notice if it got something else than the sum."""
    with strategy.scope():
        fitted = private(
            perceptron(),
            seed=5,
            optimizer=sgd(global_clipnorm=0.05),
            l2_norm_clip=0.3,
            noise_multiplier=0,
            expected_batch_size=expected,
            metrics=["accuracy", "mae"],
            **kwargs,
        )
    whole = expected == EXAMPLES
    validation = {"validation_data": (X, Y)} if whole else {}
    history = fitted.fit(X, Y, epochs=2, steps_per_epoch=steps, verbose=0, **validation)
    everywhere = [
        [value.numpy() for value in strategy.experimental_local_results(variable.value)]
        for variable in (*fitted.inner.weights, *fitted.optimizer.variables)
    ]
    same = all(np.array_equal(value, values[0]) for values in everywhere for value in values)
    evaluated = fitted.evaluate(X, Y, verbose=0) if whole else None
    return found(fitted, history) | {"same": same, "evaluated": evaluated}


def noise_alone(strategy):
    """How far the weights moved when nothing but noise moved them: the examples have no weight."""
    with strategy.scope():
        model = keras.Sequential([layers.Input((1,)), layers.Dense(NOISED, use_bias=False)])
        fitted = private(
            model,
            loss="mse",
            l2_norm_clip=0.5,
            noise_multiplier=2.0,
            expected_batch_size=4,
        )
    before = models.flat(model.get_weights())
    x, y = np.ones((6, 1), np.float32), np.ones((6, NOISED), np.float32)
    fitted.fit(x, y, sample_weight=np.zeros(6), steps_per_epoch=NOISE_STEPS, verbose=0)
    return models.flat(model.get_weights()) - before


def refusals(strategy):
    def fit(fitted):
        try:
            fitted.fit(X, Y, verbose=0)
        except DpError as error:
            return f"{type(error).__name__}: {error}", len(fitted.ledger.charges)
        return None

    model, optimizer = perceptron(), keras.optimizers.Adam()
    with strategy.scope():
        mirrored = perceptron()
        refused = {"model": private(model), "optimizer": private(perceptron(), optimizer=optimizer)}
        refused["loop"] = private(perceptron(), steps_per_execution=2)
    refused["wrapper"] = private(mirrored)
    with tf.distribute.experimental.CentralStorageStrategy(["CPU:0", "CPU:1"]).scope():
        refused["strategy"] = private(perceptron())
    return {name: fit(fitted) for name, fitted in refused.items()}


def random_layers(strategy):
    with strategy.scope():
        fitted = private(perceptron(dropout=0.5), optimizer="adam")
    history = fitted.fit(X, Y, epochs=2, verbose=0)
    return found(fitted, history) | {"predicted": fitted.predict(X, verbose=0).shape}


def devices(path):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(3)])
    save(
        path,
        {
            "whole": without_noise(strategy),
            "noise": noise_alone(strategy),
            "poisson": without_noise(strategy, expected=EXPECTED, steps=1, jit_compile=True),
            "refusals": refusals(strategy),
            "random layers": random_layers(strategy),
        },
    )


class KilledAt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            os.kill(os.getpid(), signal.SIGKILL)


def worker(path, dies_on):
    strategy = dpcore.strategy()
    index = strategy.cluster_resolver.task_id
    whole = without_noise(strategy, ledger=Ledger(f"{path}.ledger") if index == 0 else None)
    poisson = without_noise(strategy, expected=EXPECTED, steps=1)
    noise = noise_alone(strategy)
    with strategy.scope():
        fitted = private(perceptron(), ledger=Ledger(f"{path}.attempts") if index == 0 else None)
    try:
        fitted.fit(X[:: 1 - 2 * index], Y[:: 1 - 2 * index], verbose=0)
        other_order = "trained", len(fitted.ledger.charges)
    except ConfigError as error:
        other_order = str(error), len(fitted.ledger.charges)
    save(path, {"whole": whole, "poisson": poisson, "noise": noise, "other order": other_order})
    fitted.fit(X, Y, epochs=2, verbose=0, callbacks=[KilledAt()] if index == int(dies_on) else [])


def save(path, values):
    with open(path, "wb") as file:
        pickle.dump(values, file)


def run(program, *arguments, **environment):
    code = f"import sys; from tests.dpcore import test_replicas; test_replicas.{program}(*sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def cluster(index, ports):
    workers = [f"localhost:{port}" for port in ports]
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})


@pytest.fixture(scope="module", autouse=True)
def processes(tmp_path_factory):
    folder, ports = tmp_path_factory.mktemp("replicas"), free_ports(2)
    started = {"devices": run("devices", folder / "devices")} | {
        f"worker {i}": run("worker", folder / f"worker {i}", 1, TF_CONFIG=cluster(i, ports)) for i in (0, 1)
    }
    yield started, folder
    for process in started.values():
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def results(processes):
    """What a process found, by the process's name, and how it ended."""
    started, folder = processes
    ended = {}

    def of(name):
        if name not in ended:
            _, errors = started[name].communicate(timeout=900)
            assert (folder / name).exists(), errors
            with (folder / name).open("rb") as file:
                ended[name] = pickle.load(file), started[name].returncode, errors  # noqa: S301 (our own)
        return ended[name]

    return of


@pytest.fixture(scope="module")
def one():
    """What a single device makes of it, in this process."""
    return without_noise(tf.distribute.get_strategy())


@pytest.fixture(scope="module")
def three(results):
    """What three devices make of it. Workers are two."""
    found, code, errors = results("devices")
    assert code == 0, errors
    return found


@pytest.fixture(scope="module")
def workers(results):
    return [results("worker 0")[0], results("worker 1")[0]]


def assert_is_noise_of_one_step_each(change):
    def p_value(stddev_of_a_step):
        energy = (change**2).sum() / (NOISE_STEPS * stddev_of_a_step**2)
        return 2 * min(stats.chi2.cdf(energy, NOISED), stats.chi2.sf(energy, NOISED))

    honest = 0.1 * 2.0 * 0.5 / 4
    assert p_value(honest) > 1e-7
    assert p_value(0.95 * honest) < 1e-12
    assert p_value(1.05 * honest) < 1e-12


# --- the parts of a batch ---------------------------------------------------------------------------------


def test_replicas_share_one_poisson_batch_in_equal_parts_without_a_row_too_many():
    sampler = PoissonSampler(num_examples=EXAMPLES, expected_batch_size=EXPECTED)
    arrays = (np.arange(EXAMPLES), np.ones(EXAMPLES, np.float32))
    parts = iter(poisson_batches(arrays, sampler, sampling_rng(1), replicas=3, parts=range(3)))
    second = iter(poisson_batches(arrays, sampler, sampling_rng(1), replicas=3, parts=range(1, 2)))
    rng = sampling_rng(1)
    for _ in range(20):
        batch = [[array.numpy() for array in next(parts)] for _ in range(3)]
        assert len({len(rows) for rows, _ in batch}) == 1
        np.testing.assert_array_equal(next(second)[0], batch[1][0])
        drawn = np.concatenate([rows[weights > 0] for rows, weights in batch])
        np.testing.assert_array_equal(drawn, sampler.draw(rng))


def test_a_shared_batch_is_read_once():
    sampler = PoissonSampler(num_examples=EXAMPLES, expected_batch_size=EXPECTED)
    batches = poisson_batches((X,), sampler, sampling_rng(1), replicas=2, parts=range(2))
    next(iter(batches))
    with pytest.raises(tf.errors.OpError, match="are read once"):
        next(iter(batches))


def test_without_a_cluster_there_is_one_worker(monkeypatch):
    for value, count in ((None, 1), ("", 1), ("{}", 1), (cluster(0, [1, 2]), 2)):
        if value is not None:
            monkeypatch.setenv("TF_CONFIG", value)
        assert number_of_workers() == count
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}}))
    assert number_of_workers() == 3


def test_workers_that_would_each_train_a_model_of_their_own_are_refused(monkeypatch):
    fitted = private(perceptron())
    monkeypatch.setenv("TF_CONFIG", cluster(0, [1, 2]))
    with pytest.raises(ConfigError, match=r"`with dpcore.strategy\(\).scope\(\):`"):
        fitted.fit(X, Y, verbose=0)
    assert not fitted.ledger.charges
    dpcore.strategy.cache_clear()  # Another test may have asked for it, without a cluster.
    with pytest.raises(ConfigError, match="first of all"):
        dpcore.strategy()


# --- several devices --------------------------------------------------------------------------------------


def test_several_devices_train_as_one(one, three):
    assert one["charges"] == [(3, True), (3, True)]
    assert_trained_alike(three["whole"], one)
    assert three["whole"]["same"], "every device has the same weights and optimizer"


def assert_trained_alike(several, one):
    np.testing.assert_allclose(several["weights"], one["weights"], atol=1e-6)
    assert several["charges"] == one["charges"]
    assert several["evaluated"] == pytest.approx(one["evaluated"], rel=1e-4)
    assert several["history"].keys() == one["history"].keys()
    for metric, values in one["history"].items():
        assert several["history"][metric] == pytest.approx(values, rel=1e-4), metric


def test_the_batch_is_one_poisson_sample_of_all_examples(three):
    rng = sampling_rng(int.from_bytes(sampling_rng(5).bytes(32)))
    sampler = PoissonSampler(num_examples=EXAMPLES, expected_batch_size=EXPECTED)
    model, momentum = perceptron(), 0.0
    for _ in range(2):
        drawn = sampler.draw(rng)
        gradients = models.gradients_in_a_loop(model, keras.losses.BinaryCrossentropy(), X[drawn], Y[drawn])
        gradient = models.clipped_sum(gradients, 0.3) / EXPECTED
        gradient *= 0.05 / max(0.05, np.linalg.norm(gradient))
        momentum = 0.9 * momentum - 0.1 * gradient
        unflat(model, models.flat(model.get_weights()) + momentum)
    np.testing.assert_allclose(three["poisson"]["weights"], models.flat(model.get_weights()), atol=1e-6)
    assert three["poisson"]["charges"] == [(1, True), (1, True)]


def unflat(model, values):
    sizes = np.cumsum([weight.size for weight in model.get_weights()])[:-1]
    parts = np.split(values, sizes)
    model.set_weights([p.reshape(w.shape) for p, w in zip(parts, model.get_weights(), strict=True)])


def test_noise_is_added_once_for_all_devices(three):
    assert_is_noise_of_one_step_each(three["noise"])


def test_random_layers_are_trained_on_several_devices(three):
    assert [count for count, _ in three["random layers"]["charges"]] == [7, 7]
    assert np.isfinite(three["random layers"]["weights"]).all()
    assert three["random layers"]["predicted"] == (EXAMPLES, 1)


def test_what_was_made_for_other_devices_is_refused_before_any_charge(three):
    refused = three["refusals"]
    for name in ("model", "optimizer", "wrapper"):
        assert "ConfigError" in refused[name][0], name
        assert "in one `with strategy.scope():`" in refused[name][0], name
    assert "steps_per_execution must be 1" in refused["loop"][0]
    assert "CentralStorageStrategy" in refused["strategy"][0]
    assert {charges for _, charges in refused.values()} == {0}


# --- several processes ------------------------------------------------------------------------------------


def test_several_workers_train_as_one_process(one, three, workers):
    for work in workers:
        assert_trained_alike(work["whole"], one)
        np.testing.assert_allclose(work["poisson"]["weights"], three["poisson"]["weights"], atol=1e-6)
    np.testing.assert_array_equal(workers[0]["whole"]["weights"], workers[1]["whole"]["weights"])


def test_noise_is_added_once_for_all_workers(workers):
    np.testing.assert_array_equal(workers[0]["noise"], workers[1]["noise"])
    assert_is_noise_of_one_step_each(workers[0]["noise"])


def test_workers_with_the_rows_in_another_order_are_refused_before_any_charge(workers):
    for work in workers:
        message, charges = work["other order"]
        assert "the workers do not have the same data" in message
        assert charges == 0


def test_a_worker_that_is_killed_ends_all_and_leaves_the_charge(processes, results):
    _, code, errors = results("worker 1")
    assert code == -signal.SIGKILL, errors
    _, code, errors = results("worker 0")
    assert code not in (0, None), errors
    _, folder = processes
    # The first epoch was paid for when it began; the second never did.
    assert [charge.count for charge in Ledger(folder / "worker 0.attempts").charges] == [7]
    assert sorted(path.name for path in folder.glob("worker 1*")) == ["worker 1"]
