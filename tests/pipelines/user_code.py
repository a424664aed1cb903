"""What users might write as run_fn, well and badly."""

import keras

import dpcore
from pipelines.taxi import model as taxi


def seeded_run_fn(fn_args):
    """The taxi example, with the noise of a fixed seed."""
    original = dpcore.PrivateModel
    taxi.dpcore.PrivateModel = lambda model, config: original(model, config, seed=1)
    try:
        taxi.run_fn(fn_args)
    finally:
        taxi.dpcore.PrivateModel = original


def ordinary_run_fn(fn_args):
    """Is handed a privacy configuration, and forgets about it."""
    fn_args.custom_config["privacy"] = None
    taxi.run_fn(fn_args)


def batch_normalised_run_fn(fn_args):
    """A model that cannot be private per example."""
    model = keras.Sequential([keras.Input([4]), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    dpcore.PrivateModel(model, fn_args.custom_config["privacy"])
