"""Ways to reach somebody: e-mail addresses and phone numbers here, those of the web in :mod:`online`."""

import regex

from components.pii.recognizers import online
from components.pii.recognizers.rules import CUED, GAP, LINK, Rule, RuleRecognizer, cue_pattern, cue_words

_FILES = frozenset(
    regex.findall(
        r"\w+",
        """
    png jpg jpeg gif svg webp css js ts py json html htm pdf txt md yml yaml
    """,
    )
)


def _is_no_file(address: str) -> bool | None:
    """False for a file's name such as ``icon@2x.png``."""
    return False if address.rpartition(".")[2].lower() in _FILES else None


def emails() -> RuleRecognizer:
    """E-mail addresses, also in other scripts, at an IP address, or in an intranet."""
    local = r"(?<![\w.+%&'*/=!-])[\w.+%&'*/=!~-]{1,64}+(?<!\.)"
    host = r"[\p{L}\d](?:[\p{L}\d-]{0,62}+)(?:\.[\p{L}\d](?:[\p{L}\d-]{0,62}+)){0,8}+"
    return RuleRecognizer(
        "EMAIL_ADDRESS",
        [
            Rule(
                pattern=r"[\w+%&*/=!~-](?:[\w.+%&'*/=!~-]{0,63}+)(?<!\.)@(?=[\w.-]{1,253}?\.\p{L}{2})"
                + host
                + r"(?<=\.(?:\p{L}{2,24}|xn--[\w-]{1,30}))",
                score=1.0,
                marks=("@",),
                check=_is_no_file,
            ),
            Rule(pattern=local + r"@\[?\d{1,3}(?:\.\d{1,3}){3}\b\]?", score=0.7, marks=("@",)),
        ],
        name="EmailAddressRecognizer",
    )


_PHONE_CUES = """
phone|phones|telephone|tel|teléfono|telefono|téléphone|telefon|telefonnummer|telefoon|telefone|fon|fono|cell
|cellphone|cellular|mobile|mobil|mobilnummer|my number|my number is|new number|mobiltelefon|mobiel|móvil
|movil|portable|celular|cellulare|handy|handynummer|rufnummer|call|called|text|texted|sms|whatsapp|fax|dial
|ring|reach|reached|contact|contacto|callback|hotline|landline|appeler|appelez|appelle|llamar|llame|llámame
|chiamare|chiama|anrufen|rufen|numéro de téléphone|número de teléfono|numero di telefono|msisdn|ph|mob|gsm
|komórka|numer telefonu|puhelin|puhelinnumero|tlf|puh|phone number|telephone number|signal|viber
"""
_EXTENSION = r"(?:[\s,]{0,2}(?i:x|ext\.?|extension|durchwahl|dw|poste|int\.)[\s.:]{0,2}\d{1,6}(?!\d))?"
_NOT_BEFORE = r"(?<![\w.,/$€£¥#@-])(?<!\d[:=])(?<!\d )(?<![$€£¥] )"
_NOT_AFTER = r"(?![\w@%€$£]|[./:,-]\d| ?[€$£%])"
_SEP = r"[ .\u2011-]"
_NO_DATE = (
    r"(?!(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ]\d{1,2}(?![-./ ]?\d)"
    r"|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)?\d\d(?![-./ ]?\d)|\d{3,4}/(?:19|20)\d\d(?!\d))"
)


