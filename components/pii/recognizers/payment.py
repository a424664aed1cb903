"""Cards, bank accounts that check themselves (IBAN), and crypto addresses."""

from hashlib import sha256

from presidio_analyzer.predefined_recognizers import CryptoRecognizer

from components.pii.recognizers.rules import (
    AFTER,
    BEFORE,
    CERTAIN,
    CUED,
    LINK,
    Rule,
    RuleRecognizer,
    cue_pattern,
    cue_words,
)

_BRANDS = "card|cards|visa|mastercard|maestro|amex|american express|discover|diners|diners club|jcb|unionpay"
_CARD_WORDS = (
    "credit|debit|card|cards|visa|mastercard|maestro|amex|american|discover|diners|jcb|unionpay"
    "|cc|pan|cvv|cvc"
    "|kreditkarte|kreditkartennummer|karte|kartennummer|carte|tarjeta|carta|cartão|karta|creditcard|payment"
)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it (ISO/IEC 7812)."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _is_card(text: str) -> bool | None:
    digits = "".join(filter(str.isdigit, text))
    return digits[0] in "23456" and len(set(digits)) > 1 and luhn(digits)


def cards() -> RuleRecognizer:
    """Card numbers by brand and check digit; grouped, masked, or the last four as receipts print them."""
    words = cue_words(_CARD_WORDS)
    brands, at = cue_pattern(_BRANDS), cue_words(_BRANDS)
    masked = r"[*xX•·.#]{1,4}"
    alone = BEFORE + r"(?<!\+)"
    return RuleRecognizer(
        "CREDIT_CARD",
        [
            Rule(
                pattern=alone
                + r"(?:[2-6]\d{12,18}|[2-6]\d{3}([ -])\d{4}\1\d{4}\1\d{1,7}|3\d{3}([ -])\d{6}\2\d{4,5})"
                + AFTER,
                score=0.98,
                digits=12,
                context=words,
                check=_is_card,
            ),
            Rule(pattern=alone + r"\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}" + AFTER, score=0.7, digits=13),
            Rule(pattern=BEFORE + r"3\d{3}([ -])\d{6}\1\d{4,5}" + AFTER, score=0.7, digits=14),
            Rule(
                pattern=alone + r"\d(?:[ -]?\d){11,18}" + AFTER,
                score=0.1,
                digits=12,
                context=words,
                named=0.6,
            ),
            Rule(
                pattern=r"(?<!\w)(?:\d{4}[ -]?)?(?:(?:[*•·]{2,8}|[xX]{3,8})[ -]?){1,5}+\d{3,5}(?!\w)",
                score=0.8,
                marks=("*", "•", "·", "xx", "xX", "Xx", "XX"),
            ),
            Rule(
                pattern=r"(?i:ending|ends|ended|endend|terminant|terminada|che termina)(?i:\s{1,9}(?:in|with"
                r"|on|auf|par|en|con))?\s{0,3}:?\s{0,3}(?P<v>\d{3,5})(?!\w|[-/.]\d)",
                score=0.7,
                at=cue_words("ending|ends|ended|endend|terminant|terminada|che"),
            ),
            Rule(
                pattern=r"(?i:last\s{1,9}(?:four|4)(?:\s{1,9}digits)?)(?i:\s{1,9}(?:is|are|of))?\s{0,3}:?\s{0,3}"
                r"(?P<v>\d{4})\b",
                score=0.7,
                at=cue_words("last"),
            ),
            Rule(
                pattern=rf"{brands}(?i:\s{{1,9}}(?:card|no|number|nr))?\.?\s{{0,2}}[#:(-]?\s{{0,2}}(?P<v>"
                rf"(?:{masked})?\d{{4}})(?![\w-]|[.,]\d| \d)",
                score=0.6,
                at=at,
            ),
            Rule(
                pattern=rf"(?i:cvv2?|cvc2?|cvn|security code){LINK}(?P<v>\d{{3,4}})\b",
                score=0.7,
                at=cue_words("cvv|cvc|cvn|security"),
            ),
        ],
        name="CardRecognizer",
    )


def _is_iban(text: str) -> bool | None:
    """ISO 13616: the country and its check digits to the end, letters as 10 to 35, modulo 97 is 1."""
    compact = "".join(filter(str.isalnum, text)).upper()
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


