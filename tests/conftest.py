"""What holds for every test."""

import os
import sys

import hypothesis
import pytest

# Examples are the same in every run and may take their time, unless somebody asks for others: a test that
# fails by chance is looked at by nobody.
hypothesis.settings.register_profile(
    "repeatable", derandomize=not os.environ.get("FUZZ_EXAMPLES"), database=None, deadline=None
)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _the_same_random_numbers_every_time() -> None:
    """Of Keras, NumPy and Python: initial weights, Dropout. What the system draws is never the same."""
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(0)
