import pytest
import yaml

from components.canary_injector.plan import Secret, parse_plan
from components.documents import DocumentError

GOOD = {
    "candidates": 64,
    "inserted": [{"repetitions": 1, "count": 4}],
    "columns": {"review": {"secret": "my code is {secret}", "digits": 6}},
}


def parsed(**changes):
    return parse_plan(yaml.safe_dump({**GOOD, **changes}), source="plan.yaml")


def test_a_plan_says_how_many_and_what():
    plan = parsed(coin_flips=8)
    assert plan.canaries().candidates == 64
    assert plan.canaries().coin_flips == 8
    assert isinstance(plan.columns["review"], Secret)
    assert plan.seed is None


def test_secrets_keep_their_leading_zeros():
    assert Secret(secret="code {secret}!", digits=6).text(42) == "code 000042!"


def test_the_digest_does_not_depend_on_the_spelling():
    spaced = parse_plan(yaml.safe_dump(GOOD, default_flow_style=True, sort_keys=False), source="plan.yaml")
    assert parsed().digest == spaced.digest != parsed(seed=1).digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": {}}, r"plan\.yaml: columns: .*at least 1"),
        ({"columns": {"a": {"normal": [0, 1]}}}, r"columns\.a: must be exactly one of constant, uniform"),
        ({"columns": {"a": {"constant": 1, "choice": [1]}}}, r"columns\.a: must be exactly one of"),
        ({"columns": {"a": 5}}, r"columns\.a: must be exactly one of"),
        ({"columns": {"a": {"secret": "no place"}}}, r"must contain \{secret\} exactly once"),
        ({"columns": {"a": {"secret": "{secret}", "digits": 1}}}, "1 digits give fewer than 64 distinct"),
        ({"columns": {"a": {"secret": "{secret}", "digit": 6}}}, "digit: no such key"),
        ({"columns": {"a": {"uniform": [2, 1]}}}, "the first number must be below the second"),
        ({"columns": {"a": {"uniform": [0, float("inf")]}}}, "finite"),
        ({"columns": {"a": {"integers": [0, 1.5]}}}, "valid integer"),
        ({"columns": {"a": {"choice": []}}}, "at least 1"),
        ({"columns": {"a": {"constant": True}}}, "constant"),
        ({"inserted": []}, "together must be >= 1"),
        ({"inserted": [{"repetitions": 1, "count": 64}]}, "leave at least one of 64 candidates out; got 64"),
        ({"inserted": [{"repetitions": 0, "count": 1}]}, "repetitions"),
        ({"candidates": 1}, "candidates"),
        ({"candidate": 1}, "candidate: no such key"),
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused_in_words(changes, message):
    with pytest.raises(DocumentError, match=message):
        parsed(**changes)
