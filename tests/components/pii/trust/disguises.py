"""Personal values, and the ways in which people and programs write them so that a pattern misses them."""

# ruff: noqa: RUF001 (homoglyphs)

import html
import re
import unicodedata
from collections.abc import Callable

VALUES = {
    "phone": ("312-555-0143", "Call me on {} please."),
    "card": ("4539 1488 0343 6467", "Paid with {} yesterday."),
    "email": ("quinn.ito@hotbox.net", "Write to {} please."),
    "ssn": ("536-90-4399", "My SSN is {} as you know."),
    "iban": ("DE89370400440532013000", "Send it to {} please."),
    "person": ("Melania Kowalczyk", "My name is {} and so on."),
}

Disguise = Callable[[str], str]


def _between(mark: str) -> Disguise:
    return mark.join


def _with(old: str, new: str) -> Disguise:
    return lambda value: value.translate(str.maketrans(old, new))


def _each(shape: str) -> Disguise:
    """Every character as the format says, which may use ``c`` and its code ``o``."""
    return lambda value: "".join(shape.format(c=char, o=ord(char)) for char in value)


def _shifted(digits: int, upper: int, lower: int) -> Disguise:
    """Letters and digits from other blocks of Unicode."""

    def shift(char: str) -> str:
        for first, other in (("0", digits), ("A", upper), ("a", lower)):
            size = 10 if first == "0" else 26
            if other and 0 <= ord(char) - ord(first) < size:
                return chr(other + ord(char) - ord(first))
        return char

    return lambda value: "".join(map(shift, value))


def _alone(by: str) -> Disguise:
    """Digits (and what letters are among them) one by one."""
    return lambda value: by.join(filter(str.isalnum, value)) if _is_number(value) else value


def _groups(by: str) -> Disguise:
    return lambda value: value.replace(" ", by).replace("-", by)


def _marked(mark: str) -> Disguise:
    return lambda value: "".join(char + mark for char in value)


def _cut(at: int, first: str, last: str = "") -> Disguise:
    return lambda value: value[:at] + first + value[at:] + last


def _spoken(at: str, dot: str) -> Disguise:
    return lambda value: value.replace(".", dot).replace("@", at) if "@" in value else value


def _first_gap(by: str) -> Disguise:
    return lambda value: re.sub("[ -]", lambda _: by, value, count=1)


def _is_number(value: str) -> bool:
    return any(map(str.isdigit, value))


