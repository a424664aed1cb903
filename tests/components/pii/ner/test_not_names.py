"""What no model is believed."""

import pytest

from components.pii.ner.not_names import is_none


@pytest.mark.parametrize(
    ("entity_type", "text", "expected"),
    [
        ("PERSON", "May", True),
        ("PERSON", "Dear Customer", True),
        ("PERSON", "May Long", False),
        ("PERSON", "German", True),
        ("PERSON", "German Ruiz", False),
        ("LOCATION", "Irish", True),
        ("LOCATION", "Ireland", False),
        ("LOCATION", "May", False),
        ("PHONE_NUMBER", "+2", True),
        ("PHONE_NUMBER", "555 123", False),
        ("RECEIPT_NUMBER", "ref is", True),
        ("RECEIPT_NUMBER", "41", True),
        ("RECEIPT_NUMBER", "4F1", False),
        ("RECEIPT_NUMBER", "XKQZPL", False),
        ("ACCOUNT_NUMBER", "a/c", True),
        ("VEHICLE_PLATE", "1", True),
        ("VEHICLE_PLATE", "BHP", False),
        ("ADDRESS", "8", True),
        ("ADDRESS", "17151", False),
        ("USERNAME", "x", False),
    ],
)
def test_what_cannot_be_of_this_type(entity_type, text, expected) -> None:
    assert is_none(entity_type, text) is expected
