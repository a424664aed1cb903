"""Presidio recognisers: its own where they do, ours where receipts and letters need more.

All are Presidio's classes, so a recogniser of one's own joins by :func:`make_engine` (in code) or by the
policy's ``recognizers`` (in YAML). None of them opens a socket.
"""

from collections.abc import Callable, Iterable
from functools import cache

import regex
import tldextract
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    CryptoRecognizer,
    DateRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    IpRecognizer,
    UrlRecognizer,
    UsPassportRecognizer,
    UsSsnRecognizer,
)
from presidio_analyzer.predefined_recognizers.generic.mac_recognizer import MacAddressRecognizer

from components.pii.policy import PatternRule

NER_ENTITIES = {
    "PERSON": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "ORG": "ORGANIZATION",
    "NORP": "NRP",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}
"""The labels of the spaCy model, as entity types."""

# USPS Publication 28, appendix C1: the street suffixes and their usual abbreviations.
_SUFFIXES = """
Alley Aly Annex Anx Arcade Arc Avenue Ave Av Bayou Beach Bch Bend Bnd Bluffs? Bottom Boulevard Blvd Branch
Bridge Brg Brooks? Burgs? Bypass Byp Camp Canyon Cape Causeway Cswy Centers? Ctr Circles? Cir Cliffs? Club
Common Commons Corners? Cor Courts? Ct Cts Course Coves? Cv Creek Crk Crescent Cres Crest Crossing Xing
Crossroads? Curve Dale Dam Divide Drives? Dr Estates? Est Expressway Expy Extensions? Ext Falls? Ferry
Fields? Flats? Fords? Forest Forges? Forks? Fort Ft Freeway Fwy Gardens? Gdns Gateway Gtwy Glens? Greens?
Groves? Harbors? Haven Heights Hts Highway Hwy Hills? Hollow Inlet Islands? Isle Junctions? Keys? Knolls?
Lakes? Land Landing Lane Ln Lights? Loaf Locks? Lodge Loop Mall Manors? Meadows? Mews Mills? Mission
Motorway Mount Mt Mountains? Neck Orchard Oval Overpass Parks? Parkways? Pkwy Pass Passage Path Pike Pines?
Place Pl Plains? Plaza Plz Points? Pt Ports? Prairie Radial Ramp Ranch Rapids? Rest Ridges? River Roads? Rd
Route Rte Row Rue Run Shoals? Shores? Skyway Springs? Spurs? Squares? Sq Station Sta Stravenue Stream
Streets? St Summit Terrace Ter Throughway Trace Track Trafficway Trail Trl Trailer Tunnel Turnpike Tpke
Underpass Unions? Valleys? Via Viaduct Views? Villages? Ville Vista Walks? Wall Ways? Wells?
"""
# A stop after a suffix belongs to it only where the sentence goes on.
_SUFFIX = "(?:" + "|".join(_SUFFIXES.split()) + r")\b(?:\.(?=,|\s+(?:[\p{Ll}\d#]|Apt|Suite|Ste|Unit|Fl)))?"
_HOUSE = r"(?<![\w$€£.,#-])\d{1,6}(?:[A-Za-z]|[-/]\d{1,4})?"
_COMPASS = r"(?:[NSEW]\.?|[NS][EW]|North|South|East|West)"
_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
)
_WORD = rf"(?!(?:{_MONTHS})\b)(?:\p{{Lu}}(?:\p{{L}}?\.|[\p{{L}}'\u2019-]*)|\d{{1,3}}(?:st|nd|rd|th))"
_UNIT = r"(?:(?:Apt|Apartment|Suite|Ste|Unit|Floor|Fl|Room|Rm)\b\.?\s*#?\s*[\w-]{1,6}|#\s*\w{1,6})"
_STATE = (
    "(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]"
    "|UT|V[AT]|W[AIVY])"
)
_ZIP = r"\d{5}(?:-\d{4})?\b"
_TOWN = r"\p{Lu}[\p{L}.'\u2019-]*(?:\s\p{Lu}[\p{L}.'\u2019-]*){0,3}"
_CITY = rf"(?:,?\s+{_TOWN},?\s+{_STATE}\b(?:\s+{_ZIP})?)"

_EXTENSION = r"(?:\s?(?:x|ext\.?|extension)\s?\d{1,6})?"
_PHONE_CUE = (
    r"(?<=\b(?i:phone|telephone|tel|cell|mobile|call|text|sms|whatsapp|fax|dial|ring)\b[^\d\n]{0,24})"
)

