"""Invented numbers that have the form, and the check digits, of real ones."""

import hashlib
import string
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from random import Random

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType
from stdnum import luhn, verhoeff
from stdnum.es import dni
from stdnum.fr import nir
from stdnum.iso7064 import mod_11_10, mod_97_10
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.pl import pesel

_CONSONANTS = "BCDFGLMNPRSTVZ"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PLATE_LETTERS = "ABCDEFGHJKLMNPRSTVWXYZ"


def digits(rng: Random, count: int, first: str = "0123456789") -> str:
    """A number of this many digits; the first is one of ``first``."""
    return rng.choice(first) + "".join(rng.choice("0123456789") for _ in range(count - 1))


def letters(rng: Random, count: int) -> str:
    """Capital letters."""
    return "".join(rng.choice(string.ascii_uppercase) for _ in range(count))


def filled(rng: Random, form: str) -> str:
    """``#`` becomes a digit, ``?`` a capital letter, ``^`` a letter or digit."""
    choices = {"#": "0123456789", "?": _PLATE_LETTERS, "^": _PLATE_LETTERS + "23456789"}
    return "".join(rng.choice(choices[char]) if char in choices else char for char in form)


def birthday(rng: Random) -> date:
    """Someone's who is 18 to 90 years old in 2025."""
    return date(2007, 1, 1) - timedelta(days=rng.randrange(72 * 365))


def _grouped(number: str, *sizes: int, by: str = " ") -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return by.join(parts)


def us_ssn(rng: Random) -> str:
    area = rng.choice([n for n in range(1, 900) if n != 666])
    return rng.choice("-- ").join((f"{area:03}", f"{rng.randint(1, 99):02}", f"{rng.randint(1, 9999):04}"))


def us_itin(rng: Random) -> str:
    group = rng.choice([n for n in range(70, 100) if n not in (89, 93)])
    return f"9{digits(rng, 2)}-{group}-{digits(rng, 4)}"


def uk_nhs(rng: Random) -> str:
    while True:
        stem = digits(rng, 9, "4679")
        check = 11 - sum(weight * int(d) for weight, d in zip(range(10, 1, -1), stem, strict=True)) % 11
        if check != 10:
            number = stem + str(check % 11)
            return rng.choice((_grouped(number, 3, 3, 4), _grouped(number, 3, 3, 4, by="-"), number))


def uk_nino(rng: Random) -> str:
    prefix = rng.choice("ABCEGHJKLMPRSWXYZ") + rng.choice("ABCEGHJKLMPRSWXYZ")
    if prefix in ("BG", "GB", "KN", "NK", "ZZ"):
        prefix = "AB"
    number = prefix + digits(rng, 6) + rng.choice("ABCD")
    return rng.choice((_grouped(number, 2, 2, 2, 2, 1), number))


def in_aadhaar(rng: Random) -> str:
    while True:
        stem = digits(rng, 11, "23456789")
        number = stem + verhoeff.calc_check_digit(stem)
        if number != number[::-1]:
            return rng.choice((_grouped(number, 4, 4, 4), _grouped(number, 4, 4, 4, by="-"), number))


def in_pan(rng: Random) -> str:
    return letters(rng, 3) + "P" + letters(rng, 1) + f"{rng.randint(1, 9999):04}" + letters(rng, 1)


def es_nif(rng: Random) -> str:
    stem = digits(rng, 8)
    if rng.random() < 0.3:
        nie = rng.choice("XYZ") + stem[:7]
        return nie + dni.calc_check_digit(str("XYZ".index(nie[0])) + nie[1:])
    return stem + rng.choice(("", "", "-")) + dni.calc_check_digit(stem)


def it_fiscal_code(rng: Random) -> str:
    born = birthday(rng)
    name = "".join(rng.choice(_CONSONANTS) for _ in range(6))
    day = born.day + rng.choice((0, 40))
    town = rng.choice("ABCDEFGHIL") + f"{rng.randint(1, 999):03}"
    stem = f"{name}{born:%y}{'ABCDEHLMPRST'[born.month - 1]}{day:02}{town}"
    return stem + codicefiscale.calc_check_digit(stem)


