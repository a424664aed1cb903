import pytest

from components.pii.policy import parse_policy
from components.pii.specimens import specimens

POLICY = """
key: {env: KEY}
columns:
  fare: {action: keep, type: float}
  note: drop
  id: pseudonymize
  name: {action: pseudonymize, surrogate: true, entity: PERSON}
  card: {action: mask, keep_last: 4, entity: CREDIT_CARD}
  born: {action: generalize, to: year}
  zip: {action: generalize, prefix: 3}
  age: {action: generalize, width: 10}
  smoker: {action: randomize, values: ["yes", "no"], epsilon: 1.0}
  receipt: detect
"""


@pytest.fixture(scope="module")
def shown():
    return {one.column: one for one in specimens(parse_policy(POLICY, source="scrub.yaml"))}


def test_every_column_whose_cells_are_changed_is_shown(shown):
    assert list(shown) == ["id", "name", "card", "born", "zip", "age", "smoker", "receipt"]
    assert all(one.before for one in shown.values())


def test_it_is_what_the_scrub_makes_of_them(shown):
    assert len(shown["id"].after) == 32
    assert shown["name"].after not in ("", shown["name"].before)
    assert shown["card"].after == "**** **** **** " + shown["card"].before[-4:]
    assert (shown["born"].after, shown["zip"].after, shown["age"].after) == ("1984", "666", "40-49")
    assert shown["smoker"].after in ("yes", "no")


def test_nothing_invented_is_left_in_the_text(shown):
    before, after = shown["receipt"].before, shown["receipt"].after
    assert shown["name"].before in before
    assert shown["card"].before in before
    for kind in ("PERSON", "ADDRESS", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "RECEIPT_NUMBER"):
        assert f"<{kind}>" in after
    assert not any(char.isdigit() or char == "@" for char in after)


def test_they_are_the_same_every_time(shown):
    assert list(shown.values()) == specimens(parse_policy(POLICY, source="scrub.yaml"))
