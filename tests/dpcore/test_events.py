import json
import math
import sys

import dp_accounting
import pytest
from dp_accounting import dp_event

from dpcore import events
from dpcore.errors import LedgerError

GAUSSIAN = dp_accounting.GaussianDpEvent(1.1)


@pytest.mark.parametrize(
    "event",
    [
        GAUSSIAN,
        dp_accounting.NonPrivateDpEvent(),
        dp_accounting.NoOpDpEvent(),
        dp_accounting.PoissonSampledDpEvent(0.01, GAUSSIAN),
        dp_accounting.SelfComposedDpEvent(dp_accounting.PoissonSampledDpEvent(0.01, GAUSSIAN), 10),
        dp_accounting.ComposedDpEvent([GAUSSIAN, dp_accounting.LaplaceDpEvent(2)]),
        dp_accounting.TruncatedSubsampledGaussianDpEvent(100, 0.1, 20, 1.0),
        dp_event.MixtureOfGaussiansDpEvent(1.0, [0.0, 1.0], [0.5, 0.5]),
    ],
)
def test_round_trip(event):
    assert events.from_json(json.loads(json.dumps(events.to_json(event)))) == event


@pytest.mark.parametrize(
    "content",
    [
        None,
        7,
        "GaussianDpEvent",
        [],
        {},
        {"noise_multiplier": 1.0},
        {"type": None},
        {"type": ["GaussianDpEvent"]},
        {"type": {}},
        {"type": "DpEvent"},
        {"type": "UnheardOfDpEvent"},
        {"type": "attr"},
        {"type": "GaussianDpEvent"},
        {"type": "GaussianDpEvent", "noise_multiplier": 1.0, "more": 1},
        {"type": "GaussianDpEvent", "noise_multiplier": "1.0"},
        {"type": "GaussianDpEvent", "noise_multiplier": None},
        {"type": "GaussianDpEvent", "noise_multiplier": True},
        {"type": "GaussianDpEvent", "noise_multiplier": math.nan},
        {"type": "GaussianDpEvent", "noise_multiplier": math.inf},
        {"type": "PoissonSampledDpEvent", "sampling_probability": 0.1, "event": {"type": "os"}},
    ],
)
def test_anything_else_is_a_ledger_error(content):
    with pytest.raises(LedgerError):
        events.from_json(content)


@pytest.mark.parametrize(
    "name", ["antigravity", "antigravity.Event", "os.system", "builtins.eval", "dp_accounting.dp_event"]
)
def test_a_type_cannot_name_code_to_import(name):
    with pytest.raises(LedgerError, match="one of dp_accounting's DpEvents"):
        events.from_json({"type": name, "module": "antigravity", "module_name": "antigravity"})
    assert "antigravity" not in sys.modules
