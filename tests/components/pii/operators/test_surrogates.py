import math
import os
import subprocess
import sys
from collections import Counter

import phonenumbers
import pytest
import regex
from faker import Faker

from components.pii.operators.keyed import Keyed
from components.pii.operators.names import by_word, person, words
from components.pii.operators.surrogates import WITHOUT_SURROGATE, _names, normalized, surrogate

KEYED = Keyed(b"a key of more than sixteen bytes")
OTHER = Keyed(b"another key of sixteen bytes")
SPELLINGS = (
    "Quinn Ito",
    "QUINN  ITO",
    "quinn ito",
    " Quinn\tIto ",
    "Dr. Quinn Ito",
    "Mr Quinn Ito, Jr.",
    "Ito, Quinn",
    "Quinn A. Ito",
    "Qu\u00efnn It\u00f5",
    "Quinn\u200b Ito",
    "\uff31uinn Ito",
    "Quinn Ito's",
)


def luhn_holds(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number) if digit.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_however_a_name_is_written_it_has_one_surrogate(spelling: str) -> None:
    invented = surrogate(spelling, "PERSON", KEYED)
    assert invented == surrogate("Quinn Ito", "PERSON", KEYED)
    assert len(invented.split()) == 2
    assert invented != surrogate(spelling, "PERSON", OTHER)


@pytest.mark.parametrize(
    ("part", "parts"),
    [
        ("Quinn", "{first}"),
        ("QUINN", "{first}"),
        ("Ito", "{last}"),
        ("Ms. Ito", "{last}"),
        ("Q. Ito", "{initial}. {last}"),
        ("Quinn Ito", "{first} {last}"),
    ],
)
def test_a_part_of_a_known_name_is_that_part_of_its_surrogate(part: str, parts: str) -> None:
    first, last = surrogate("Quinn Ito", "PERSON", KEYED).split()
    people = by_word([words("Ana Ruiz"), words("Quinn Ito")])
    expected = parts.format(first=first, last=last, initial=first[0])
    assert surrogate(part, "PERSON", KEYED, people) == expected


def test_a_name_that_nobody_knows_is_its_own() -> None:
    people = by_word([words("Quinn Ito")])
    assert surrogate("Ana", "PERSON", KEYED, people) == surrogate("Ana", "PERSON", KEYED)
    assert surrogate("...", "PERSON", KEYED, people) not in surrogate("Quinn Ito", "PERSON", KEYED)
    assert person("Quinn Adam Ito", people).words == ("quinn", "adam", "ito")
    assert words("") == words("-") == ()


def test_names_are_as_different_as_chance_allows() -> None:
    firsts, lasts = _names()
    space = len(firsts) * len(lasts)
    assert space > 30_000_000
    people = 20_000
    invented = Counter(surrogate(f"First{n} Last{n}", "PERSON", KEYED) for n in range(people))
    shared = people - len(invented)
    expected = people**2 / 2 / space
    assert shared <= expected + 5 * math.sqrt(expected)
    # No name is preferred: the commonest first name is as rare as chance makes it.
    commonest = Counter(name.split()[0] for name in invented).most_common(1)[0][1]
    assert commonest < 30


def test_an_invented_name_has_no_word_of_the_true_one() -> None:
    firsts, lasts = _names()
    for first, last in zip(firsts[:2000], lasts[:2000], strict=True):
        assert not set(words(surrogate(f"{first} {last}", "PERSON", KEYED))) & set(words(f"{first} {last}"))


