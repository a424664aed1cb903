import pytest
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from components.pii.entities import DEFAULT_ENTITIES, ENTITY_TYPES, NER_ENTITIES
from components.pii.findings import merge
from components.pii.policy import PatternRule
from components.pii.recognizers import find_all, pattern_recognizers

THRESHOLD = 0.4

# What stands in [[ ]] is the finding: all of it, and nothing else.
FOUND = [
    ("ADDRESS", "to [[1234 N. Clark St Apt 5B]] by noon"),
    ("ADDRESS", "at [[77763 Tony Village Suite 690]]."),
    ("ADDRESS", "from [[8 Elm Ave., Springfield, IL 62704]] to"),
    ("ADDRESS", "Pick-up: [[12 W 35th St]]\n"),
    ("ADDRESS", "Send it to [[P.O. Box 1234]] please"),
    ("ADDRESS", "dropped off at [[233 Broadway]] at 8"),
    ("ADDRESS", "left from [[500 South Dr. Martin Luther King Drive]]"),
    ("ADDRESS", "send to [[Flat 3, 127 Station Road, Exeter, EX12 5GC]] today"),
    ("ADDRESS", "Ship to\n[[221B Baker Street\nLondon\nNW1 6XE]]"),
    ("ADDRESS", "at [[14 Harbour Parade, Sydney NSW 2000]]."),
    ("ADDRESS", "lives at [[12, MG Road, Bengaluru 560001]]"),
    ("ADDRESS", "wohnt [[Musterstraße 12, 12345 Berlin]]"),
    ("ADDRESS", "wohnt [[Lange Straße 5a]], gleich"),
    ("ADDRESS", "habite [[12 bis rue de la République, 69002 Lyon]]"),
    ("ADDRESS", "vive en [[Calle de Alcalá 45, 3º B, 28014 Madrid]]"),
    ("ADDRESS", "abito in [[Via Giuseppe Garibaldi 12, 00153 Roma]]"),
    ("ADDRESS", "woont [[Kerkstraat 12, 1017 GC Amsterdam]]"),
    ("ADDRESS", "mora na [[Rua das Flores, 123]]"),
    ("ADDRESS", "mieszka [[ul. Kwiatowa 12/3, 00-950 Warszawa]]"),
    ("ADDRESS", "bor [[Storgatan 14, 111 22 Stockholm]]"),
    ("LOCATION", "We deliver to [[Oak Park, IL 60302]]"),
    ("LOCATION", "postcode [[SW1A 1AA]] only"),
    ("EMAIL_ADDRESS", "to [[ana.ruiz+cab@mail.example.co.uk]]."),
    ("EMAIL_ADDRESS", "to [[ana@intranet.corp]] and"),
    ("EMAIL_ADDRESS", "an [[jörg@münchen.example]], bitte"),
    ("PHONE_NUMBER", "at [[312-555-0143]]."),
    ("PHONE_NUMBER", "at [[(312)555-0143x221]]"),
    ("PHONE_NUMBER", "at [[+1 312 555 0143]],"),
    ("PHONE_NUMBER", "at [[001-312-555-0143 ext. 7]]"),
    ("PHONE_NUMBER", "at [[3125550143]]"),
    ("PHONE_NUMBER", "at [[+44 20 7946 0958]]"),
    ("PHONE_NUMBER", "call [[555-0143]] today"),
    ("PHONE_NUMBER", "me at [[020 7946 0958]]"),
    ("PHONE_NUMBER", "unter [[0151 23456789]] erreichbar"),
    ("PHONE_NUMBER", "au [[01 23 45 67 89]]"),
    ("PHONE_NUMBER", "at [[98765 43210]] please"),
    ("PHONE_NUMBER", "al móvil [[612 345 678]]"),
    ("PHONE_NUMBER", "on [[0412 345 678]]"),
    ("PHONE_NUMBER", '{"phoneNumber": "[[5550143]]"}'),
    ("CREDIT_CARD", "with [[4111 1111 1111 1111]]."),
    ("CREDIT_CARD", "with [[4111111111111111]]"),
    ("CREDIT_CARD", "with [[3782 822463 10005]]"),
    ("CREDIT_CARD", "with [[1234-5678-9012-3456]] (not a valid number)"),
    ("CREDIT_CARD", "Visa ending in [[4242]]."),
    ("CREDIT_CARD", "Visa [[**** **** **** 4242]]"),
    ("CREDIT_CARD", "card [[•••• 4242]]"),
    ("CREDIT_CARD", "Amex [[x4242]]"),
    ("CREDIT_CARD", "Mastercard [[4242]]"),
    ("CREDIT_CARD", "the last four digits are [[4242]]"),
    ("IBAN_CODE", "IBAN [[DE89370400440532013000]]"),
    ("IBAN_CODE", "to [[GB29 NWBK 6016 1331 9268 19]] BY MONDAY"),
    ("CRYPTO", "to [[1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa]]"),
    ("CRYPTO", "to [[bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq]]"),
    ("CRYPTO", "to [[0x52908400098527886E0F7030069857D2E4169EE7]]"),
    ("RECEIPT_NUMBER", "Receipt [[R-2048-771093]]."),
    ("RECEIPT_NUMBER", "receipt number is [[771093]]"),
    ("RECEIPT_NUMBER", "Confirmation no. [[TX93K2041]]"),
    ("RECEIPT_NUMBER", "your code [[CHI-0093-4471]] is"),
    ("RECEIPT_NUMBER", "trip #[[55012]] is"),
    ("RECEIPT_NUMBER", "Rechnungsnummer: [[RE-20481]]"),
    ("ACCOUNT_NUMBER", "account number is [[21679485]] and"),
    ("ACCOUNT_NUMBER", "Kundennummer [[K-4471093]]"),
    ("ACCOUNT_NUMBER", "sort code [[12-34-56]],"),
    ("ACCOUNT_NUMBER", '"patientId": "[[P0093441]]"'),
    ("ACCOUNT_NUMBER", "Member [[M-243683]] has 8 points"),
    ("ACCOUNT_NUMBER", "Matriculation number: [[9142686691]]"),
    ("ACCOUNT_NUMBER", "the tenant number ([[3166379881]]) must"),
    ("ACCOUNT_NUMBER", "mandate reference [[MND/20417/8]]"),
    ("ACCOUNT_NUMBER", "N° d'adhérent : [[448572]]"),
    ("ACCOUNT_NUMBER", "nº de socio [[036-923]]"),
    ("ACCOUNT_NUMBER", "numero tessera [[77-20931]]"),
    ("ACCOUNT_NUMBER", "numer umowy: [[2048/771/093]]"),
    ("ACCOUNT_NUMBER", "asiakasnumero [[20481077]]"),
    ("RECEIPT_NUMBER", "less credit note [[396400]]"),
    ("US_SSN", "SSN [[536-22-1234]]"),
    ("US_SSN", "social security number 5 of him: [[536221234]]"),
    ("US_ITIN", "ITIN [[912-75-1234]]"),
    ("UK_NHS", "NHS number [[943 476 5919]]"),
    ("UK_NINO", "NI [[AB 12 34 56 C]]"),
    ("IN_AADHAAR", "Aadhaar [[2345 6789 0124]]"),
    ("IN_PAN", "PAN [[ABCPE1234F]]"),
    ("ES_NIF", "DNI [[12345678Z]]"),
    ("ES_NIF", "NIE [[X1234567L]]"),
    ("IT_FISCAL_CODE", "CF [[RSSMRA85T10A562S]]"),
    ("PL_PESEL", "PESEL [[44051401359]]"),
    ("SG_NRIC_FIN", "NRIC [[S1234567D]]"),
    ("AU_TFN", "TFN [[876 543 210]]"),
    ("AU_MEDICARE", "Medicare [[2123 45670 1]]"),
    ("FI_PERSONAL_IDENTITY_CODE", "hetu [[131052-308T]]"),
    ("SE_PERSONNUMMER", "personnummer [[811218-9876]]"),
    ("DE_TAX_ID", "Steuer-ID [[86 095 742 719]]"),
    ("FR_NIR", "NIR [[2 55 08 14 168 025 38]]"),
    ("NL_BSN", "BSN [[111222333]]"),
    ("BR_CPF", "CPF [[529.982.247-25]]"),
    ("CA_SIN", "SIN [[130 692 544]]"),
    ("KR_RRN", "RRN [[900101-1234568]]"),
    ("NATIONAL_ID", "her national id is [[ZX-441093-7]]"),
    ("RECEIPT_NUMBER", "Quote [[ORD-475457]]."),
    ("RECEIPT_NUMBER", "order=[[8770745]] amount=3"),
    ("RECEIPT_NUMBER", "PO [[2024-97728]], 30 days"),
    ("DATE_OF_BIRTH", "Born [[29 November 1935]]\nE-mail no. 2"),
    ("PASSPORT", "passport no. [[C01X00T47]]"),
    ("PASSPORT", "Reisepass: [[L01234567]]"),
    ("PASSPORT", "German passport number [[J1KCWX4T7]]."),
    ("DRIVER_LICENSE", "driver's license [[D123-4567-8901]]"),
    ("DRIVER_LICENSE", "Führerschein [[B072RRE2I55]]"),
    ("IP_ADDRESS", "from [[192.168.10.4]]"),
    ("IP_ADDRESS", "from [[2001:db8::8a2e:370:7334]]"),
    ("IP_ADDRESS", "remote=[[203.0.113.18]] route=/api/v3/search version=7"),
    ("MAC_ADDRESS", "device [[00:1B:44:11:3A:B7]]"),
    ("MAC_ADDRESS", "device [[001b.4411.3ab7]]"),
    ("URL", "see [[https://www.linkedin.com/in/alice-b]]."),
    ("URL", "see [[https://shop.example/reset?token=a8f2c1]]"),
    ("URL", "see [[https://alice:pw@files.example/]]"),
    ("URL", "see [[http://www.anna-kowalski.example]]"),
    ("URL", "see [[http://annakowalski.example/recipes]]"),
    ("URL", "see [[quietfox.github.io/notes]]"),
    ("URL", "see [[www.quietfox.me]]."),
    ("URL", "my trip: [[https://rides.example/t/davisj1/f8c55e98]]."),
    ("URL", "see [[https://wiki.example/wiki/User:Quiet_fox]]"),
    ("URL", "see [[https://drive.example/file/d/1aB2cD3eF4]]"),
    ("URL", "join [[https://zoom.us/j/94471093220]]"),
    ("DATE_OF_BIRTH", "born on [[12 March 1985]] in"),
    ("DATE_OF_BIRTH", "DOB: [[03/12/1985]]"),
    ("DATE_OF_BIRTH", "d.o.b. [[1985-03-12]]"),
    ("DATE_OF_BIRTH", "geb. am [[12. März 1985]]"),
    ("DATE_OF_BIRTH", "née le [[12 mars 1985]]"),
    ("DATE_OF_BIRTH", "fecha de nacimiento: [[12 de mayo de 1985]]"),
    ("DATE_OF_BIRTH", "nata il [[12/03/1985]]"),
    ("DATE_OF_BIRTH", '"dateOfBirth": "[[19850312]]"'),
    ("VEHICLE_PLATE", "license plate [[7ABC123]]"),
    ("VEHICLE_PLATE", "Kennzeichen [[B-AB 1234]]"),
    ("VEHICLE_PLATE", "a van, [[AB12 CDE]], left"),
    ("VEHICLE_PLATE", "the plate [[4456 RLT]] had a scratch"),
    ("VEHICLE_PLATE", "MOT for [[HV-1-6]] due in May"),
    ("VEHICLE_PLATE", "Moped [[71·RBW]] (50 cc)"),
    ("USERNAME", "username: [[jdoe42]]"),
    ("USERNAME", "my login is [[jdoe_42]]."),
    ("USERNAME", "follow [[@quiet_fox]] there"),
    ("USERNAME", "a new sign-in to your account [[quietfox_25]] from"),
    ("USERNAME", 'The reviewer "[[quiet_fox]]" wrote'),
    ("USERNAME", "Login: [[the.real.quietfox]]"),
    ("USERNAME", "thanks to her ([[@quietfox]]) for this"),
    ("USERNAME", "cp /home/[[jdoe]]/notes"),
    ("USERNAME", "RT @[[quiet-fox]]: free tickets"),
    ("USERNAME", "psn id [[quiet_fox7]], add me"),
    ("USERNAME", "my steam name is [[quietfox]]"),
    ("USERNAME", "discord [[quietfox#1322]]"),
    ("USERNAME", '"GET /profile/[[quietfox]] HTTP/1.1" 200'),
    ("USERNAME", "uid=1000([[jdoe]]) gid=100(users)"),
    ("USERNAME", "Accepted publickey for [[jdoe]] from"),
    ("USERNAME", "owner CORP\\[[jdoe]] may write"),
    ("COORDINATES", "at [[52.520008, 13.404954]]"),
    ("COORDINATES", "at [[40°26'46\"N 79°58'56\"W]]"),
    ("PERSON", "Hi [[Kabir]], here"),
    ("PERSON", "Dear [[María del Carmen Ortiz]],"),
    ("PERSON", "Your driver was [[Grzegorz]]."),
    ("PERSON", "Passenger: [[Oluwaseun Adeyemi-Cole]]\nPhone"),
    ("PERSON", "Mr. [[O'Neil]] said"),
    ("PERSON", "Thanks for riding with us, [[Lekha]]!"),
    ("PERSON", "[[Melania]] drove you home"),
    ("PERSON", "Sehr geehrte Frau [[Alice Bob]],"),
    ("PERSON", '"full_name": "[[alice bob]]"'),
    ("PERSON", "Reporter: [[R. Hallas]]\n"),
    ("PERSON", "{'patient': '[[Ruiz, Ana]]', 'ward': 7}"),
]

