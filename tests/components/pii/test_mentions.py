import pytest

from components.pii.findings import replace_spans
from components.pii.mentions import find_mentions


@pytest.mark.parametrize(
    ("text", "value", "entity", "expected"),
    [
        ("Hi Quinn, Mr ITO, quinn ito!", "Quinn Ito", "PERSON", "Hi <X>, Mr <X>, <X>!"),
        ("Ana del Río called.", "Ana del Río Ortiz", "PERSON", "<X> called."),
        ("You may call May.", "May Long", "PERSON", "You may call <X>."),
        ("A long way to Longford", "May Long", "PERSON", "A long way to Longford"),
        ("O'Neil-Ruiz wrote", "Zoë O'Neil-Ruiz", "PERSON", "<X> wrote"),
        ("Al and Bo", "Al Bo", "PERSON", "Al and Bo"),
        ("to ANA@Example.com.", "ana@example.com", "EMAIL_ADDRESS", "to <X>."),
        ("call (312) 555.0143 now", "312-555-0143", "PHONE_NUMBER", "call (<X> now"),
        ("312 trips and 5550143 miles and more", "312-555-0143", "PHONE_NUMBER", None),
        ("no 12", "12", "PHONE_NUMBER", None),
        ("İstanbul, Ana", "Ana Ruiz", "PERSON", "İstanbul, <X>"),
        ("", "Ana", "PERSON", ""),
    ],
)
def test_a_row_knows_its_own_values(text: str, value: str, entity: str, expected: str | None) -> None:
    findings = [finding._replace(entity_type="X") for finding in find_mentions(text, value, entity)]
    assert replace_spans(text, findings) == (text if expected is None else expected)