def test_another_process_invents_the_same() -> None:
    code = (
        "from components.pii.operators.keyed import Keyed\n"
        "from components.pii.operators.surrogates import surrogate\n"
        "keyed = Keyed(b'a key of more than sixteen bytes')\n"
        "print(surrogate('Quinn Ito', 'PERSON', keyed), surrogate('a@b.org', 'EMAIL_ADDRESS', keyed))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    here = [surrogate(*pair, KEYED) for pair in (("Quinn Ito", "PERSON"), ("a@b.org", "EMAIL_ADDRESS"))]
    assert told.stdout.strip() == " ".join(here), told.stderr


def test_faker_keeps_its_own_state() -> None:
    Faker.seed(1)
    expected = [Faker().name() for _ in range(3)]
    Faker.seed(1)
    told = []
    for _ in range(3):
        surrogate("Quinn Ito", "PERSON", KEYED)
        told.append(Faker().name())
    assert told == expected


@pytest.mark.parametrize(
    "spellings",
    [
        ("312-555-0143", "(312) 555-0143", "+1 312 555 0143", "1-312-555-0143", "001 312 555 0143"),
        ("020 7946 0018", "+44 20 7946 0018", "+44 (0)20 7946 0018", "0044 20 79460018"),
    ],
)
def test_a_phone_number_keeps_its_layout_and_is_one_number(spellings: tuple[str, ...]) -> None:
    invented = [surrogate(number, "PHONE_NUMBER", KEYED) for number in spellings]
    assert len({normalized(number, "PHONE_NUMBER") for number in invented}) == 1
    for true, false in zip(spellings, invented, strict=True):
        assert [char for char in true if not char.isdigit()] == [char for char in false if not char.isdigit()]
        assert len(true) == len(false)
        assert true != false


def test_north_american_numbers_are_of_the_exchange_that_nobody_has() -> None:
    for line in range(200):
        invented = surrogate(f"+1 312 867 {line:04d}", "PHONE_NUMBER", KEYED)
        assert phonenumbers.is_possible_number(phonenumbers.parse(invented))
        assert invented.split()[2] == "555"


@pytest.mark.parametrize("card", ["4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005"])
def test_a_card_is_valid_and_nobodys(card: str) -> None:
    invented = surrogate(card, "CREDIT_CARD", KEYED)
    assert luhn_holds(invented)
    assert invented.startswith("9999")
    assert [char.isdigit() for char in invented] == [char.isdigit() for char in card]


@pytest.mark.parametrize(
    ("entity_type", "value", "pattern"),
    [
        ("EMAIL_ADDRESS", "q.ito@mail.org", r"[a-z]+\.[a-z]+\d{4}@example\.com"),
        ("IP_ADDRESS", "203.0.113.9", r"10(\.\d{1,3}){3}"),
        ("IP_ADDRESS", "2001:4860::1", r"2001:db8:[0-9a-f:]+"),
        ("MAC_ADDRESS", "00:1B:44:11:3A:B7", r"02(:[0-9a-f]{2}){5}"),
        ("USERNAME", "@quinn_ito", r"@[a-z]+\d{5}"),
        ("URL", "https://social.org/quinn", r"https://example\.com/[a-z]{12}"),
        ("ADDRESS", "12 Main St", r"\d{1,4} \p{L}+ \p{L}+"),
        ("LOCATION", "Chicago", r"\p{L}+"),
        ("US_SSN", "123-45-6789", r"\d{3}-\d{2}-\d{4}"),
        ("PASSPORT", "C01X00T47", r"[A-Z]\d\d[A-Z]\d\d[A-Z]\d\d"),
        ("IBAN_CODE", "DE89 3704 0044 0532 0130 00", r"[A-Z]{2}\d\d( \d{4}){4} \d\d"),
    ],
)
def test_other_values_have_the_form_of_their_kind(entity_type: str, value: str, pattern: str) -> None:
    invented = surrogate(value, entity_type, KEYED)
    assert regex.fullmatch(pattern, invented)
    assert invented != value
    assert invented == surrogate(value.upper(), entity_type, KEYED) or entity_type == "PASSPORT"
    assert invented != surrogate(value, entity_type, OTHER)


@pytest.mark.parametrize("entity_type", ["US_SSN", "PHONE_NUMBER", "CREDIT_CARD", "EMAIL_ADDRESS", "BADGE"])
@pytest.mark.parametrize("value", ["", "---", "\u0661\u0662\u0663", "\ud800", "x" * 10_000])
def test_nothing_odd_comes_through(entity_type: str, value: str) -> None:
    assert not value or surrogate(value, entity_type, KEYED) != value


def test_what_must_be_generalised_is_said() -> None:
    assert {"DATE_OF_BIRTH", "COORDINATES"} <= WITHOUT_SURROGATE


def test_a_key_is_in_no_repr() -> None:
    assert "sixteen" not in repr(KEYED) + repr(KEYED.draw("surrogate", "x"))


def test_parts_cannot_run_into_each_other() -> None:
    assert KEYED.digest("p", "ab", "c") != KEYED.digest("p", "a", "bc") != KEYED.digest("p", "abc")
    assert KEYED.digest("p", "a\0b") != KEYED.digest("p", "a", "b")
