import pytest

from components.pii.detector import Detector, detector
from components.pii.findings import replace_spans
from components.pii.policy import DEFAULT_ENTITIES, ENTITY_TYPES, PatternRule
from components.pii.recognizers import NER_ENTITIES, pattern_recognizers

FOUND = [
    ("ADDRESS", "to [1234 N. Clark St Apt 5B] by noon"),
    ("ADDRESS", "at [77763 Tony Village Suite 690]."),
    ("ADDRESS", "from [8 Elm Ave., Springfield, IL 62704] to"),
    ("ADDRESS", "Pick-up: [12 W 35th St]\n"),
    ("ADDRESS", "Send it to [P.O. Box 1234] please"),
    ("ADDRESS", "dropped off at [233 Broadway] at 8"),
    ("ADDRESS", "We deliver to [Oak Park, IL 60302]"),
    ("ADDRESS", "left from [500 South Dr. Martin Luther King Drive]"),
    ("EMAIL_ADDRESS", "to [ana.ruiz+cab@mail.example.co.uk]."),
    ("EMAIL_ADDRESS", "to [ana@intranet.corp] and"),
    ("PHONE_NUMBER", "at [312-555-0143]."),
    ("PHONE_NUMBER", "at [(312)555-0143x221]"),
    ("PHONE_NUMBER", "at [+1 312 555 0143],"),
    ("PHONE_NUMBER", "at [001-312-555-0143 ext. 7]"),
    ("PHONE_NUMBER", "at [3125550143]"),
    ("PHONE_NUMBER", "at [+44 20 7946 0958]"),
    ("PHONE_NUMBER", "call [555-0143] today"),
    ("CREDIT_CARD", "with [4111 1111 1111 1111]."),
    ("CREDIT_CARD", "with [4111111111111111]"),
    ("CREDIT_CARD", "with [1234-5678-9012-3456] (not a valid number)"),
    ("CREDIT_CARD", "Visa ending in [4242]."),
    ("CREDIT_CARD", "Visa [**** **** **** 4242]"),
    ("CREDIT_CARD", "card [•••• 4242]"),
    ("CREDIT_CARD", "Amex [x4242]"),
    ("CREDIT_CARD", "Mastercard [4242]"),
    ("CREDIT_CARD", "the last four digits are [4242]"),
    ("RECEIPT_NUMBER", "Receipt [R-2048-771093]."),
    ("RECEIPT_NUMBER", "receipt number is [771093]"),
    ("RECEIPT_NUMBER", "Confirmation no. [TX93K2041]"),
    ("RECEIPT_NUMBER", "your code [CHI-0093-4471] is"),
    ("RECEIPT_NUMBER", "trip #[55012] is"),
    ("US_SSN", "SSN [536-22-1234]"),
    ("IBAN_CODE", "IBAN [DE89370400440532013000]"),
    ("IP_ADDRESS", "from [192.168.10.4]"),
    ("PERSON", "Hi [Kabir], here"),
    ("PERSON", "Dear [María del Carmen Ortiz],"),
    ("PERSON", "Your driver was [Grzegorz]."),
    ("PERSON", "Passenger: [Oluwaseun Adeyemi-Cole]\nPhone"),
    ("PERSON", "Mr. [O'Neil] said"),
    ("PERSON", "Thanks for riding with us, [Lekha]!"),
    ("PERSON", "[Melania] drove you home"),
    ("PERSON", "I met [Barbara Johnson] in the office"),
]

NOT_PERSONAL = [
    "The trip in March took 12 minutes and 3.4 miles.",
    "Fare $12.50, toll 3.00, 4.9 stars.",
    "You may rate the ride until 31 May.",
    "On 2013-10-21 at 14:30 the cab was full.",
    "We sold 1200 tickets in 2013.",
    "Trip of October 21, 18 minutes.",
    "Will it rain? The mark is on page 12.",
    "The new phone has 128 GB and 2 cameras.",
    "Please wait at gate 12, terminal 3.",
    "Thanks for your patience!",
    "Card accepted. Cash is fine too.",
    "Call your driver if you lost something.",
    "Version 2.2.366 of the app is out.",
    "It is 5 miles from here to there.",
    "Order the soup, ref your notes.",
]


def _spans(marked: str) -> tuple[str, int, int]:
    start, end = marked.index("["), marked.rindex("]") - 1
    return marked.replace("[", "").replace("]", ""), start, end


@pytest.mark.parametrize(("entity", "marked"), FOUND)
def test_finds(entity: str, marked: str) -> None:
    text, start, end = _spans(marked)
    found = detector(frozenset(DEFAULT_ENTITIES), 0.4).find([text])[0]
    assert replace_spans(text, found) == f"{text[:start]}<{entity}>{text[end:]}"


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_leaves_what_is_not_personal(text: str) -> None:
    found = detector(frozenset(DEFAULT_ENTITIES), 0.4).find([text])[0]
    assert replace_spans(text, found) == text


def test_every_entity_type_has_a_recognizer() -> None:
    patterns = {kind for one in pattern_recognizers(ENTITY_TYPES) for kind in one.supported_entities}
    assert patterns | set(NER_ENTITIES.values()) == set(ENTITY_TYPES)


def test_only_recognizers_for_the_wanted_entities_are_made() -> None:
    assert [one.name for one in pattern_recognizers(["ADDRESS"])] == ["AddressRecognizer"]


def test_a_pattern_of_the_policy_counts_with_its_context() -> None:
    rule = PatternRule(entity="BADGE", regex=r"\bB\d{4}\b", score=0.1, context=("badge",))
    own = Detector(["BADGE"], score_threshold=0.4, rules=[rule])
    text = "badge B1234 and part number of the machine is B9876"
    assert replace_spans(text, own.find([text])[0]) == text.replace("B1234", "<BADGE>")
