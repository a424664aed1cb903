import pydantic
import pytest
import yaml

from components.documents import DocumentError
from components.privacy_gate.policy import parse_policy

GOOD = {"max_epsilon": 3.0, "at_delta": 1e-5}


def parsed(**changes):
    return parse_policy(yaml.safe_dump({**GOOD, **changes}), source="gate.yaml")


def test_what_a_policy_leaves_out_is_strict():
    policy = parsed()
    assert policy.require_evaluation_blessing
    assert policy.allow_declared_public == ()
    assert policy.adjacency == "ADD_OR_REMOVE_ONE"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_epsilon": float("inf")}, "max_epsilon: .*finite"),
        ({"max_epsilon": float("nan")}, "max_epsilon"),
        ({"max_epsilon": 0}, "max_epsilon: .*greater than 0"),
        ({"at_delta": 1}, "at_delta"),
        ({"allow_seeded": True}, "allow_seeded: no such key"),
        ({"adjacency": "MIXED"}, "adjacency"),
        ({"max_exposure": -1}, "max_exposure"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused_in_words(changes, message):
    with pytest.raises(DocumentError, match=rf"gate\.yaml: {message}"):
        parsed(**changes)


@pytest.mark.parametrize("key", sorted(GOOD))
def test_a_policy_must_limit_epsilon(key):
    text = yaml.safe_dump({name: value for name, value in GOOD.items() if name != key})
    with pytest.raises(DocumentError, match=f"{key}: required, but missing"):
        parse_policy(text, source="gate.yaml")


def test_epsilon_can_be_limited_otherwise_for_one_run():
    policy = parsed(max_exposure=2)
    tighter = policy.with_max_epsilon(1.0)
    assert (tighter.max_epsilon, tighter.max_exposure) == (1.0, 2.0)
    assert tighter.digest != policy.digest
    with pytest.raises(pydantic.ValidationError):
        policy.with_max_epsilon(float("nan"))
