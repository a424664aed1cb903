"""What a training session costs, and when it is not private, without TFX."""

import os
import signal
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

import dpcore
from components.dp_trainer import training
from components.dp_trainer.uncharged import entries_for
from dpcore.ledger import Charge, DeclaredPublic, Ledger

CONFIG = dpcore.DpSgdConfig(l2_norm_clip=1.0, expected_batch_size=16, noise_multiplier=1.0)
X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("float32")


def model():
    return keras.Sequential([keras.Input([4]), keras.layers.Dense(1, activation="sigmoid")])


def fit(trained, **kwargs):
    trained.compile("sgd", "binary_crossentropy")
    trained.fit(X, Y, verbose=0, **kwargs)


def train(tmp_path, run, *, entries=(), attempt="1", journal=None, **kwargs):
    exported = str(tmp_path / f"model-{attempt}")
    journal = journal or Ledger(tmp_path / "attempts.jsonl")
    return training.train_in_session(
        lambda: run(exported),
        journal=journal,
        attempt=attempt,
        entries=entries,
        exported_model=exported,
        **kwargs,
    )


def private(exported):
    wrapped = dpcore.PrivateModel(model(), CONFIG)
    fit(wrapped)
    wrapped.export(exported, verbose=False)


def test_a_private_model_costs_what_its_steps_cost(tmp_path):
    ledger = train(tmp_path, private)
    assert [(c.count, c.attempt) for c in ledger.charges] == [(4, "1")]
    expected = dpcore.dp_sgd_epsilon(
        sampling_probability=0.25, noise_multiplier=1.0, steps=4, target_delta=1e-5
    )
    assert dpcore.epsilon(ledger, 1e-5) == pytest.approx(expected.epsilon)
    assert training.metadata_properties(ledger)["private"] == 1


def test_a_model_with_random_layers_is_as_private(tmp_path):
    def run(exported):
        layers = [keras.Input([4]), keras.layers.Dropout(0.2), keras.layers.Dense(1, activation="sigmoid")]
        wrapped = dpcore.PrivateModel(keras.Sequential(layers), CONFIG)
        fit(wrapped)
        wrapped.export(exported, verbose=False)

    ledger = train(tmp_path, run)
    assert dpcore.epsilon(ledger, 1e-5) < 10


def test_an_optimizer_may_be_exported_too(tmp_path):
    def run(exported):
        wrapped = dpcore.PrivateModel(model(), CONFIG)
        wrapped.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        wrapped.fit(X, Y, verbose=0)
        tf.saved_model.save(wrapped.inner, exported)

    ledger = train(tmp_path, run)
    assert dpcore.epsilon(ledger, 1e-5) < 10


def trained_in_the_ordinary_way(exported):
    ordinary = model()
    fit(ordinary)
    ordinary.export(exported, verbose=False)


def trained_further_afterwards(exported):
    wrapped = dpcore.PrivateModel(model(), CONFIG)
    fit(wrapped)
    fit(wrapped.inner)
    wrapped.export(exported, verbose=False)


def another_model_exported(exported):
    fit(dpcore.PrivateModel(model(), CONFIG))
    trained_in_the_ordinary_way(exported)


def more_exported_than_trained(exported):
    wrapped = dpcore.PrivateModel(model(), CONFIG)
    fit(wrapped)
    archive = keras.export.ExportArchive()
    archive.track(wrapped.inner)
    archive._tf_trackable.memory = keras.Variable(X[:2]).value
    archive.add_endpoint("serve", wrapped.inner.call, [keras.InputSpec(shape=(None, 4), dtype="float32")])
    archive.write_out(exported, verbose=False)


def nothing_exported(exported):
    fit(dpcore.PrivateModel(model(), CONFIG))


@pytest.mark.parametrize(
    "run",
    [
        trained_in_the_ordinary_way,
        trained_further_afterwards,
        another_model_exported,
        more_exported_than_trained,
        nothing_exported,
    ],
)
def test_an_export_that_is_not_the_private_sessions_last_is_recorded_as_non_private(tmp_path, run):
    ledger = train(tmp_path, run)
    assert dpcore.epsilon(ledger, 1e-5) == float("inf")
    assert "the exported model is not private" in dpcore.statement(ledger, 1e-5)
    assert training.metadata_properties(ledger)["private"] == 0


def test_undeclared_paths_are_charged_and_declared_ones_are_named(tmp_path):
    entries = entries_for(
        {"schema": "it was inferred", "base_model": "a warm start"}, {"schema": "known"}, "1"
    )
    assert entries[0] == DeclaredPublic(what="schema", why="known")
    assert isinstance(entries[1], Charge)
    assert "base_model" in entries[1].note
    ledger = train(tmp_path, private, entries=entries)
    assert dpcore.epsilon(ledger, 1e-5) == float("inf")
    assert "base_model: a warm start" in dpcore.statement(ledger, 1e-5)


def test_an_attempt_that_failed_is_carried_by_the_next_and_by_no_later_one(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("out of luck")

    def dies(exported):
        fit(dpcore.PrivateModel(model(), CONFIG), callbacks=[Stop()])

    with pytest.raises(RuntimeError, match="out of luck"):
        train(tmp_path, dies, attempt="1", entries=[DeclaredPublic(what="schema", why="known")])
    second = train(tmp_path, private, attempt="2")
    third = train(tmp_path, private, attempt="3")
    assert [c.attempt for c in second.charges] == ["1", "2"]
    assert [c.attempt for c in third.charges] == ["3"]
    assert not second.declared_public
    assert dpcore.epsilon(second, 1e-5) > dpcore.epsilon(third, 1e-5)


def test_an_attempt_whose_ledger_could_not_be_written_is_carried_too(tmp_path):
    def disk_full(ledger):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        train(tmp_path, private, attempt="1", write=disk_full)
    assert [c.attempt for c in train(tmp_path, private, attempt="2").charges] == ["1", "2"]


def test_an_attempt_that_was_killed_has_both_charges_when_it_is_run_again(tmp_path):
    program = textwrap.dedent(
        f"""
        import os, signal, keras
        from tests.components.dp_trainer import test_training as t
        class Kill(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                os.kill(os.getpid(), signal.SIGKILL)
        t.train({str(tmp_path)!r} and __import__("pathlib").Path({str(tmp_path)!r}),
                lambda exported: t.fit(t.dpcore.PrivateModel(t.model(), t.CONFIG), callbacks=[Kill()]))
        """
    )
    killed = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, cwd=os.getcwd()
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    ledger = train(tmp_path, private, attempt="2")
    assert [(c.attempt, c.count) for c in ledger.charges] == [("1", 4), ("2", 4)]
    assert "1 attempt(s) that did not finish are included" in dpcore.statement(ledger, 1e-5)


def test_a_configuration_survives_the_execution_property():
    for config in (
        None,
        CONFIG,
        dpcore.DpSgdConfig(
            l2_norm_clip=0.5, expected_batch_size=8, target=dpcore.PrivacyTarget(epsilon=2.0, delta=1e-6)
        ),
    ):
        assert training.config_from_json(training.config_to_json(config)) == config
