"""National ids: by their structure, their checksum, and the words that name them.

A checksum that one number in ten passes says little about a number that stands alone: then only the words
around it make it an id. Presidio's own checks are used where it has them.
"""

from collections.abc import Callable
from datetime import date

from presidio_analyzer import PatternRecognizer
from presidio_analyzer.predefined_recognizers import (
    AuMedicareRecognizer,
    AuTfnRecognizer,
    EsNieRecognizer,
    EsNifRecognizer,
    FiPersonalIdentityCodeRecognizer,
    InAadhaarRecognizer,
    ItFiscalCodeRecognizer,
    NhsRecognizer,
    PlPeselRecognizer,
)
from presidio_analyzer.predefined_recognizers.country_specific.canada.ca_sin_recognizer import (
    CaSinRecognizer,
)
from presidio_analyzer.predefined_recognizers.country_specific.germany.de_tax_id_recognizer import (
    DeTaxIdRecognizer,
)
from presidio_analyzer.predefined_recognizers.country_specific.korea.kr_rrn_recognizer import KrRrnRecognizer
from presidio_analyzer.predefined_recognizers.country_specific.sweden.se_personnummer_recognizer import (
    SePersonnummerRecognizer,
)

from components.pii.recognizers.rules import (
    AFTER,
    BEFORE,
    CERTAIN,
    CUED,
    GAP,
    LINK,
    Rule,
    RuleRecognizer,
    cue_pattern,
    cue_words,
    spaced,
    token,
)

Check = Callable[[str], bool | None]

_WEAK = 0.25
_SHAPED = 0.5
_STRONG = 0.9


def _compact(text: str) -> str:
    return "".join(char for char in text if char.isalnum()).upper()


def _digits(text: str) -> list[int]:
    return [int(char) for char in text if char.isdigit()]


def _varied(text: str) -> bool:
    return len(set(_digits(text))) > 1


def _presidio(recognizer: PatternRecognizer) -> Check:
    def check(text: str) -> bool | None:
        compact = _compact(text)
        return _varied(compact) and recognizer.validate_result(compact)

    return check


def _certainly(check: Check) -> Check:
    return lambda text: bool(check(text))


def _us_ssn(text: str) -> bool:
    area, group, serial = (part := "".join(map(str, _digits(text))))[:3], part[3:5], part[5:]
    return _varied(text) and area not in ("000", "666") and group != "00" and serial != "0000"


def _ca_sin(recognizer: CaSinRecognizer) -> Check:
    return lambda text: _varied(text) and not recognizer.invalidate_result(text)


def _es_nif(nif: Check, nie: Check) -> Check:
    return lambda text: nie(text) if text[0].upper() in "XYZ" else nif(text)


def _sg_nric_fin(text: str) -> bool | None:
    """The check letter by the weights 2 7 6 5 4 3 2; series M is not checked."""
    text = text.upper()
    total = sum(w * int(d) for w, d in zip((2, 7, 6, 5, 4, 3, 2), text[1:8], strict=True))
    total += 4 if text[0] in "TG" else 0
    if text[0] == "M":
        return None
    return ("JZIHGFEDCBA" if text[0] in "ST" else "XWUTRQPNMLK")[total % 11] == text[8]


