"""What holds for every test."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _the_same_random_numbers_every_time() -> None:
    """Of Keras, NumPy and Python: initial weights, Dropout. What the system draws is never the same."""
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(0)