DISGUISES: dict[str, Disguise] = {
    "none": str,
    "capitals": str.upper,
    "zero-width space": _between("\u200b"),
    "zero-width joiner": _between("\u200d"),
    "byte order mark": _between("\ufeff"),
    "word joiner": _between("\u2060"),
    "soft hyphen": _between("\u00ad"),
    "grapheme joiner": _between("\u034f"),
    "Mongolian vowel separator": _between("\u180e"),
    "Hangul filler": _between("\u3164"),
    "variation selector": _between("\ufe0f"),
    "supplementary variation selector": _between("\U000e0100"),
    "tag character": _between("\U000e0041"),
    "invisible times": _between("\u2062"),
    "right-to-left mark": _between("\u200f"),
    "right-to-left override": lambda value: f"\u202e{value}\u202c",
    "backwards": lambda value: f"\u202e{value[::-1]}\u202c",
    "isolate": lambda value: f"\u2067{value}\u2069",
    "NUL": _between("\0"),
    "bell": _between("\a"),
    "backspace": _between("\b"),
    "delete": _between("\x7f"),
    "C1 control": _between("\x85"),
    "terminal colours": _cut(4, "\x1b[1;31m", "\x1b[0m"),
    "Cyrillic": _with("aceopxyiABCEHKMOPTX", "асеорхуіАВСЕНКМОРТХ"),
    "Greek": _with("oABEZHIKMNOPTYX", "οΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"),
    "full width": lambda value: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in value),
    "mathematical bold": _shifted(0x1D7CE, 0x1D400, 0x1D41A),
    "mathematical monospace": _shifted(0x1D7F6, 0x1D670, 0x1D68A),
    "circled digits": _with("0123456789", "⓪①②③④⑤⑥⑦⑧⑨"),
    "circled letters": _shifted(0, 0x24B6, 0x24D0),
    "negative circled letters": _shifted(0, 0x1F150, 0x1F150),
    "parenthesised digits": _with("123456789", "⑴⑵⑶⑷⑸⑹⑺⑻⑼"),
    "digits with full stops": _with("123456789", "⒈⒉⒊⒋⒌⒍⒎⒏⒐"),
    "superscripts": _with("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"),
    "subscripts": _shifted(0x2080, 0, 0),
    "keycaps": lambda value: "".join(f"{c}\ufe0f\u20e3" if c.isdigit() else c for c in value),
    "Arabic digits": _shifted(0x660, 0, 0),
    "Devanagari digits": _shifted(0x966, 0, 0),
    "ligature": lambda value: value.replace("ij", "ĳ").replace("fi", "ﬁ"),
    "accents": lambda value: "".join(f"{c}\u0301" if c.isalnum() else c for c in value),
    "struck through": _marked("\u0336"),
    "many marks": _marked("\u0300\u0316\u0334"),
    "no-break spaces": _groups("\u00a0"),
    "thin spaces": _groups("\u2009"),
    "narrow no-break spaces": _groups("\u202f"),
    "ideographic spaces": _groups("\u3000"),
    "hair spaces between": _between("\u200a"),
    "spaces between": _between(" "),
    "no-break hyphens": _groups("\u2011"),
    "minus signs": _groups("\u2212"),
    "en dashes": _groups("\u2013"),
    "digits and spaces": _alone(" "),
    "digits and dots": _alone("."),
    "digits and slashes": _alone("/"),
    "digits and hyphens": _alone("-"),
    "digits and underscores": _alone("_"),
    "digits and commas": _alone(", "),
    "dots": _groups("."),
    "slashes": _groups("/"),
    "underscores": _groups("_"),
    "commas": _groups(","),
    "bars": _groups("|"),
    "middle dots": _groups(" · "),
    "two spaces": _groups("  "),
    "tabs": _groups("\t"),
    "vertical tabs": _groups("\v"),
    "HTML around": lambda value: f"<b>{value}</b>",
    "HTML inside": _cut(4, "<i>", "</i>"),
    "HTML with attributes": _cut(4, '<span style="color:#112233">', "</span>"),
    "own elements": _cut(4, "<x-y>", "</x-y>"),
    "HTML comment": _cut(4, "<!-- x -->"),
    "<wbr>": _between("<wbr>"),
    "<br>": _cut(5, "<br/>"),
    "entities": _each("&#{o};"),
    "hexadecimal entities": _each("&#x{o:x};"),
    "long entities": _each("&#{o:09d};"),
    "entities twice": _each("&amp;#{o};"),
    "named entities": _between("&shy;"),
    "Markdown around": lambda value: f"**{value}**",
    "Markdown inside": lambda value: f"{value[0]}**{value[1:3]}**{value[3:]}",
    "Markdown code": lambda value: f"`{value}`",
    "Markdown link": lambda value: f"[{value}](https://a.org)",
    "Markdown heading": lambda value: f"\n# {value}\n",
    "Markdown table": lambda value: f"| {value} |",
    "Markdown escapes": lambda value: re.sub(r"([-.@ ])", r"\\\1", value),
    "JSON": lambda value: f'{{"x": "a\\n{value}\\t"}}',
    "JSON escapes": _each("\\u{o:04x}"),
    "JavaScript escapes": _each("\\x{o:02x}"),
    "JavaScript braces": _each("\\u{{{o:x}}}"),
    "URL escapes": _each("%{o:02x}"),
    "some URL escapes": lambda value: value.replace("@", "%40").replace(" ", "%20").replace("-", "%2D"),
    "soft line end": _cut(5, "=\n"),
    "newline for a gap": _first_gap("\n"),
    "newline after a gap": _first_gap("-\r\n"),
    "newline inside": _cut(6, "\n"),
    "at, dot": _spoken(" at ", " dot "),
    "[at], [dot]": _spoken(" [at] ", " [dot] "),
    "(at), (dot)": _spoken("(AT)", "(DOT)"),
    "_at_, _dot_": _spoken("_at_", "_dot_"),
    "-at-, -dot-": _spoken("-at-", "-dot-"),
    "only at": _spoken(" at ", "."),
    "spaces around the at": _spoken(" @ ", " . "),
    "full-width at": _spoken("\uff20", "\u3002"),
    "Japanese around": lambda value: f"電話{value}です",
    "Arabic around": lambda value: f"هاتف{value}ه",
    "emoji around": lambda value: f"\U0001f4de{value}\U0001f4de",
    "letters around": lambda value: f"xx{value}xx",
    "letters for digits": lambda value: _with("01", "Ol")(value) if _is_number(value) else value,
    "flags": _shifted(0, 0x1F1E6, 0x1F1E6),
}

_TAG = re.compile(r"<!--.*?-->|</?[a-z][^<>]*>")
_CODE = re.compile(r"\\u\{?([0-9a-f]{2,4})\}?|\\x([0-9a-f]{2})|%([0-9a-fA-F]{2})")
_LABEL = re.compile(r"<[A-Z_]+>")
_LOOKALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеіјорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧοĳ", "ABESIJKMHOPCTYXaeijopcyxABEZHIKMNOPTYXoy"
)
_PART = 4


def _letters(text: str) -> str:
    """The Latin letters and digits that a stubborn reader gets out of a text, without the scrubber's code."""
    text = _TAG.sub("", html.unescape(html.unescape(text)))
    text = _CODE.sub(lambda code: chr(int(next(filter(None, code.groups())), 16)), text)
    return "".join(map(_letter, unicodedata.normalize("NFKD", text.translate(_LOOKALIKES)))).lower()


def _letter(char: str) -> str:
    for first in (0x1F150, 0x1F1E6):
        if 0 <= ord(char) - first < 26:
            return chr(ord("A") + ord(char) - first)
    if (digit := unicodedata.digit(char, None)) is not None:
        return str(digit)
    return char if char.isascii() and char.isalnum() else ""


def leaks(value: str, scrubbed: str) -> bool:
    """Whether four letters or digits of the value, one after the other, are left in a text, as they are or
    under any disguise."""
    left = " \u2603 ".join(_letters(part) for part in _LABEL.split(scrubbed))
    said = _letters(value)
    parts = {said[at : at + _PART] for at in range(len(said) - _PART + 1)}
    raw = {value[at : at + _PART] for at in range(len(value) - _PART + 1)}
    return any(part in left or part[::-1] in left for part in parts) or any(part in scrubbed for part in raw)