def pl_pesel(rng: Random) -> str:
    born = birthday(rng)
    month = born.month + (20 if born.year >= 2000 else 0)
    stem = f"{born:%y}{month:02}{born:%d}{digits(rng, 4)}"
    return stem + pesel.calc_check_digit(stem)


def sg_nric_fin(rng: Random) -> str:
    kind, number = rng.choice("STFG"), digits(rng, 7)
    total = sum(w * int(d) for w, d in zip((2, 7, 6, 5, 4, 3, 2), number, strict=True)) + 4 * (kind in "TG")
    return kind + number + ("JZIHGFEDCBA" if kind in "ST" else "XWUTRQPNMLK")[total % 11]


def au_tfn(rng: Random) -> str:
    while True:
        number = digits(rng, 9, "123456789")
        if sum(w * int(d) for w, d in zip((1, 4, 3, 7, 5, 8, 6, 9, 10), number, strict=True)) % 11 == 0:
            return rng.choice((_grouped(number, 3, 3, 3), number))


def au_medicare(rng: Random) -> str:
    stem = digits(rng, 8, "23456")
    check = sum(w * int(d) for w, d in zip((1, 3, 7, 9, 1, 3, 7, 9), stem, strict=True)) % 10
    number = stem + str(check) + rng.choice("12345")
    return rng.choice((_grouped(number, 4, 5, 1), number))


def fi_personal_identity_code(rng: Random) -> str:
    born = birthday(rng)
    stem = f"{born:%d%m%y}{rng.randint(2, 899):03}"
    sign = "-" if born.year < 2000 else "A"
    return f"{stem[:6]}{sign}{stem[6:]}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(stem) % 31]}"


def se_personnummer(rng: Random) -> str:
    born = birthday(rng)
    stem = f"{born:%y%m%d}{digits(rng, 3)}"
    check = luhn.calc_check_digit(stem)
    return rng.choice((f"{born:%Y%m%d}", f"{born:%y%m%d}")) + "-" + stem[6:] + check


def de_tax_id(rng: Random) -> str:
    # Of the first ten digits one stands twice, one not at all, the others once.
    chosen = rng.sample("0123456789", 9)
    stem = [*chosen, rng.choice(chosen)]
    rng.shuffle(stem)
    if stem[0] == "0":
        stem.reverse()
    if stem[0] == "0":
        return de_tax_id(rng)
    number = "".join(stem)
    number += mod_11_10.calc_check_digit(number)
    return rng.choice((_grouped(number, 2, 3, 3, 3), number))


def fr_nir(rng: Random) -> str:
    born = birthday(rng)
    place = f"{rng.randint(1, 95):02}{rng.randint(1, 600):03}{rng.randint(1, 900):03}"
    stem = f"{rng.choice('12')}{born:%y%m}{place}"
    number = stem + nir.calc_check_digits(stem)
    return rng.choice((_grouped(number, 1, 2, 2, 2, 3, 3, 2), number))


def nl_bsn(rng: Random) -> str:
    while True:
        number = digits(rng, 9, "123456789")
        total = sum(w * int(d) for w, d in zip((9, 8, 7, 6, 5, 4, 3, 2, -1), number, strict=True))
        if total % 11 == 0:
            return rng.choice((number, number, _grouped(number, 4, 2, 3, by=".")))


def br_cpf(rng: Random) -> str:
    number = digits(rng, 9)
    for length in (10, 11):
        check = -sum(w * int(d) for w, d in zip(range(length, 1, -1), number, strict=True)) % 11
        number += str(check % 10)
    return rng.choice((f"{_grouped(number, 3, 3, 3, by='.')}-{number[9:]}", number))