# Without the words around it, a number that fails its checksum is just a number.
ONE_OFF = {
    "CREDIT_CARD": ("4111111111111111", "4111111111111112"),
    "IBAN_CODE": ("DE89370400440532013000", "DE89370400440532013001"),
    "IN_AADHAAR": ("2345 6789 0124", "2345 6789 0125"),
    "ES_NIF": ("12345678Z", "12345678A"),
    "IT_FISCAL_CODE": ("RSSMRA85T10A562S", "RSSMRA85T10A562T"),
    "PL_PESEL": ("44051401359", "44051401358"),
    "SG_NRIC_FIN": ("S1234567D", "S1234567E"),
    "FI_PERSONAL_IDENTITY_CODE": ("131052-308T", "131052-308U"),
    "SE_PERSONNUMMER": ("811218-9876", "811218-9877"),
    "FR_NIR": ("2 55 08 14 168 025 38", "2 55 08 14 168 025 39"),
    "BR_CPF": ("529.982.247-25", "529.982.247-26"),
    "UK_NHS": ("943 476 5919", "943 476 5918"),
    "CA_SIN": ("130 692 544", "130 692 545"),
    "AU_MEDICARE": ("2123 45670 1", "2123 45680 1"),
    "CRYPTO": ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
}

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
    "It cost 1,234,567.89 or 1.234.567,89 EUR in all.",
    "Upgrade to version 10.4.2.1 before the release 5.15.0-105.",
    "Firmware: 10.4.2.1, then v2.4.1.7, build number 10.0.19.4.",
    "Dear Editor, Dear Mr, the decorators (@app.route) and (@Input() size) are gone.",
    "2024-05-17T08:15:30.123Z started, 2024-05-17 08:15:30 ended",
    "build 550e8400-e29b-41d4-a716-446655440000 passed",
    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "commit d41d8cd98f00b204e9800998ecf8427e is good",
    "ISBN 978-3-16-148410-0 is a book",
    "12 x M8 bolts, 3 x cable 10 m, 24 pcs",
    "A ratio of 0.5, 1.25 and a score of 3.14, 2.72",
    "Open 9:00-17:30, Monday to Friday, in rooms 12, 14 and 16.",
    "See https://www.example.com/products/shoes for our shoes.",
    "@app.route('/')\n@property\ndef size(self): ...",
    "npm install @angular/core lodash@4.17.21 icon@2x.png",
    "127.0.0.1 and 0.0.0.0 are the machine itself",
    "Paris Hilton Street is a joke, and 100 % of 5 000 000 laughed",
    "pages 100-200 and 300-400, chapters 1-2-3",
    "std::vector<int> a::b 12:34:56",
    "Population: 1 234 567 in 2019/2020",
    "RFC-2119, ISO-8601, UTF-8 and CVE-2021-44228",
    '{"@type": "Product", "@context": "x"}',
    "The username must not contain spaces.",
    '<input type="text" name="lastname">',
    "Licence plates will change colour in 2023.",
    "See https://www.walmart.com, https://www.samsung.com/tv and https://www.bookstore.example.",
    "Read https://docs.github.io and https://blog.example/how-to-bake-bread.",
    "GET /users/me HTTP/1.1, GET /users/1 HTTP/1.1",
    "Nobody told us; the moped has 50 cc, bug#12 and issue#20481 are old.",
]


