"""Days of birth: dates after a word for birth. Other dates are nobody's."""

from components.pii.recognizers.rules import LINK, Rule, RuleRecognizer, cue_pattern, cue_words

_MONTHS = """
january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun
|jul|aug|sept|sep|oct|nov|dec|januar|februar|märz|maerz|mai|juni|juli|oktober|dezember|jänner|mrz|okt|dez
|janvier|février|fevrier|mars|avril|juin|juillet|août|aout|septembre|octobre|novembre|décembre|decembre|janv
|févr|avr|juil|déc|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre
|diciembre|ene|abr|ago|dic|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre|gen|mag
|giu|lug|set|ott|januari|februari|maart|mei|augustus|janeiro|fevereiro|março|maio|junho|julho|setembro
|outubro|novembro|dezembro|stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października
|listopada|grudnia
"""
MONTH = (
    r"(?i:"
    + "|".join(sorted(("".join(_MONTHS.split())).split("|"), key=len, reverse=True))
    + r")(?!\p{L})\.?"
)
_YEAR = r"(?:1[89]\d\d|20\d\d)"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_ORDINAL = r"(?:st|nd|rd|th|er|º|ª|\.)?"
DATE = (
    rf"(?:{_YEAR}(?P<dash>[-./ ])\d{{1,2}}(?P=dash)\d{{1,2}}"
    rf"|\d{{1,2}}\s?(?P<stop>[-./ ])\s?\d{{1,2}}\s?(?P=stop)\s?(?:{_YEAR}|['\u2019]?\d\d(?!\d))"
    rf"|{_DAY}{_ORDINAL}[ -]?(?:of\s|de\s|di\s|do\s)?{MONTH}(?:,?\s|-|/)?(?:de[l]?\s)?(?:{_YEAR}"
    rf"|['\u2019]?\d\d(?!\d))?"
    rf"|{MONTH}[\s-]{_DAY}{_ORDINAL}(?:,?\s{{0,2}}|-)(?:{_YEAR}|['\u2019]\d\d)?(?<=\d|\w\w)"
    rf"|{MONTH}\s{_YEAR}|{_YEAR}\s{MONTH}\s\d{{1,2}}|(?:19|20)\d{{6}}|{_DAY}{MONTH}{_YEAR})(?![\w]|[-/]\d)"
)
"""A date with its day, in numbers or with the month's name in one of eight languages; or month and year."""

_BIRTH = """
born|born on|date of birth|dob|d o b|birth date|birthdate|birthday|birth day|bday|b day|b-day|née|birth
|geboren|geboren am|geb|geb am|geburtsdatum|geburtstag|geburtsdaten|né|né le|née le|ne le|nee le|naissance
|date de naissance|anniversaire|nacido|nacida|nacido el|nacida el|nací|nació|fecha de nacimiento
|f nacimiento|nacimiento|cumpleaños|nato|nata|nato il|nata il|data di nascita|nascita|compleanno|nascido
|nascida|data de nascimento|nascimento|geboortedatum|geboren op|född|fødselsdato|syntymäaika|urodzony
|urodzona|urodzenia|data urodzenia|ur|dateofbirth|birthdate is|yob|year of birth
"""


def dates_of_birth() -> RuleRecognizer:
    """Dates after or before a word for birth, in any usual form; a year alone after "born in"."""
    names, at = cue_pattern(_BIRTH), cue_words(_BIRTH)
    gap = r"(?:[^\w;]{1,4}[^\W\d_]{1,16}){0,6}?[^\w;]{1,5}"
    return RuleRecognizer(
        "DATE_OF_BIRTH",
        [
            Rule(pattern=rf"{names}{LINK}(?P<v>{DATE})", score=0.95, at=at),
            Rule(pattern=rf"{names}{gap}(?P<v>{DATE})", score=0.85, at=at),
            # A row of a list: name, mail, day of birth.
            Rule(
                pattern=rf"(?m)@[\w.-]{{3,100}}+[\s,;|]{{1,3}}(?P<v>{DATE})(?=\s?$)",
                score=0.5,
                marks=("@",),
            ),
            Rule(
                pattern=rf"(?i:born in|né en|née en|nacid[oa] en|nat[oa] nel|geboren|year of birth|yob"
                rf"|birth year)[:\s]{{1,3}}(?P<v>{_YEAR})(?![\w-])",
                score=0.5,
                at=cue_words("born|né|née|nacido|nacida|nato|nata|geboren|year|yob|birth"),
            ),
            Rule(
                pattern=rf"(?<![\w./-])(?P<v>{DATE})\s?(?:\((?i:{names})|(?:[,;]\s|\s)?(?:(?i:is|was|ist"
                rf"|est|es|è)\s(?i:my|his|her|their|the|mein|sein|ihr|ma|sa|mi|su|la)\s(?i:date of "
                rf")?)(?i:birth\w{{0,6}}|geburts\w{{3,6}}|date de naissance|fecha de nacimiento"
                rf"|cumpleaños))",
                score=0.85,
                at=at,
                before=60,
                after=20,
            ),
        ],
        name="DateOfBirthRecognizer",
    )


RECOGNIZERS = {"DATE_OF_BIRTH": dates_of_birth}