def phones() -> RuleRecognizer:
    """Phone numbers: by ``+`` or ``00``, by a country's way of grouping them, or by a word before them.

    Presidio's own recogniser asks the phonenumbers package region by region, at 2 ms for each text.
    """
    cues = cue_pattern(_PHONE_CUES)
    words = cue_words(_PHONE_CUES)
    cued = r"(?:\+|00)?\(?\d(?:[ ().\u2011/-]{0,3}\d){6,14}+"

    def rule(pattern: str, score: float, digits: int = 7) -> Rule:
        return Rule(
            pattern=_NOT_BEFORE + _NO_DATE + pattern + _EXTENSION + _NOT_AFTER,
            score=score,
            digits=digits,
            context=words,
            named=max(score, 0.8),
        )

    return RuleRecognizer(
        "PHONE_NUMBER",
        [
            # After a word: any grouping of 7 to 15 digits that is no date.
            Rule(
                pattern=rf"{cues}{LINK}{_NO_DATE}(?P<v>{cued}{_EXTENSION})(?![\w@]|[-./:,]\d)",
                score=CUED,
                at=words,
            ),
            Rule(
                pattern=rf"{cues}{GAP}{_NO_DATE}(?<![$€£\d.,:])(?P<v>{cued}{_EXTENSION}){_NOT_AFTER}",
                score=0.6,
                at=words,
            ),
            # International: +CC and groups.
            Rule(
                pattern=r"(?<![\w+])\+\d{1,3}(?=(?:[ ().\u2011/-]{0,3}\d){6,13}(?!\d))"
                r"(?:[ .\u2011/-]{0,2}\(?\d{1,12}\)?){1,7}" + _EXTENSION + r"(?![\w@])",
                score=CUED,
                digits=7,
            ),
            rule(r"(?<!\d)00[1-9]\d{0,2}(?:[ .-]\(?\d{2,5}\)?){2,6}", 0.75),
            # North America.
            rule(rf"(?:(?:\+|00)?1{_SEP}?)?(?:\(\d{{3}}\)[ -]?|\d{{3}}{_SEP})\d{{3}}{_SEP}\d{{4}}", 0.8, 10),
            rule(rf"(?:(?:\+|00)?1{_SEP})?(?:\([2-9]\d{{2}}\)|[2-9]\d{{2}}){_SEP}?[2-9]\d{{6}}", 0.5, 10),
            rule(r"(?:00)?1[2-9]\d{2}[2-9]\d{6}", 0.4, 11),
            rule(r"00[1-9]\d{9,13}", 0.6, 11),
            rule(r"[5-9]\d{2}([.])\d{2}\1\d{2}\1\d{2}|[5-9]\d{2}([.])\d{3}\2\d{3}", 0.5, 9),
            # An area code in parentheses, or with a trunk 0, and the rest in groups.
            rule(r"\(\+?0?\d{1,5}\)[ /-]{0,3}\d{2,9}(?:[ /-]{1,3}\d{2,5}){0,4}", 0.75, 7),
            rule(r"0\d{1,5}(?: ?/ ?|[ .-])\d{2,9}(?:[ -]\d{1,4}){0,3}", 0.7, 8),
            rule(r"0\d(?:([ .-])\d{2})(?:\1\d{2}){3}", 0.8, 10),
            rule(r"0\d{1,4}([ .-])\d{2,4}\1\d{2,4}(?:\1\d{2,4})?", 0.7, 8),
            rule(r"0[1-9]\d{8,9}", 0.5, 10),
            # Mobile numbers as India, Spain, Portugal, Poland, Italy, Brazil, Nordic countries write them.
            rule(r"[6-9]\d{4}[ -]\d{5}", 0.6, 10),
            rule(r"\d{2} \d{3} \d{2} \d{2}", 0.6, 9),
            rule(r"[5-9]\d{2}([ -])\d{3}\1\d{3}", 0.4, 9),
            rule(r"[679]\d{2}(?:([ -])\d{2})(?:\1\d{2}){2}", 0.6, 9),
            rule(r"3\d{2}[ -]\d{6,7}", 0.6, 9),
            rule(r"\d{2} 9?\d{4}-\d{4}", 0.6, 10),
            rule(r"9?\d{4}-\d{4}(?<=9\d{4}-\d{4})", 0.4, 8),
            rule(r"1[3-9]\d{9}", 0.4, 11),
        ],
        name="PhoneNumberRecognizer",
    )


RECOGNIZERS = {"EMAIL_ADDRESS": emails, "PHONE_NUMBER": phones, **online.RECOGNIZERS}