def _spans(marked: str) -> tuple[str, int, int]:
    start, end = marked.index("[["), marked.index("]]") - 2
    return marked.replace("[[", "").replace("]]", ""), start, end


@pytest.fixture(scope="module")
def recognizers() -> list[EntityRecognizer]:
    return pattern_recognizers(DEFAULT_ENTITIES)


def _types(text: str, recognizers: list[EntityRecognizer]) -> list[tuple[str, int, int]]:
    return [(f.entity_type, f.start, f.end) for f in merge(find_all([text], recognizers, THRESHOLD)[0])]


@pytest.mark.parametrize(("entity", "marked"), FOUND)
def test_finds(entity: str, marked: str, recognizers: list[EntityRecognizer]) -> None:
    text, start, end = _spans(marked)
    assert _types(text, recognizers) == [(entity, start, end)]


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_leaves_what_is_not_personal(text: str, recognizers: list[EntityRecognizer]) -> None:
    assert _types(text, recognizers) == []


@pytest.mark.parametrize("entity", sorted(ONE_OFF))
def test_a_wrong_check_digit_is_no_finding(entity: str) -> None:
    own = pattern_recognizers([entity])
    right, wrong = ONE_OFF[entity]
    assert _types(f"we have {right} here", own) == [(entity, 8, 8 + len(right))]
    assert _types(f"we have {wrong} here", own) == []


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        ("PL_PESEL", "PESEL 44051401358"),
        ("IN_AADHAAR", "Aadhaar 2345 6789 0125"),
        ("CA_SIN", "SIN 130 692 545"),
    ],
)
def test_a_wrong_check_digit_counts_where_the_words_name_the_id(entity: str, text: str) -> None:
    assert [kind for kind, _, _ in _types(text, pattern_recognizers([entity]))] == [entity]


