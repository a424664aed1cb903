"""The corpus: what is labelled is what was put in, and the unseen part is one that nobody has seen."""

from collections import Counter
from importlib import import_module
from random import Random

import pytest
from stdnum import iban, luhn

from benchmarks.pii import corpus, identifiers
from benchmarks.pii.people import LOCALES, faker_names, part_of, person
from components.pii.entities import DEFAULT_ENTITIES

CHECKS = {
    "US_ITIN": "us.itin",
    "UK_NHS": "gb.nhs",
    "IN_AADHAAR": "in_.aadhaar",
    "IN_PAN": "in_.pan",
    "ES_NIF": "es.nif",
    "IT_FISCAL_CODE": "it.codicefiscale",
    "PL_PESEL": "pl.pesel",
    "AU_TFN": "au.tfn",
    "FI_PERSONAL_IDENTITY_CODE": "fi.hetu",
    "SE_PERSONNUMMER": "se.personnummer",
    "DE_TAX_ID": "de.idnr",
    "FR_NIR": "fr.nir",
    "NL_BSN": "nl.bsn",
    "BR_CPF": "br.cpf",
    "CA_SIN": "ca.sin",
}


@pytest.fixture(scope="module", params=corpus.PARTS)
def part(request):
    return request.param


@pytest.fixture(scope="module")
def samples(part):
    return corpus.samples(part)


def test_every_default_entity_type_is_in_it(samples):
    counts = Counter(span.entity_type for sample in samples for span in sample.spans)
    assert set(counts) == set(DEFAULT_ENTITIES)
    assert min(counts.values()) >= 8


def test_spans_are_in_order_apart_and_in_the_text(samples):
    for sample in samples:
        end = 0
        for span in sample.spans:
            assert end <= span.start < span.end <= len(sample.text)
            end = span.end


def test_labelled_characters_are_those_of_the_type(samples):
    for sample in samples:
        for start, end, kind in sample.spans:
            value = sample.text[start:end]
            assert value == value.strip()
            assert "{{" not in sample.text
            if kind == "EMAIL_ADDRESS":
                assert "@" in value
            if kind in {"PHONE_NUMBER", "CREDIT_CARD", "PASSPORT", "RECEIPT_NUMBER"}:
                assert any(char.isdigit() for char in value)


def test_it_is_the_same_every_time_and_a_longer_one_begins_with_it(part, samples):
    assert corpus.samples(part, 50) == samples[:50]
    assert corpus.samples(part, 50, seed=1) != samples[:50]


def test_the_parts_share_no_template_and_no_word_list():
    texts = [{template.text for template in corpus.templates(part)} for part in corpus.PARTS]
    assert texts[0].isdisjoint(texts[1])
    folders = [
        {line for path in (corpus.TEMPLATES / part).glob("*/*.txt") for line in path.read_text().splitlines()}
        for part in corpus.PARTS
    ]
    assert folders[0].isdisjoint(folders[1])


def test_the_parts_share_no_name_and_no_form_of_their_own():
    names = {
        part: {
            name
            for index in range(400)
            for one in [person(Random(f"{part}{index}"), part)]
            for name in (one.first, one.last.split("-")[0])
        }
        for part in corpus.PARTS
    }
    assert names["dev"].isdisjoint(names["unseen"])
    assert all(part_of(name) == part for part in corpus.PARTS for name in names[part])
    assert set(LOCALES["unseen"]) - set(LOCALES["dev"])


def test_of_the_unseen_names_two_in_five_are_in_no_list_of_fakers():
    people = [person(Random(f"x{index}"), "unseen") for index in range(1000)]
    unknown = [one for one in people if not {one.first.casefold(), one.last.casefold()} & faker_names()]
    assert len(unknown) >= 400


@pytest.mark.parametrize("kind", CHECKS)
def test_national_ids_pass_their_checks(kind):
    valid = import_module(f"stdnum.{CHECKS[kind]}").is_valid
    make = identifiers.NATIONAL_IDS[kind][0]
    rng = Random(kind)
    numbers = [make(rng) for _ in range(100)]
    assert all(valid(number) for number in numbers)
    assert len(set(numbers)) > 90


def test_cards_ibans_and_phones_are_valid(part):
    import phonenumbers

    rng = Random(part)
    assert all(
        luhn.is_valid(identifiers.credit_card(rng).replace("-", "").replace(" ", "")) for _ in range(100)
    )
    assert all(iban.is_valid(identifiers.iban(rng, part), check_country=False) for _ in range(100))
    for _ in range(50):
        number = identifiers.phone(rng, part)
        regions = dict.fromkeys(identifiers.REGIONS[part])
        parsed = (phonenumbers.parse(number, region) for region in regions)
        assert any(phonenumbers.is_valid_number(one) for one in parsed), len(number)


def test_clean_texts_hold_nothing_personal_and_differ():
    texts = corpus.clean()
    assert len({sample.text for sample in texts}) == len(texts) == corpus.CLEAN_SIZE
    assert not any(sample.spans for sample in texts)


def test_case_is_changed_without_moving_a_span():
    template = corpus.Template("Straße|{{full}}|ẞ", "receipt", "en")
    made = [corpus.fill(template, Random(index), "dev") for index in range(60)]
    for sample in made:
        (span,) = sample.spans
        assert sample.text[span.start - 1] == sample.text[span.end] == "|"
    assert len({sample.text[:3] for sample in made}) == 3