_NOT_A_NAME = (
    "(?!(?:A|All|An|And|Any|As|At|But|Card|Cash|Driver|For|From|Have|Here|How|I|If|In|Is|It|Member|My|No|Of"
    "|On|Or|Our|Passenger|Please|Receipt|Rider|Ride|So|Team|Thank|Thanks|That|The|There|This|To|Today|Total"
    "|Trip|Was|We|Welcome|What|When|Where|With|You|Your)\\b)"
)
_PARTICLE = r"(?:(?:da|de|del|della|der|di|dos|du|el|la|le|van|von|bin|al)\s+)"
_CAPITALISED = r"\p{Lu}[\p{L}]*(?:['\u2019-]\p{L}+)*"
_NAME = (
    rf"{_NOT_A_NAME}{_CAPITALISED}"
    rf"(?:[ \t]+{_PARTICLE}{{0,2}}{_NOT_A_NAME}(?:{_CAPITALISED}|\p{{Lu}}\.)){{0,3}}"
)
_GREETING = (
    "dear|hi|hello|hey|good (?:morning|afternoon|evening|day)|welcome(?: back)?|thanks(?: again)?|thank you"
    "|goodbye|bye|cheers|sorry"
)
_DEED = (
    "(?:says|said|drove|drives|picked|took|takes|dropped|waited|arrived|called|wrote|writes|asked|told|thanks"
    "|thanked|rated|lives|lived|met)\\b"
)
_ROLE = (
    "driver|chauffeur|rider|passenger|customer|client|guest|patient|member|cardholder|account holder|name"
    "|contact|attn|attention|bill(?:ed)? to|booked (?:by|for)|driven by|signed|sincerely|regards"
)


def _recognizer(entity: str, name: str, patterns: dict[str, float]) -> PatternRecognizer:
    return PatternRecognizer(
        supported_entity=entity,
        name=name,
        patterns=[Pattern(f"{name} {n}", text, score) for n, (text, score) in enumerate(patterns.items(), 1)],
        global_regex_flags=regex.MULTILINE,
    )


def _addresses() -> PatternRecognizer:
    """Street addresses in the American order: house number, name, suffix; then unit, city, state, ZIP."""
    street = rf"{_HOUSE}\s+(?:{_COMPASS}\s+)?"
    tail = rf"(?:\s+{_COMPASS}\b)?(?:,?\s+{_UNIT})?{_CITY}?"
    cue = r"(?<=\b(?i:from|to|at|near|address|between|and|via|outside|behind)\b:?\s+)"
    return _recognizer(
        "ADDRESS",
        "AddressRecognizer",
        {
            rf"{street}(?:{_WORD}\s+){{1,4}}?{_SUFFIX}{tail}": 0.85,
            rf"{street}{_WORD}(?:\s+{_WORD}){{0,3}},?\s+{_UNIT}{_CITY}?": 0.8,
            rf"{cue}{street}{_WORD}(?:(?<!\.)\s+{_WORD}){{0,2}}{_CITY}?": 0.6,
            r"\bP\.?\s?O\.?\s+Box\s+\d{1,6}\b": 0.85,
            rf"\b{_TOWN},\s+{_STATE}\s+{_ZIP}": 0.8,
        },
    )


def _names() -> PatternRecognizer:
    """Names where a letter or a receipt puts them: after a greeting, a title or a role, or before a deed.

    In the receipts of the taxi example spaCy's small model alone leaves four names in ten.
    """
    return _recognizer(
        "PERSON",
        "NameCueRecognizer",
        {
            rf"(?<=\b(?i:{_GREETING}),?\s+){_NAME}": 0.7,
            rf"(?<=\b(?i:thanks|thank you|welcome)\b[^.!?\n]{{1,60}},\s+){_NAME}(?=[!.,;])": 0.6,
            rf"(?<=\b(?i:{_ROLE})(?:(?i:\s+(?:is|was|named|name))|(?i:'s name is))?\s*[:,]?\s+){_NAME}": 0.7,
            rf"(?<=\b(?:Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Sr|Sra|Mme)\b\.?\s+){_NAME}": 0.85,
            rf"\b{_NAME}(?=(?i:(?:,|\s+(?:was|is))\s+(?:your|our|the)\s+(?:driver|chauffeur)\b))": 0.7,
            rf"(?<=\b(?i:ride|trip|driven|drive|meeting|appointment|call)\s+(?i:with|by)\s+){_NAME}": 0.6,
            rf"(?<=\p{{Ll}},\s+){_NAME}(?=[?!])": 0.5,
            rf"(?<!\b(?i:a|an|at|in|of|on|the|this|last|next|every)\s)\b{_NAME}(?=\s+{_DEED})": 0.5,
        },
    )


def _phones() -> PatternRecognizer:
    """Phone numbers by their grouping; bare digits only where they can be a North American number.

    Presidio's own recogniser asks the phonenumbers package, region by region. That takes 2 ms for each
    receipt, more than all the patterns here together.
    """
    return _recognizer(
        "PHONE_NUMBER",
        "PhonePatternRecognizer",
        {
            r"(?<![\w.-])(?:(?:\+|00)?1[\s.-]?)?(?:\(\d{3}\)\s?|\d{3}[\s.-])\d{3}[\s.-]?\d{4}"
            rf"{_EXTENSION}(?![\w-])": 0.75,
            rf"(?<![\w.-])(?:\+?1)?[2-9]\d{{2}}[2-9]\d{{6}}{_EXTENSION}(?![\w-])": 0.5,
            r"(?<![\w.])\+\d{1,3}(?=(?:[\s().-]*\d){6,13}(?!\d))(?:[\s.-]?\(?\d{1,5}\)?){2,6}(?!\w)": 0.75,
            rf"{_PHONE_CUE}\(?\d[\d\s().-]{{5,18}}\d{_EXTENSION}(?!\w)": 0.6,
        },
    )