def test_a_proven_number_outranks_what_its_shape_may_be(recognizers: list[EntityRecognizer]) -> None:
    text = "NHS number 943 476 5919 and phone 943 476 5918"
    assert [kind for kind, _, _ in _types(text, recognizers)] == ["UK_NHS", "PHONE_NUMBER"]


@pytest.mark.parametrize("recase", [str.upper, str.lower])
def test_a_text_in_one_case_is_read_as_names_are_written(recase, recognizers) -> None:  # type: ignore[no-untyped-def]
    text = recase("dear Alice Bob, we moved to 12 Elm Avenue, Springfield, IL 62704.")
    found = _types(text, recognizers)
    assert [kind for kind, _, _ in found] == ["PERSON", "ADDRESS"]
    assert text[slice(*found[1][1:])].lower() == "12 elm avenue, springfield, il 62704"


def test_every_entity_type_has_a_recognizer() -> None:
    patterns = {kind for one in pattern_recognizers(ENTITY_TYPES) for kind in one.supported_entities}
    assert patterns | set(NER_ENTITIES.values()) == set(ENTITY_TYPES)


def test_only_recognizers_for_the_wanted_entities_are_made() -> None:
    assert [one.name for one in pattern_recognizers(["ADDRESS"])] == ["StreetAddressRecognizer"]


