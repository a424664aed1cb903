import pytest
import regex

from components.pii.operators import spec
from components.pii.operators.apply import replacement
from components.pii.operators.keyed import Keyed
from components.pii.operators.names import by_word, words

KEYED = Keyed(b"a key of more than sixteen bytes")
OTHER = Keyed(b"another key of sixteen bytes")


@pytest.mark.parametrize(
    ("operator", "entity_type", "text", "expected"),
    [
        (spec.Replace(action="replace"), "PERSON", "Quinn Ito", "<PERSON>"),
        (spec.Redact(action="redact"), "PERSON", "Quinn Ito", ""),
        (spec.Mask(action="mask", keep_last=4), "CREDIT_CARD", "4111111111111234", "************1234"),
        (spec.Generalize(action="generalize", to="year"), "DATE_OF_BIRTH", "1984-03-05", "1984"),
        (spec.Generalize(action="generalize", to="year"), "DATE_OF_BIRTH", "long ago", "<DATE_OF_BIRTH>"),
        (spec.Pseudonymize(action="pseudonymize", surrogate=True), "COORDINATES", "41.8", "<COORDINATES>"),
    ],
)
def test_operators(operator: spec.Operator, entity_type: str, text: str, expected: str) -> None:
    assert replacement(text, entity_type, operator, KEYED) == expected


def test_a_hash_depends_on_key_type_and_every_character() -> None:
    rule = spec.Hash(action="hash", length=24)
    told = replacement("Ana", "PERSON", rule, KEYED)
    assert regex.fullmatch("[0-9a-f]{24}", told)
    assert told == replacement("Ana", "PERSON", rule, KEYED)
    others = [
        replacement("Ana", "PERSON", rule, OTHER),
        replacement("Ana", "USERNAME", rule, KEYED),
        replacement("ana", "PERSON", rule, KEYED),
    ]
    assert len({told, *others}) == 4


def test_a_pseudonym_is_of_the_person_not_of_the_spelling() -> None:
    rule = spec.Pseudonymize(action="pseudonymize")
    people = by_word([words("Quinn Ito")])
    told = replacement("Quinn Ito", "PERSON", rule, KEYED, people)
    assert regex.fullmatch("<PERSON_[0-9A-F]{12}>", told)
    assert {replacement(text, "PERSON", rule, KEYED, people) for text in ("Dr QUINN ITO", "Quinn")} == {told}
    assert replacement("Quinn", "PERSON", rule, KEYED) != told
    assert replacement("Quinn Ito", "PERSON", rule, OTHER) != told


@pytest.mark.parametrize("operator", [spec.Hash(action="hash"), spec.Pseudonymize(action="pseudonymize")])
def test_without_a_key_nothing_is_told(operator: spec.Operator) -> None:
    assert replacement("Quinn Ito", "PERSON", operator, None) == "<PERSON>"
