import pytest

from components.pii.operators.cells import convert
from components.pii.operators.keyed import Keyed
from components.pii.policy import Rule, parse_policy
from components.pii.transform import to_example

KEYED = Keyed(b"a key of more than sixteen bytes")
POLICY = parse_policy(
    """
    key: {env: KEY}
    columns:
      born: {action: generalize, to: year, type: int}
      age: {action: generalize, width: 10}
      age_from: {action: generalize, width: 10, type: int}
      latitude: {action: generalize, grid: 0.1, type: float}
      plate: {action: hash, length: 20}
      badge: {action: hash, length: 20}
      mail: {action: hash, entity: EMAIL_ADDRESS}
      other_mail: {action: hash, entity: EMAIL_ADDRESS}
      rider: pseudonymize
    """,
    source="policy.yaml",
)


def _told(name: str, cell: str) -> object:
    rule: Rule = POLICY.columns[name]
    return convert(name, rule, cell, KEYED, [])


def test_hashes_are_apart_for_each_column_unless_an_entity_joins_them() -> None:
    assert len(str(_told("plate", "X1"))) == 20
    assert _told("plate", "X1") != _told("badge", "X1")
    assert _told("mail", "a@b.org") == _told("other_mail", "a@b.org") != _told("mail", "A@b.org")


def test_pseudonyms_are_what_they_always_were() -> None:
    # HMAC-SHA256 of the column's name, a zero byte and the value: older scrubbed data must still join.
    assert _told("rider", "r1") == "b3e8069f47bc03c82d71988d05bebec1"


def test_numbers_go_on_as_numbers() -> None:
    cells = {"born": "1984-03-05", "age": "42", "age_from": "42", "latitude": "-87.63"}
    feature = to_example({name: _told(name, cell) for name, cell in cells.items()}, POLICY).features.feature
    assert feature["born"].int64_list.value == [1984]
    assert feature["age"].bytes_list.value == [b"40-49"]
    assert feature["age_from"].int64_list.value == [40]
    assert feature["latitude"].float_list.value == [pytest.approx(-87.7)]