def test_presidio_runs_them_with_the_same_findings(recognizers: list[EntityRecognizer]) -> None:
    engine = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=recognizers),
        nlp_engine=NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}]),
    )
    text = "Dear Ana, call 312-555-0143 or write to ana@example.com; card 4111 1111 1111 1111."
    theirs = {(r.entity_type, r.start, r.end, r.score) for r in engine.analyze(text, language="en")}
    assert theirs <= {tuple(finding) for finding in find_all([text], recognizers, 0.0)[0]}
    assert {kind for kind, *_ in theirs} == {"PERSON", "PHONE_NUMBER", "EMAIL_ADDRESS", "CREDIT_CARD"}


def test_a_pattern_of_the_policy_counts_with_its_context() -> None:
    rule = PatternRule(entity="BADGE", regex=r"\bB\d{4}\b", score=0.1, context=("badge",))
    own = pattern_recognizers(["BADGE"], [rule])
    text = "badge B1234; " + "and the part number of that old machine, as it says on its side, is B9876"
    assert _types(text, own) == [("BADGE", 6, 11)]


def test_a_recogniser_of_ones_own_runs_beside_them() -> None:
    from presidio_analyzer import Pattern, PatternRecognizer

    own = PatternRecognizer("BADGE", patterns=[Pattern("badge", r"\bB\d{4}\b", 0.8)])
    assert _types("B1234", [*pattern_recognizers(["EMAIL_ADDRESS"]), own]) == [("BADGE", 0, 5)]


def test_a_long_text_is_searched_to_its_end(recognizers: list[EntityRecognizer]) -> None:
    line = "Nothing to see here, only plain words. "
    for gap in (100, 15_800, 16_380, 40_000):
        text = (line * 2000)[:gap] + " ana@example.com " + line * 1000 + "SSN 536-22-1234"
        assert [kind for kind, _, _ in _types(text, recognizers)] == ["EMAIL_ADDRESS", "US_SSN"]


def test_findings_are_the_same_wherever_a_long_text_is_cut(recognizers: list[EntityRecognizer]) -> None:
    value = "Flat 3, 127 Station Road, Exeter, EX12 5GC"
    for shift in range(14_800, 16_500, 97):
        text = "x" * (shift - 1) + " " + value + ". " + "y" * 20_000
        assert _types(text, pattern_recognizers(["ADDRESS"])) == [("ADDRESS", shift, shift + len(value))]