def ca_sin(rng: Random) -> str:
    stem = digits(rng, 8, "1234567")
    number = stem + luhn.calc_check_digit(stem)
    return rng.choice((_grouped(number, 3, 3, 3), _grouped(number, 3, 3, 3, by="-"), number))


def kr_rrn(rng: Random) -> str:
    born = birthday(rng)
    stem = f"{born:%y%m%d}{rng.choice('12' if born.year < 2000 else '34')}{digits(rng, 5)}"
    return f"{stem[:6]}-{stem[6:]}{rrn.calc_check_digit(stem)}"


NATIONAL_IDS: dict[str, tuple[Callable[[Random], str], tuple[str, ...]]] = {
    "US_SSN": (us_ssn, ("SSN", "Social Security number", "social security no.", "ssn")),
    "US_ITIN": (us_itin, ("ITIN", "individual taxpayer id", "taxpayer identification number (ITIN)")),
    "UK_NHS": (uk_nhs, ("NHS number", "NHS no", "NHS No.")),
    "UK_NINO": (uk_nino, ("National Insurance number", "NI number", "NINO")),
    "IN_AADHAAR": (in_aadhaar, ("Aadhaar", "Aadhaar number", "aadhaar no")),
    "IN_PAN": (in_pan, ("PAN", "PAN card", "permanent account number")),
    "ES_NIF": (es_nif, ("DNI", "NIF", "DNI/NIE")),
    "IT_FISCAL_CODE": (it_fiscal_code, ("codice fiscale", "fiscal code", "CF")),
    "PL_PESEL": (pl_pesel, ("PESEL", "PESEL number")),
    "SG_NRIC_FIN": (sg_nric_fin, ("NRIC", "NRIC/FIN", "FIN")),
    "AU_TFN": (au_tfn, ("TFN", "tax file number")),
    "AU_MEDICARE": (au_medicare, ("Medicare number", "Medicare card no.")),
    "FI_PERSONAL_IDENTITY_CODE": (fi_personal_identity_code, ("HETU", "Finnish personal identity code")),
    "SE_PERSONNUMMER": (se_personnummer, ("personnummer", "Swedish personal number")),
    "DE_TAX_ID": (de_tax_id, ("Steuer-ID", "German tax ID", "steuerliche Identifikationsnummer")),
    "FR_NIR": (fr_nir, ("numéro de sécurité sociale", "French social security number", "NIR")),
    "NL_BSN": (nl_bsn, ("BSN", "burgerservicenummer")),
    "BR_CPF": (br_cpf, ("CPF", "CPF no.")),
    "CA_SIN": (ca_sin, ("SIN", "social insurance number")),
    "KR_RRN": (kr_rrn, ("RRN", "resident registration number")),
}
"""How each national number is made, and what stands before it."""

_OTHER_IDS = (
    ("national ID", "########"),
    ("national identity number", "##-#######-#"),
    ("citizen ID no.", "#-####-#####-##-#"),
    ("tax identification number", "###-###-###"),
    ("ID card number", "??######"),
    ("identity card no.", "?########"),
    ("PPS number", "#######?"),
    ("AHV number", "756.####.####.##"),
    ("CURP", "????######H?????##"),
    ("social security ID", "## ###### ? ###"),
    ("personal identification number", "######/####"),
)


def other_national_id(rng: Random) -> tuple[str, str]:
    """A cue and a number, of countries that have no entity type of their own."""
    cue, form = rng.choice(_OTHER_IDS)
    return cue, filled(rng, form)