def _fr_nir(text: str) -> bool:
    """The key is 97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    text = _compact(text).replace("2A", "19").replace("2B", "18")
    return 97 - int(text[:13]) % 97 == int(text[13:])


def _nl_bsn(text: str) -> bool:
    """The eleven test: weights 9 to 2, then -1."""
    digits = _digits(text)
    return (
        _varied(text)
        and sum(w * d for w, d in zip((9, 8, 7, 6, 5, 4, 3, 2, -1), digits, strict=True)) % 11 == 0
    )


def _br_cpf(text: str) -> bool:
    """Two check digits, each from the weights that count down to 2 over what stands before it."""
    digits = _digits(text)

    def check_digit(before: list[int]) -> int:
        total = sum(w * d for w, d in zip(range(len(before) + 1, 1, -1), before, strict=True))
        return total * 10 % 11 % 10

    return _varied(text) and all(check_digit(digits[:n]) == digits[n] for n in (9, 10))


def _kr_rrn(recognizer: KrRrnRecognizer) -> Check:
    """Numbers since October 2020 carry no checksum: one that does not fit proves nothing."""

    def check(text: str) -> bool | None:
        return recognizer.validate_result(text.replace("-", "").replace(" ", ""))

    return check


def _birth_date(text: str) -> bool | None:
    """Whether six digits can be a day of birth, as ``yymmdd``."""
    year, month, day = (int(text[n : n + 2]) for n in (0, 2, 4))
    try:
        date(2000 + year, month, day)
    except ValueError:
        return False
    return None


def _both(first: Check, second: Check) -> Check:
    return lambda text: False if first(text) is False else second(text)


def _id(
    entity: str,
    pattern: str,
    check: Check | None,
    *,
    alone: float,
    names: str,
    digits: int,
    named: float = CUED,
    bare: str = "",
) -> RuleRecognizer:
    """An id with its own recogniser. ``bare``: its plain digits, an id only where the words say so."""
    context = cue_words(names)
    rules = [
        Rule(
            pattern=BEFORE + pattern + AFTER,
            score=alone,
            digits=digits,
            context=context,
            named=named,
            check=check,
        )
    ]
    if bare:
        rules.append(
            Rule(
                pattern=BEFORE + bare + AFTER,
                score=_WEAK,
                digits=digits,
                context=context,
                named=named,
                check=check,
            )
        )
    return RuleRecognizer(entity, rules, name="".join(map(str.title, entity.split("_"))) + "Recognizer")


def us_ssn() -> RuleRecognizer:
    return _id(
        "US_SSN",
        r"\d{3}([- .])\d{2}\1\d{4}",
        lambda text: None if _us_ssn(text) else False,
        alone=CUED,
        named=0.95,
        digits=9,
        names="ssn|ssns|social|itin",
        bare=r"\d{9}",
    )


def us_itin() -> RuleRecognizer:
    return _id(
        "US_ITIN",
        r"9\d{2}([- ])(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])\1\d{4}",
        None,
        alone=0.88,
        named=0.97,
        digits=9,
        names="itin|itins|taxpayer|irs",
        bare=r"9\d{2}(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])\d{4}",
    )


def uk_nhs() -> RuleRecognizer:
    return _id(
        "UK_NHS",
        r"\d{3}([ -])\d{3}\1\d{4}",
        _presidio(NhsRecognizer()),
        alone=_SHAPED,
        digits=10,
        names="nhs",
        bare=r"\d{10}",
    )


def uk_nino() -> RuleRecognizer:
    return _id(
        "UK_NINO",
        r"(?!(?i:bg|gb|nk|kn|nt|tn|zz))(?i:[abceghj-prstw-z][abceghj-nprstw-z])([ "
        r"-]?)\d{2}\1\d{2}\1\d{2}\1(?i:[a-d])",
        None,
        alone=_STRONG,
        named=CERTAIN,
        digits=6,
        names="nino|insurance|ni|nin",
    )


def in_aadhaar() -> RuleRecognizer:
    return _id(
        "IN_AADHAAR",
        r"[2-9]\d{3}([ -])\d{4}\1\d{4}",
        _presidio(InAadhaarRecognizer()),
        alone=_STRONG,
        digits=12,
        names="aadhaar|aadhar|adhaar|adhar|uidai|uid",
        bare=r"[2-9]\d{11}",
    )


def in_pan() -> RuleRecognizer:
    return _id(
        "IN_PAN",
        r"(?i:[a-z]{3}[abcfghjlpt][a-z])\d{4}(?i:[a-z])",
        None,
        alone=0.8,
        named=0.95,
        digits=4,
        names="pan|permanent|tax",
    )


def es_nif() -> RuleRecognizer:
    check = _es_nif(_presidio(EsNifRecognizer()), _presidio(EsNieRecognizer()))
    return _id(
        "ES_NIF",
        r"(?:[XYZxyz][ -]?\d{7}|\d{8}|\d{2}\.\d{3}\.\d{3})[ -]?(?i:[A-HJ-NP-TV-Z])",
        check,
        alone=CERTAIN,
        digits=7,
        names="nif|nie|dni|documento|cif|identidad|identificación",
    )


def it_fiscal_code() -> RuleRecognizer:
    return _id(
        "IT_FISCAL_CODE",
        r"(?i:[A-Z]{3} ?[A-Z]{3} ?[\dLMNP-V]{2}[ABCDEHLMPRST][\dLMNP-V]{2} ?[A-Z][\dLMNP-V]{3} ?[A-Z])",
        _certainly(_presidio(ItFiscalCodeRecognizer())),
        alone=CERTAIN,
        digits=2,
        names="codice|fiscale|cf|fiscal",
    )


def pl_pesel() -> RuleRecognizer:
    return _id(
        "PL_PESEL",
        r"\d{2}(?:[02468][1-9]|[13579][012])(?:0[1-9]|[12]\d|3[01])\d{5}",
        _presidio(PlPeselRecognizer()),
        alone=0.7,
        digits=11,
        names="pesel",
    )


def sg_nric_fin() -> RuleRecognizer:
    return _id(
        "SG_NRIC_FIN",
        r"(?i:[STFGM])\d{7}(?i:[A-Z])",
        _sg_nric_fin,
        alone=_STRONG,
        digits=7,
        names="nric|fin|singapore|ic",
    )


def au_tfn() -> RuleRecognizer:
    return _id(
        "AU_TFN",
        r"\d{3}([ -])\d{3}\1\d{3}",
        _presidio(AuTfnRecognizer()),
        alone=_SHAPED,
        digits=9,
        names="tfn|tax|ato",
        bare=r"\d{9}",
    )


def au_medicare() -> RuleRecognizer:
    return _id(
        "AU_MEDICARE",
        r"[2-6]\d{3}([ -])\d{5}\1\d(?:[ /-]?[1-9])?",
        _presidio(AuMedicareRecognizer()),
        alone=CUED,
        digits=10,
        names="medicare",
        bare=r"[2-6]\d{9}",
    )


def fi_personal_identity_code() -> RuleRecognizer:
    recognizer = FiPersonalIdentityCodeRecognizer()
    return _id(
        "FI_PERSONAL_IDENTITY_CODE",
        r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]",
        recognizer.validate_result,
        alone=CERTAIN,
        digits=6,
        names="henkilötunnus|hetu|henkilötunnukseni|personbeteckning",
    )


def se_personnummer() -> RuleRecognizer:
    check = _presidio(SePersonnummerRecognizer())
    return _id(
        "SE_PERSONNUMMER",
        r"(?:19|20)?\d{6}[-+]\d{4}",
        check,
        alone=_STRONG,
        digits=10,
        names="personnummer|personnr|samordningsnummer|pnr|svensk",
        bare=r"(?:19|20)?\d{10}",
    )


def de_tax_id() -> RuleRecognizer:
    return _id(
        "DE_TAX_ID",
        r"[1-9]\d ?\d{3} ?\d{3} ?\d{3}",
        _presidio(DeTaxIdRecognizer()),
        alone=_SHAPED,
        digits=11,
        names="steuer|steuerid|idnr|steueridentifikationsnummer|identifikationsnummer|steuernummer"
        "|steuerliche|tin|german|tax",
    )


def fr_nir() -> RuleRecognizer:
    return _id(
        "FR_NIR",
        r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}",
        _fr_nir,
        alone=CERTAIN,
        digits=10,
        names="nir|insee|sécu|sécurité|securite|sociale|social",
    )


def nl_bsn() -> RuleRecognizer:
    return _id(
        "NL_BSN",
        r"\d{4}\.\d{2}\.\d{3}",
        _nl_bsn,
        alone=_SHAPED,
        digits=8,
        names="bsn|burgerservicenummer|sofinummer|sofi|burger",
        bare=r"\d{9}",
    )


def br_cpf() -> RuleRecognizer:
    return _id(
        "BR_CPF",
        r"\d{3}\.\d{3}\.\d{3}-\d{2}",
        _br_cpf,
        alone=CERTAIN,
        digits=11,
        names="cpf",
        bare=r"\d{11}",
    )


def ca_sin() -> RuleRecognizer:
    return _id(
        "CA_SIN",
        r"[1-79]\d{2}([- ])\d{3}\1\d{3}",
        _ca_sin(CaSinRecognizer()),
        alone=_SHAPED + 0.05,
        digits=9,
        names="sin|sins|social|nas",
        bare=r"[1-79]\d{8}",
    )


def kr_rrn() -> RuleRecognizer:
    return _id(
        "KR_RRN",
        r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}",
        _both(_birth_date, _kr_rrn(KrRrnRecognizer())),
        alone=0.8,
        named=0.95,
        digits=13,
        names="rrn|resident|주민등록번호|주민번호|korean|korea",
    )


_NAMES = """
national id|national identity|national identification|national identifier|national insurance|identity card
|identity number|identification number|id card|id number|id no|id document|government id|state id
|personal id|personal identification|personal number|citizen id|citizenship number|civil id|social security
|social insurance|social sec|ssn|social number|tax id|tax identification|tax number|taxpayer|tax file|tin
|itin|nin|curp|rfc|cnp|oib|jmbg|emirates id|residence permit|green card|personalausweis|ausweisnummer
|personalausweisnummer|ausweis|sozialversicherungsnummer|rentenversicherungsnummer|steuernummer|steuer id
|svnr|ahv|carte nationale|carte d'identité|cni|numéro de sécurité sociale|sécurité sociale|numéro fiscal|dni
|nif|nie|documento de identidad|cédula|cedula|seguridad social|número de la seguridad social
|carta d'identità|carta di identità|codice fiscale|tessera sanitaria|numero d'identità|rg|nrc|niss
|rijksregisternummer|bsn|dowód|pesel|nip|numer pesel|personnummer|fødselsnummer|cpr|kimlik|vat id|voter id
|pps|pps number|ppsn|avs|nric|aadhaar|pan|nino|cpf|sin|tfn|nhs number|nhs|medicare
"""


def national_id() -> RuleRecognizer:
    """Any number that its words call an id of the state."""
    names = cue_pattern(_NAMES)
    return RuleRecognizer(
        "NATIONAL_ID",
        [
            Rule(pattern=rf"{names}{LINK}(?P<v>{spaced(6)}|{token(5)})", score=0.75, at=cue_words(_NAMES)),
            Rule(pattern=rf"{names}{GAP}(?P<v>{spaced(6)}|{token(6)})", score=0.5, at=cue_words(_NAMES)),
        ],
        name="NationalIdRecognizer",
    )


RECOGNIZERS = {
    "US_SSN": us_ssn,
    "US_ITIN": us_itin,
    "UK_NHS": uk_nhs,
    "UK_NINO": uk_nino,
    "IN_AADHAAR": in_aadhaar,
    "IN_PAN": in_pan,
    "ES_NIF": es_nif,
    "IT_FISCAL_CODE": it_fiscal_code,
    "PL_PESEL": pl_pesel,
    "SG_NRIC_FIN": sg_nric_fin,
    "AU_TFN": au_tfn,
    "AU_MEDICARE": au_medicare,
    "FI_PERSONAL_IDENTITY_CODE": fi_personal_identity_code,
    "SE_PERSONNUMMER": se_personnummer,
    "DE_TAX_ID": de_tax_id,
    "FR_NIR": fr_nir,
    "NL_BSN": nl_bsn,
    "BR_CPF": br_cpf,
    "CA_SIN": ca_sin,
    "KR_RRN": kr_rrn,
    "NATIONAL_ID": national_id,
}