# The registry of ISO 13616: the length of each country's IBAN.
_IBAN_LENGTHS = """
NO15 BE16 DK18 FI18 FK18 FO18 GL18 NL18 SD18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 MN20 XK20 CH21 HR21 LI21
LV21 BG22 BH22 CR22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23 OM23 SO23 TL23 AD24 CZ24 ES24 MD24
PK24 RO24 SA24 SE24 SK24 TN24 VG24 LY25 PT25 ST25 IS26 TR26 BI27 DJ27 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28
BY28 CY28 DO28 GT28 HN28 HU28 LB28 NI28 PL28 SV28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 YE30 MT31 SC31 LC32
RU33
"""


# Between two characters of an IBAN: its check digits tell whether a line's end belongs to it.
_JOINT = r"(?:[ -]|\r?\n)"


def ibans() -> RuleRecognizer:
    """IBANs, in groups or not, in either case; what follows "IBAN" also if its check digits are wrong.

    Presidio's own writes what it cannot parse to the log.
    """
    countries: dict[int, list[str]] = {}
    for entry in _IBAN_LENGTHS.split():
        countries.setdefault(int(entry[2:]), []).append(entry[:2])
    by_country = "|".join(
        rf"(?i:{'|'.join(codes)})\d\d(?:{_JOINT}?[A-Za-z0-9]){{{length - 4}}}(?![A-Za-z0-9])"
        for length, codes in countries.items()
    )
    return RuleRecognizer(
        "IBAN_CODE",
        [
            Rule(
                pattern=rf"(?<![\w-])(?=[A-Za-z]{{2}}\d\d(?:{_JOINT}?[A-Za-z0-9]){{4}})(?:{by_country})",
                score=CERTAIN,
                digits=2,
                after=48,
                context=frozenset({"iban", "ibans"}),
                check=_is_iban,
            ),
            Rule(
                pattern=rf"(?i:iban){LINK}(?P<v>(?i:[a-z]{{2}})\d\d(?:[ -]?[A-Z0-9]){{8,30}}(?!\w))",
                score=CUED,
                at=frozenset({"iban"}),
            ),
        ],
        name="IbanRecognizer",
    )


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _base58check(text: str) -> bool:
    """The last four bytes are the start of the hash of the hash of the others."""
    number = 0
    for char in text:
        number = number * 58 + _BASE58.index(char)
    raw = number.to_bytes(25, "big") if number.bit_length() <= 200 else b""
    return sha256(sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def _bech32(text: str) -> bool:
    return CryptoRecognizer.validate_bech32_address(text)[0]


_COINS = cue_words(
    "wallet|address|btc|bitcoin|crypto|eth|ethereum|xrp|ripple|ltc|litecoin|doge|dogecoin|xmr"
    "|monero|sol|solana"
    "|trx|tron|usdt|ada|cardano|coin|coins|blockchain|wallets|send|donate|token"
)


def crypto() -> RuleRecognizer:
    """Addresses of wallets: those with a checksum (Bitcoin's kin), Ethereum's, others by their words."""
    return RuleRecognizer(
        "CRYPTO",
        [
            Rule(
                pattern=r"(?<!\w)[13LMDTA9n2m][1-9A-HJ-NP-Za-km-z]{25,33}(?!\w)",
                score=CERTAIN,
                context=_COINS,
                digits=1,
                before=40,
                after=100,
                check=_base58check,
            ),
            Rule(
                pattern=r"(?<!\w)(?i:bc|tb|ltc)1[02-9ac-hj-np-zAC-HJ-NP-Z]{11,71}(?!\w)",
                score=CERTAIN,
                digits=1,
                before=40,
                after=100,
                context=_COINS,
                check=_bech32,
            ),
            Rule(pattern=r"(?<!\w)0x[0-9a-fA-F]{40}(?!\w)", score=0.9, marks=("0x",)),
            Rule(
                pattern=r"(?<!\w)[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}(?!\w)",
                score=0.85,
                digits=1,
                before=40,
                after=100,
            ),
            Rule(
                pattern=r"(?<!\w)(?:addr1[02-9ac-hj-np-z]{50,100}|cosmos1[02-9ac-hj-np-z]{38})(?!\w)",
                score=0.85,
                digits=1,
                before=40,
                after=100,
            ),
            Rule(
                pattern=r"(?<!\w)(?=[A-Za-z]{0,30}\d)(?:r[1-9A-HJ-NP-Za-km-z]{24,34}"
                r"|[1-9A-HJ-NP-Za-km-z]{43,44})(?!\w)",
                score=0.1,
                digits=1,
                before=40,
                after=100,
                context=_COINS,
                named=0.7,
            ),
        ],
        name="CryptoAddressRecognizer",
    )


RECOGNIZERS = {"CREDIT_CARD": cards, "IBAN_CODE": ibans, "CRYPTO": crypto}