def credit_card(rng: Random) -> str:
    prefix, length = rng.choice((("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("37", 15), ("6011", 16)))
    stem = prefix + digits(rng, length - 1 - len(prefix))
    number = stem + luhn.calc_check_digit(stem)
    sizes = (4, 6, 5) if length == 15 else (4, 4, 4, 4)
    return rng.choice((number, _grouped(number, *sizes), _grouped(number, *sizes, by="-")))


# The SWIFT registry's structures: n is a digit, a is a capital letter.
_IBANS = {
    "dev": ("DE18n", "GB4a14n", "FR23n", "NL4a10n", "ES20n", "IT1a22n", "PL24n", "SE20n"),
    "unseen": ("AT16n", "BE12n", "CH17n", "DK14n", "FI14n", "IE4a14n", "NO11n", "PT21n", "CZ20n", "DE18n"),
}


def iban(rng: Random, part: str) -> str:
    form = rng.choice(_IBANS[part])
    country, rest, body = form[:2], form[2:], ""
    while rest:
        size = rest[: next(i for i, char in enumerate(rest) if char in "na")]
        make = digits if rest[len(size)] == "n" else letters
        body += make(rng, int(size))
        rest = rest[len(size) + 1 :]
    number = country + mod_97_10.calc_check_digits(f"{body}{country}") + body
    sizes = [4] * (len(number) // 4) + ([len(number) % 4] if len(number) % 4 else [])
    return rng.choice((number, _grouped(number, *sizes), _grouped(number, *sizes)))


REGIONS = {
    "dev": ("US",) * 6 + ("GB",) * 3 + ("IN", "DE", "FR", "ES", "IT", "NL", "PL", "BR", "SE"),
    "unseen": ("US",) * 6
    + ("GB",) * 3
    + ("AU", "CA", "IE", "IN", "FI", "DK", "NO", "PT", "CZ", "TR", "AT")
    + ("MX", "CH", "NZ", "DE", "FR", "ZA", "SG", "JP"),
}
"""Whose telephone numbers are drawn, by part."""


@cache
def _example(region: str, kind: int) -> PhoneNumber:
    number = phonenumbers.example_number_for_type(region, kind)
    if number is None:
        raise ValueError(f"phonenumbers has no example of type {kind} for region {region}.")
    return number


def _example_like(example: PhoneNumber, keep: int, rng: Random) -> PhoneNumber:
    """The example with other digits after the first ``keep``."""
    number = PhoneNumber()
    number.merge_from(example)
    stem = str(example.national_number)
    number.national_number = int(stem[:keep] + digits(rng, len(stem) - keep))
    return number


def phone(rng: Random, part: str) -> str:
    """A valid number of some country, as people write it: national or international, any separators."""
    region = rng.choice(REGIONS[part])
    example = _example(region, rng.choice((PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)))
    number = example
    for keep in (2, 2, 3, 3, 4, 4, 5, 6):
        trial = _example_like(example, keep, rng)
        if phonenumbers.is_valid_number_for_region(trial, region):
            number = trial
            break
    forms = (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164)
    written = phonenumbers.format_number(number, rng.choices(forms, (5, 4, 1))[0])
    roll = rng.random()
    if roll < 0.15:
        written = written.replace("-", ".").replace(") ", ".").replace("(", "").replace(" ", ".")
    elif roll < 0.3:
        written = written.replace("-", " ")
    elif roll < 0.4:
        written = written.replace(" ", "-").replace(")-", ")")
    elif roll < 0.5:
        written = "".join(char for char in written if char in "+0123456789")
    elif roll < 0.55 and written.startswith("+"):
        written = "00" + written[1:]
    if region == "US" and rng.random() < 0.08:
        written += rng.choice((" x", " ext. ", " ext ")) + digits(rng, 3)
    return written


def ip_address(rng: Random) -> str:
    roll = rng.random()
    if roll < 0.6:
        return ".".join(str(rng.randint(1, 223)) for _ in range(4))
    if roll < 0.75:
        return rng.choice(("192.168.{}.{}", "10.0.{}.{}", "172.16.{}.{}")).format(
            rng.randint(0, 255), rng.randint(1, 254)
        )
    groups = [f"{rng.randrange(1, 65536):x}" for _ in range(8)]
    if roll < 0.9:
        return f"2001:db8:{':'.join(groups[:2])}::{groups[3]}"
    return ":".join(groups)


def mac_address(rng: Random) -> str:
    octets = [f"{rng.randrange(256):02x}" for _ in range(6)]
    roll = rng.random()
    if roll < 0.2:
        joined = "".join(octets)
        return _grouped(joined, 4, 4, 4, by=".")
    written = (":" if roll < 0.7 else "-").join(octets)
    return written.upper() if rng.random() < 0.5 else written


_PLATES = {
    "dev": ("??## ???", "###-???", "? ?? ####", "??-###-??", "#### ???", "??-##-??", "??? ##?", "?-?? ###"),
    "unseen": ("??## ???", "### ???", "???-###", "?? ## ??", "#?? ####", "###-?-###", "?? #####", "???####"),
}


def plate(rng: Random, part: str) -> str:
    return filled(rng, rng.choice(_PLATES[part]))


def crypto(rng: Random) -> str:
    """A Bitcoin address with its checksum (two forms), or an Ethereum address."""
    payload = rng.randbytes(20)
    if rng.random() < 0.35:
        return "0x" + payload.hex()
    versioned = rng.choice((b"\x00", b"\x05")) + payload
    full = versioned + hashlib.sha256(hashlib.sha256(versioned).digest()).digest()[:4]
    number, encoded = int.from_bytes(full, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        encoded = _BASE58[rest] + encoded
    return "1" * (len(full) - len(full.lstrip(b"\x00"))) + encoded


def coordinates(rng: Random) -> str:
    lat, lon = rng.uniform(-60, 70), rng.uniform(-170, 170)
    roll = rng.random()
    if roll < 0.6:
        places = rng.choice((4, 5, 6))
        return f"{lat:.{places}f}{rng.choice((', ', ',', ', '))}{lon:.{places}f}"
    if roll < 0.8:
        return f"{abs(lat):.4f}° {'NS'[lat < 0]}, {abs(lon):.4f}° {'EW'[lon < 0]}"
    return f"{_sexagesimal(lat, 'NS')} {_sexagesimal(lon, 'EW')}"


def _sexagesimal(angle: float, sides: str) -> str:
    seconds = round(abs(angle) * 3600)
    return f"{seconds // 3600}°{seconds // 60 % 60:02}'{seconds % 60:02}\"{sides[angle < 0]}"


_PASSPORTS = {
    "dev": ("#########", "?########", "C####^###", "##??#####", "?#######"),
    "unseen": ("#########", "??#######", "?########", "######^^", "??######"),
}
_LICENCES = {
    "dev": ("?#######", "?###-####-####", "#########", "?????######??#??", "##########"),
    "unseen": ("?########", "?##-##-####", "########", "??######?", "?????-######-#####"),
}
_ACCOUNTS = {
    "dev": ("########", "##########", "####-####-##", "M-######", "AC#######", "######-#", "C#########"),
    "unseen": (
        "########",
        "###########",
        "### ### ###",
        "MEM#######",
        "P-###-####",
        "###-######",
        "U########",
    ),
}
_RECEIPTS = {
    "dev": (
        "######",
        "INV-20##-####",
        "###-#######-#######",
        "^^^^^^",
        "ORD#######",
        "R-######",
        "####/20##",
    ),
    "unseen": ("#######", "20##-#####", "???-########", "^^^^^^^", "SO-#####-?", "######-##", "BK########"),
}


def passport(rng: Random, part: str) -> str:
    return filled(rng, rng.choice(_PASSPORTS[part]))


def licence(rng: Random, part: str) -> str:
    return filled(rng, rng.choice(_LICENCES[part]))


def account(rng: Random, part: str) -> str:
    return filled(rng, rng.choice(_ACCOUNTS[part]))


def receipt(rng: Random, part: str) -> str:
    number = filled(rng, rng.choice(_RECEIPTS[part]))
    return number if any(char.isdigit() for char in number) else "7" + number[1:]
