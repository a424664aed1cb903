import json
import math

import dp_accounting
import pytest

from components.privacy_evaluator.guarantee import guarantee
from dpcore import accounting, ledger
from dpcore.ledger import Charge, DeclaredPublic

DELTA = 1e-5
STEPS = Charge(
    event=dp_accounting.PoissonSampledDpEvent(0.1, dp_accounting.GaussianDpEvent(2.0)),
    count=20,
    attempt="a",
    l2_norm_clip=1.5,
)
SECRETIVE = Charge(
    event=dp_accounting.NonPrivateDpEvent(), attempt="b", note="schema: inferred from the rows"
)


def text(*entries):
    return ledger.of(entries).dumps()


def test_the_guarantee_is_what_the_accountants_say():
    found = guarantee(text(STEPS, DeclaredPublic(what="schema", why="by hand")), DELTA)
    bounds = accounting.epsilon_bounds(ledger.of([STEPS]), DELTA)
    assert (found.epsilon, found.epsilon_pld, found.epsilon_rdp) == (bounds.epsilon, bounds.pld, bounds.rdp)
    assert (found.noise_multiplier, found.l2_norm_clip, found.sampling_probability, found.steps) == (
        2,
        1.5,
        0.1,
        20,
    )
    assert (found.neighboring_relation, found.privacy_unit) == ("ADD_OR_REMOVE_ONE", "example")
    assert (found.attempts, found.seeded, found.nonprivate_reasons) == (1, False, ())
    assert found.declared_public[0].what == "schema"
    assert "differentially private" in found.statement


def test_an_uncharged_path_makes_epsilon_infinite_and_is_named():
    found = guarantee(text(STEPS, SECRETIVE), DELTA)
    assert found.epsilon == "infinite"
    assert found.nonprivate_reasons == ("schema: inferred from the rows",)
    assert found.steps == 20
    assert found.attempts == 2


def test_numbers_that_the_steps_do_not_share_are_listed_and_not_averaged():
    event = dp_accounting.PoissonSampledDpEvent(0.1, dp_accounting.GaussianDpEvent(4.0))
    found = guarantee(text(STEPS, Charge(event=event, attempt="a", l2_norm_clip=1.5)), DELTA)
    assert (found.noise_multiplier, found.l2_norm_clip, found.steps) == (None, 1.5, 21)
    assert [mechanism.noise_multiplier for mechanism in found.mechanisms] == [2.0, 4.0]


def test_no_noise_is_no_guarantee():
    event = dp_accounting.PoissonSampledDpEvent(0.1, dp_accounting.GaussianDpEvent(0.0))
    found = guarantee(text(Charge(event=event, attempt="a")), DELTA)
    assert found.epsilon == "infinite"
    assert found.nonprivate_reasons


def test_a_fixed_seed_is_reported():
    seeded = Charge(event=STEPS.event, attempt="a", l2_norm_clip=1.5, seeded=True)
    assert guarantee(text(seeded), DELTA).seeded


def changed(**fields):
    lines = text(STEPS).splitlines()
    return "\n".join([lines[0], json.dumps({**json.loads(lines[1]), **fields})]) + "\n"


def event(q=0.1, noise=2.0):
    gaussian = {"type": "GaussianDpEvent", "noise_multiplier": noise}
    return {"type": "PoissonSampledDpEvent", "sampling_probability": q, "event": gaussian}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (None, "the ledger is missing"),
        ("", "cut short"),
        (text(STEPS)[:-10], "cut short"),
        ("{}\n", "must name the format"),
        (text(), "must share one neighboring_relation"),
        (changed(neighboring_relation="REPLACE_ONE") + changed().splitlines()[1] + "\n", "must share one"),
        (changed(kind="mystery"), "kind must be one of"),
        (changed(count=-3), "count must be a whole number"),
        (changed(privacy_unit=7), "the ledger proves nothing"),
        (changed(event=event(noise=math.nan)), ""),
        (changed(event=event(noise=-1.0)), ""),
        (changed(event=event(noise="loud")), ""),
        (changed(event=event(q=1.7)), ""),
        (changed(event=event(q=math.nan)), ""),
        (changed(event={"type": "UnsupportedDpEvent"}), ""),
        ("\x00\ufffd" * 50, ""),
    ],
)
def test_a_ledger_that_cannot_be_relied_on_guarantees_nothing(broken, reason):
    found = guarantee(broken, DELTA)
    assert found.epsilon == "infinite"
    assert any(reason in why for why in found.nonprivate_reasons), found.nonprivate_reasons
    assert found.statement.startswith("No differential privacy guarantee holds")