def _cards() -> PatternRecognizer:
    """Card numbers as receipts print them: grouped, masked, or only their last four digits."""
    brand = "card|visa|mastercard|maestro|amex|american express|discover|diners|jcb"
    return _recognizer(
        "CREDIT_CARD",
        "PrintedCardRecognizer",
        {
            r"\b\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}\b": 0.7,
            r"\b3\d{3}[ -]\d{6}[ -]\d{4,5}\b": 0.7,
            r"(?<!\w)(?:[*xX•·]{2,}[ -]?){1,5}\d{3,5}\b": 0.8,
            r"(?<=\b(?i:ending|ends|ended)(?i:\s+(?:in|with|on))?\s*:?\s*)\d{3,5}\b": 0.7,
            r"(?<=\b(?i:last\s+(?:four|4)(?:\s+digits)?)(?i:\s+(?:is|are|of))?\s*:?\s*)\d{4}\b": 0.7,
            rf"(?<=\b(?i:{brand})(?i:\s+(?:card|no|number|nr))?\.?\s*[#:(-]?\s*)[*xX•·.#]?\d{{4}}\b": 0.6,
        },
    )


def _receipt_numbers() -> PatternRecognizer:
    """Numbers that lead back to one sale: after their word, or by their shape (``R-2048-771093``)."""
    number = (
        r"(?=[\w/-]{0,20}\d[\w/-]{0,20}\d[\w/-]{0,20}\d)(?!\d+[.,]\d)[\p{Lu}\d][\p{Lu}\d/-]{2,24}(?![\w/-])"
    )
    always = "receipt|invoice|confirmation|booking|reservation|reference|ref|folio|voucher"
    sometimes = "trip|ride|order|ticket|case|claim|account|policy|transaction|fare|job|member|customer"
    kind = r"(?:number|num|no|nr|id|code)\b\.?"
    return _recognizer(
        "RECEIPT_NUMBER",
        "ReceiptNumberRecognizer",
        {
            rf"(?<=\b(?i:{always})\b(?i:\s+{kind})?(?i:\s+is)?[\s.:#-]*){number}": 0.7,
            rf"(?<=\b(?i:{sometimes})\b(?i:\s+{kind}(?:\s+is)?[\s:#]*|\s*#\s*|:\s*)){number}": 0.6,
            r"(?<![\w-])\p{Lu}{1,5}-?\d{2,}(?:[-/][\p{Lu}\d]{2,})+\b": 0.5,
            r"(?<=(?<!\w)#\s?)(?=[\p{Lu}\d-]*\d{4})[\p{Lu}\d][\p{Lu}\d-]{3,24}\b": 0.5,
        },
    )


class OfflineEmailRecognizer(EmailRecognizer):
    """Presidio's e-mail pattern, checked against the public suffix list that tldextract carries.

    Presidio's own check downloads that list, and lets an address under an unknown suffix (an intranet's)
    go; here it only lowers the score.
    """

    def validate_result(self, pattern_text: str) -> bool | None:
        return True if _suffixes()(pattern_text).suffix else None


@cache
def _suffixes() -> tldextract.TLDExtract:
    return tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)


_FACTORIES: dict[str, tuple[Callable[[], EntityRecognizer], ...]] = {
    "PERSON": (_names,),
    "ADDRESS": (_addresses,),
    "EMAIL_ADDRESS": (OfflineEmailRecognizer,),
    "PHONE_NUMBER": (_phones,),
    "CREDIT_CARD": (CreditCardRecognizer, _cards),
    "RECEIPT_NUMBER": (_receipt_numbers,),
    "US_SSN": (UsSsnRecognizer,),
    "IBAN_CODE": (IbanRecognizer,),
    "IP_ADDRESS": (IpRecognizer,),
    "CRYPTO": (CryptoRecognizer,),
    "DATE_TIME": (DateRecognizer,),
    "MAC_ADDRESS": (MacAddressRecognizer,),
    "URL": (UrlRecognizer,),
    "US_PASSPORT": (UsPassportRecognizer,),
}


def pattern_recognizers(entities: Iterable[str], rules: Iterable[PatternRule] = ()) -> list[EntityRecognizer]:
    """New recognisers for these entity types that need no language model, then those of the policy."""
    wanted = set(entities)
    built_in = [make() for entity in sorted(wanted) for make in _FACTORIES.get(entity, ())]
    own: list[EntityRecognizer] = [
        PatternRecognizer(
            supported_entity=rule.entity,
            name=f"PolicyRecognizer {number}",
            patterns=[Pattern(f"policy {number}", rule.regex, rule.score)],
            context=list(rule.context),
        )
        for number, rule in enumerate(rules, 1)
        if rule.entity in wanted
    ]
    return built_in + own
