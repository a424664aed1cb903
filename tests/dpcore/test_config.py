import dataclasses
import math

import numpy as np
import pytest

from dpcore.config import DpSgdConfig, PrivacyTarget, require_delta, require_probability
from dpcore.errors import ConfigError

GOOD = {"l2_norm_clip": 1.0, "expected_batch_size": 8, "noise_multiplier": 1.1}
TARGET = PrivacyTarget(epsilon=1.0, delta=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"noise_multiplier": 0},
        {"noise_multiplier": None, "target": TARGET},
        {"l2_norm_clip": 1e-6, "expected_batch_size": 1},
    ],
)
def test_good_settings_are_taken(changes):
    DpSgdConfig(**(GOOD | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"l2_norm_clip": 0}, "l2_norm_clip must be finite and > 0; got 0."),
        ({"l2_norm_clip": -1.0}, "l2_norm_clip must be finite and > 0; got -1.0."),
        ({"l2_norm_clip": math.nan}, "l2_norm_clip must be finite and > 0; got nan."),
        ({"l2_norm_clip": math.inf}, "l2_norm_clip must be finite and > 0; got inf."),
        ({"expected_batch_size": 0}, "expected_batch_size must be finite and > 0; got 0."),
        ({"expected_batch_size": -8}, "expected_batch_size must be finite and > 0; got -8."),
        ({"expected_batch_size": 8.0}, "expected_batch_size must be a whole number; got 8.0."),
        ({"expected_batch_size": True}, "expected_batch_size must be a whole number; got True."),
        ({"expected_batch_size": math.nan}, "expected_batch_size must be a whole number; got nan."),
        ({"expected_batch_size": "8"}, "expected_batch_size must be a whole number; got '8'."),
        ({"noise_multiplier": -0.1}, "noise_multiplier must be finite and >= 0; got -0.1."),
        ({"noise_multiplier": math.nan}, "noise_multiplier must be finite and >= 0; got nan."),
        ({"noise_multiplier": math.inf}, "noise_multiplier must be finite and >= 0; got inf."),
        ({"noise_multiplier": None}, "exactly one of noise_multiplier and target must be given"),
        ({"target": TARGET}, "exactly one of noise_multiplier and target must be given"),
    ],
)
def test_bad_settings_are_refused_by_name_rule_and_value(changes, message):
    with pytest.raises(ConfigError) as error:
        DpSgdConfig(**(GOOD | changes))
    assert message in str(error.value)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf])
def test_a_target_epsilon_must_be_positive_and_finite(value):
    with pytest.raises(ConfigError, match="epsilon must be finite and > 0; got"):
        PrivacyTarget(epsilon=value, delta=1e-5)


@pytest.mark.parametrize("value", [0, 1, -1e-5, 1.5, math.nan, math.inf])
def test_a_delta_must_lie_between_0_and_1(value):
    with pytest.raises(ConfigError, match="delta must lie strictly between 0 and 1; got"):
        PrivacyTarget(epsilon=1.0, delta=value)
    with pytest.raises(ConfigError, match="target_delta must lie strictly between 0 and 1; got"):
        require_delta("target_delta", value)


@pytest.mark.parametrize("value", [0, -0.1, 1.1, math.nan, -math.inf])
def test_a_probability_must_lie_between_0_and_1(value):
    with pytest.raises(ConfigError, match=r"q must lie in \(0, 1\]; got"):
        require_probability("q", value)


def test_a_probability_of_one_is_taken():
    require_probability("q", 1.0)


@pytest.mark.parametrize("config", [DpSgdConfig(**GOOD), TARGET])
def test_settings_are_frozen_and_named(config):
    field = dataclasses.fields(config)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, field, 2.0)
    with pytest.raises(TypeError, match="positional"):
        type(config)(1.0, 8)


def test_numpy_numbers_are_taken_where_python_numbers_are():
    assert DpSgdConfig(**(GOOD | {"noise_multiplier": np.float64(1.1)})) == DpSgdConfig(**GOOD)
