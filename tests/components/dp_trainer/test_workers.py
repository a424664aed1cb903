"""A training job of two processes: the chief trains and keeps, the other trains along."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import dpcore
from dpcore import ledger as ledgers
from dpcore.ledger import Ledger

ROOT = Path(dpcore.__file__).parents[1]
EXAMPLES, EPOCHS = 64, 2
PRIVACY = {"l2_norm_clip": 1.0, "expected_batch_size": 16, "noise_multiplier": 1.0}


def run_fn(fn_args):
    """What a user writes; every process runs it."""
    x, y = read(fn_args.train_files)
    with dpcore.strategy().scope():
        model = keras.Sequential([keras.Input([4]), keras.layers.Dense(1, activation="sigmoid")])
        private = dpcore.PrivateModel(model, fn_args.custom_config["privacy"])
    private.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    private.fit(x, y, epochs=fn_args.custom_config["epochs"], verbose=0)
    private.export(fn_args.serving_model_dir, verbose=False)
    print(json.dumps([float(value) for value in model.get_weights()[0][:, 0]]), flush=True)


def read(patterns):
    records = tf.data.TFRecordDataset(sorted(tf.io.gfile.glob(patterns)), compression_type="GZIP")
    features = {"x": tf.io.FixedLenFeature([4], tf.float32), "y": tf.io.FixedLenFeature([1], tf.float32)}
    parsed = tf.io.parse_example(next(iter(records.batch(EXAMPLES))), features)
    return parsed["x"], parsed["y"]


def write(folder):
    rng = np.random.default_rng(0)
    for split in ("train", "eval"):
        (folder / f"Split-{split}").mkdir(parents=True)
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(folder / f"Split-{split}" / "data.gz"), options) as writer:
            for x in rng.normal(size=(EXAMPLES, 4)):
                values = {"x": x, "y": [float(x[0] > 0)]}
                features = {
                    name: tf.train.Feature(float_list=tf.train.FloatList(value=value))
                    for name, value in values.items()
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())


def start(module, kind, ports, *arguments):
    cluster = {name: [f"localhost:{port}"] for name, port in zip(("chief", "worker"), ports, strict=True)}
    return subprocess.Popen(
        [sys.executable, "-m", f"components.dp_trainer.{module}", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": 0}}),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The folder of a job that two processes have trained, and what each had to say."""
    folder = tmp_path_factory.mktemp("job")
    write(folder / "examples")
    sockets = [socket.create_server(("localhost", 0)) for _ in range(2)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    chief = start(
        "job",
        "chief",
        ports,
        f"--run-fn={__name__}.run_fn",
        f"--examples={folder}/examples",
        f"--privacy={json.dumps(PRIVACY)}",
        f"--custom-config={json.dumps({'epochs': EPOCHS})}",
        f"--output={folder}/output",
    )
    worker = start("worker", "worker", ports)
    try:
        ended = [process.communicate(timeout=900) for process in (chief, worker)]
    finally:
        for process in (chief, worker):
            process.kill()
    for process, (_, errors) in zip((chief, worker), ended, strict=True):
        assert process.returncode == 0, errors
    return folder, [json.loads(said.splitlines()[-1]) for said, _ in ended]


def test_all_processes_end_with_the_same_weights_and_the_chief_exports_them(job):
    folder, (chief, worker) = job
    assert chief == worker
    checkpoint = tf.train.load_checkpoint(
        str(next((folder / "output" / "model").rglob("variables.index")).parent / "variables")
    )
    kernels = [
        checkpoint.get_tensor(name)
        for name, shape in checkpoint.get_variable_to_shape_map().items()
        if shape == [4, 1]
    ]
    assert any(np.allclose(kernel[:, 0], chief, rtol=1e-6) for kernel in kernels)


def test_the_job_is_charged_once_and_is_private(job):
    folder, _ = job
    ledger = ledgers.loads((folder / "output" / "ledger" / "ledger.jsonl").read_text())
    assert sum(charge.count for charge in ledger.charges) == EPOCHS * EXAMPLES // 16
    expected = dpcore.dp_sgd_epsilon(
        sampling_probability=16 / EXAMPLES, noise_multiplier=1.0, steps=8, target_delta=1e-5
    )
    assert dpcore.epsilon(ledger, 1e-5) == pytest.approx(expected.epsilon)
    assert not ledger.seeded
    journal = Ledger(folder / "output" / "attempts.jsonl")
    assert journal.unsettled() == ()
    assert len({charge.attempt for charge in journal.charges}) == 1


def test_the_worker_leaves_nothing_beside_what_the_chief_wrote(job):
    folder, _ = job
    written = {path.name for path in (folder / "output").iterdir()}
    assert written == {"model", "ledger", "attempts.jsonl"}
