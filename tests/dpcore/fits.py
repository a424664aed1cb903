"""A small model and its data, and what a fit of it charges."""

import functools
from pathlib import Path

import keras
import numpy as np
from keras import layers

import dpcore
from dpcore.config import DpSgdConfig
from dpcore.training import PrivateModel

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
