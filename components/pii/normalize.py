"""Hostile text made readable for patterns and models, with the way back to the text as it is.

Zero-width characters, homoglyphs, mark-up inside a number, digits one by one, "ana [at] example [dot] com":
each hides a value from a pattern and from no reader. What is found in the readable text is removed from the
original, with everything that stood in between.
"""

import base64
import binascii
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import regex

from components.pii.findings import Finding
from components.pii.markup import Edit, controls, emphasis, escapes, markup
from components.pii.recognizers.rules import compile_pattern
from components.pii.recognizers.sieve import Sieve, in_ascii


class _Pass:
    """One round of edits, and the way back through it."""

    def __init__(self, text: str, edits: list[Edit]) -> None:
        parts: list[str] = []
        self._edits = edits
        self._new_starts: list[int] = []
        self._new_ends: list[int] = []
        kept_to = length = 0
        for edit in edits:
            parts += [text[kept_to : edit.start], edit.text]
            length += edit.start - kept_to
            self._new_starts.append(length)
            length += len(edit.text)
            self._new_ends.append(length)
            kept_to = edit.end
        self.text = "".join([*parts, text[kept_to:]])

    def old_start(self, position: int) -> int:
        """Where the character at ``position`` began."""
        at = bisect_right(self._new_ends, position)
        if at < len(self._edits) and self._new_starts[at] <= position:
            return self._edits[at].start
        return position + (self._edits[at - 1].end - self._new_ends[at - 1] if at else 0)

    def old_end(self, position: int) -> int:
        """Where the character before ``position`` ended."""
        at = bisect_left(self._new_starts, position)
        if at and self._new_ends[at - 1] >= position:
            return self._edits[at - 1].end
        return position + (self._edits[at - 1].end - self._new_ends[at - 1] if at else 0)


class Normalized(NamedTuple):
    """A readable text, and the edits that led to it. The repr shows neither."""

    text: str
    offsets: tuple[_Pass, ...] = ()

    def __repr__(self) -> str:
        return f"Normalized({len(self.text)} characters, {len(self.offsets)} passes)"

    def to_original(self, finding: Finding) -> Finding:
        """A finding in the readable text, as the span of the original that it was made of."""
        if not self.offsets:
            return finding
        start, end = finding.start, finding.end
        for one in reversed(self.offsets):
            # A character that was put in between has no place of its own: its neighbours' may cross.
            start, end = sorted((one.old_start(start), one.old_end(end)))
        return finding._replace(start=start, end=end)


class _Sieved:
    """A pattern that few texts have, and its sieve, which tells so in a fraction of the time."""

    def __init__(self, pattern: str) -> None:
        self._sieve = Sieve([pattern])
        self._pattern = compile_pattern(pattern)

    def search(self, text: str) -> bool:
        return bool(self._sieve.passing(in_ascii(text))) and self._pattern.search(text) is not None


_AT_WORD = r"(?i:at|arroba|chiocciola|arobase)"
_DOT_WORD = r"(?i:dot|punkt|punto)"
# What follows the @ of an address is no price: "7 pens @ 28.56".
_NO_PRICE = (
    rf"(?!\s?[0-9]{{1,12}}(?:[.,][0-9]{{1,3}}){{0,4}}(?![\w.@-]|\s{{0,2}}[.\[({{<]|\s{{1,2}}{_DOT_WORD}))"
)
# In ASCII only these need more than a look: a control character, an entity, a tag, emphasis, an escape, lone
# letters or digits in a row, groups of digits with something odd between them, "at" for "@".
_ASCII_SUSPECT = _Sieved(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|&[#A-Za-z]|<[/!A-Za-z]|\*\w|\w\*|__|~~|`|(?<!\w)_\w"
    r"|\\[-unrtx!-/:@\[\]_`{|}~ ]|%[0-9A-Fa-f]{2}|=(?:\r?\n|2D|2E|[24]0[A-Za-z])|[-_](?i:at)[-_]"
    r"|[0-9][ ._/,-]{1,3}[0-9][ ._/,-]{1,3}[0-9][ ._/,-]{1,3}[0-9][ ._/,-]"
    r"|[0-9]{3}(?!([ -])[0-9]{2,4}\1[0-9]{4}|\.[0-9]{2,3}\.[0-9]{4})"
    r"[^0-9A-Za-z]{1,3}[0-9]{2,4}[^0-9A-Za-z]{1,3}[0-9]{4}"
    r"|(?<!\w)[A-Za-z](?: [A-Za-z](?!\w)){3}"
    r"|[\[({]\s?(?i:at|dot|@)\s?[\])}]|\s(?i:dot)\s|\s(?i:at)\s[a-z0-9-]{1,63}\.[a-z]"
    rf"|\w @{_NO_PRICE}|@ {_NO_PRICE}\w"
)


def normalize(text: str) -> Normalized:
    """The text as its reader sees it; the text itself, at once, where there is nothing to do.

    Folded are: compatibility characters (NFKC), other scripts' letters inside Latin words, every script's
    digits, spaces and dashes. Left out are: zero-width and control characters, marks on characters that bear
    none, HTML tags without attributes that tell something, Markdown's emphasis, what separates letters and
    digits that stand one by one. Decoded are HTML entities, the escapes of JSON, Markdown and web addresses,
    and spelt-out e-mail addresses. A text that is written backwards is read both ways. Base64 is left as it
    is: see :func:`looks_encoded`.
    """
    if text.isascii() and not _ASCII_SUSPECT.search(text):
        return Normalized(text)
    passes: list[_Pass] = []
    for find_edits in _PASSES:
        if edits := list(find_edits(text)):
            passes.append(_Pass(text, edits))
            text = passes[-1].text
    return Normalized(text, tuple(passes))


_INVISIBLE = frozenset({"Cf", "Cc", "Cn", "Co"})
_IGNORED = regex.compile(r"[\p{Default_Ignorable_Code_Point}\u2800]")
_MARKED = regex.compile(r"\P{M}\p{M}{1,20}+|[^\x00-\x7f]")
# A mark that the character does not bear hides it: what is under it counts.
_BARE = regex.compile(r"[\p{Latin}\p{Common}]")
_MARKED_DIGIT = regex.compile(r"[0-9]\p{M}")
_MARKS = frozenset({"Mn", "Me"})
_DASHES = frozenset("\u02d7\u06d4\u2043\u2212\u23af\u2500\u30fc\u3161\uff70\u2796")
_SIGNS = {"\uff0e": ".", "\u3002": ".", "\u2024": ".", "\u066b": ".", "\u201a": ","}
# Letters in circles and squares that NFKC leaves as they are.
_ENCLOSED = {first + at: chr(ord("A") + at) for first in (0x1F150, 0x1F170) for at in range(26)}


@lru_cache(maxsize=8192)
def _fold(piece: str) -> str:
    base, marks = piece[0], piece[1:]
    if not base.isascii() and (digit := unicodedata.digit(base, None)) is not None:
        base = str(digit)
    elif ord(base) in _ENCLOSED:
        base = _ENCLOSED[ord(base)]
    folded = unicodedata.normalize("NFKC", _IGNORED.sub("", base + marks))
    if marks and len(folded) > 1 and _BARE.match(base):
        folded = base
    elif unicodedata.category(folded[:1] or "a") in _MARKS:
        folded = ""
    return "".join(map(_fold_one, folded))


def _fold_one(char: str) -> str:
    if char.isascii():
        return char
    category = unicodedata.category(char)
    if category in _INVISIBLE:
        return ""
    if category == "Cs":
        return "\ufffd"
    if category in ("Zs", "Zl", "Zp"):
        return " " if category == "Zs" else "\n"
    if category == "Pd" or char in _DASHES:
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(char))
    return _SIGNS.get(char, char)


def _characters(text: str) -> Iterator[Edit]:
    if text.isascii() or not any(
        char > "\x7f" and (_fold(char) != char or unicodedata.category(char)[0] == "M") for char in set(text)
    ):
        return
    hidden = _MARKED_DIGIT.search(text) is not None
    for match in _MARKED.finditer(text):
        piece = match.group()
        if hidden and len(piece) > 1 and _BARE.match(piece):
            yield Edit(match.start(), match.end(), _fold(piece[0]))
            continue
        if piece not in _DIRECTIONS and (folded := _fold(piece)) != piece:
            yield Edit(match.start(), match.end(), folded)


_DIRECTIONS = frozenset("\u202d\u202e\u202c")
_BACKWARDS = regex.compile(r"\u202e([^\u202c\u202e\n]{1,500}+)\u202c?|[\u202c\u202d\u202e]")


def _directions(text: str) -> Iterator[Edit]:
    """What is shown from right to left, both ways; overrides without a text are left out."""
    if not text.isascii() and not _DIRECTIONS.isdisjoint(text):
        for match in _BACKWARDS.finditer(text):
            shown = f"{match[1]}\n{match[1][::-1]}" if match[1] else ""
            yield Edit(match.start(), match.end(), shown)


# Letters that look like Latin ones: Cyrillic, then Greek.
_LOOKALIKES = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеіјорсухѕԁһԛԝгѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορτυχϲ",
        "ABESIJKMHOPCTYXaeijopcyxsdhqwrvABEZHIKMNOPTYXaiKvoptuxc",
        strict=True,
    )
)
_MIXED = regex.compile(r"[\p{Cyrillic}\p{Greek}]")
_LATIN_OR_DIGIT = regex.compile(r"[A-Za-z0-9]")
_RUN = regex.compile(r"[\w.@+-]{2,200}+")


def _homoglyphs(text: str) -> Iterator[Edit]:
    if text.isascii() or not _MIXED.search(text):
        return
    for run in _RUN.finditer(text):
        word = run.group()
        if _MIXED.search(word) and _LATIN_OR_DIGIT.search(word):
            for at, char in enumerate(word, run.start()):
                if char in _LOOKALIKES:
                    yield Edit(at, at + 1, _LOOKALIKES[char])


_FOREIGN = (
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Arabic}\p{Hebrew}]"
)
_OTHER_SCRIPT = re.compile(
    "[\u0370-\u052f\u0590-\u06ff\u0750-\u077f\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u3040-\uffdc]"
)
_BORDER = regex.compile(
    rf"(?<={_FOREIGN})(?=[A-Za-z0-9+(])|(?<=[A-Za-z0-9)])(?={_FOREIGN})"
    r"|(?<=[\p{Cyrillic}\p{Greek}])(?=[0-9+(]{1,2}[0-9])|(?<=[0-9])(?=[\p{Cyrillic}\p{Greek}])"
)


def _borders(text: str) -> Iterator[Edit]:
    """A blank where a script that has no blanks, or glues its particles on, meets Latin letters or digits."""
    if not text.isascii() and _OTHER_SCRIPT.search(text):
        for match in _BORDER.finditer(text):
            yield Edit(match.start(), match.end(), " ")


_BRACKETED_AT = (
    r"(?:\s{0,2}[\[({<]\s?(?i:at|@|ät|arroba|chiocciola|arobase)\s?[\])}>]\s{0,2}"
    r"|[-_](?i:at)[-_]|\s{1,2}@\s{1,2})"
)
_BRACKETED_DOT = r"\s{0,2}[\[({<]\s?(?i:dot|\.|punkt|punto|point)\s?[\])}>]\s{0,2}|[-_](?i:dot)[-_]"
_SPOKEN_DOT = rf"\s{{1,2}}{_DOT_WORD}\s{{1,2}}|\s{{1,2}}\.\s{{1,2}}"
_DOT = rf"(?:{_BRACKETED_DOT}|{_SPOKEN_DOT})"
_LETTERS = r"(?:[^\W_]|[+_-](?!(?i:at|dot)[-_])){1,64}+"
_LOCAL = rf"(?<![\w.+-]){_LETTERS}(?:(?:\.|{_DOT}){_LETTERS}){{0,3}}"
_LABEL = r"(?:[^\W_]|[_-](?!(?i:dot)[-_])){1,63}+"
_SPELT = regex.compile(
    rf"{_LOCAL}{_BRACKETED_AT}{_LABEL}(?:(?:{_DOT}|\.){_LABEL}){{1,4}}"
    rf"|{_LOCAL}(?:\s{{1,2}}{_AT_WORD}\s{{1,2}}|@){_LABEL}"
    rf"(?:\.{_LABEL}){{0,3}}{_DOT}{_LABEL}(?:{_DOT}{_LABEL}){{0,2}}"
    r"|(?<![\w.+-])(?=\p{Ll}[\w+-]{0,63}+[.][\w.+-]{1,63}+\s|[\w+-]{0,32}?[0-9_])[\w.+-]{1,64}+"
    r"\s{1,2}(?i:at)\s{1,2}[a-z0-9-]{1,63}+(?:\.[a-z0-9-]{1,63}+){0,3}\.\p{Ll}{2,12}\b"
    r"|(?<![\w.+-])[\w.+-]{1,64}+ ?@ ?[\w-]{1,63}+\.[\w.-]{2,63}"
)
# What every such address has; quick to look for.
_MAYBE_SPELT = _Sieved(
    rf"\s@{_NO_PRICE}|@\s{_NO_PRICE}|{_DOT}|[\[({{<]\s?(?i:at|ät|arroba|chiocciola|arobase)\s?[\])}}>]|[-_](?i:at)[-_]"
    rf"|\s{_AT_WORD}\s{{1,2}}[\w-]{{1,63}}+(?:\.\w|{_DOT})"
)
_SPELT_PART = regex.compile(rf"(?P<at>{_BRACKETED_AT}|\s{{1,2}}{_AT_WORD}\s{{1,2}}| ?@ ?)|(?P<dot>{_DOT})")


def _spelt_emails(text: str) -> Iterator[Edit]:
    if not _MAYBE_SPELT.search(text):
        return
    for match in _SPELT.finditer(text):
        for part in _SPELT_PART.finditer(text, *match.span()):
            if part.group() != "@":
                yield Edit(part.start(), part.end(), "@" if part["at"] else ".")


_LONE_DIGITS = (
    r"(?<![\w.,/-])[0-9](?:[ ._/-]{1,3}[0-9](?![0-9])){6,60}+(?!\w)"
    r"|(?<![\w.,/-])[0-9](?:, ?[0-9](?![0-9])){8,60}+(?!\w|,\d)"
)
_LONE_LETTERS = (
    r"(?<![\w.@'\u2019-])[\p{L}\p{N}](?: {1,3}[\p{L}\p{N}@.+-](?![\w'\u2019])){4,80}+(?<![.+-])"
    r"|(?<![\w.@-])\p{L}(?:(?P<by>, ?|[._/-])[\p{L}\p{N}](?![^\W_]))(?:(?P=by)[\p{L}\p{N}](?![^\W_])){7,60}+"
)
_LONE = regex.compile(rf"(?P<digits>{_LONE_DIGITS})|{_LONE_LETTERS}")
_MAYBE_LONE = _Sieved(r"(?<!\w)[\p{L}\p{N}](?:(?: {1,3}|[ ._/-]{1,3}|, ?)[\p{L}\p{N}@.+-](?![^\W_])){4}")
_BETWEEN = regex.compile(r"[^0-9]+")
_BETWEEN_LETTERS = regex.compile(r"(?<=\w)[._/-](?=\w)|, ?|(?P<blanks> {1,3})")


def _lone_characters(text: str) -> Iterator[Edit]:
    """Letters and digits one by one; where some stand further apart, a word ends."""
    if not _MAYBE_LONE.search(text):
        return
    for match in _LONE.finditer(text):
        if match["digits"]:
            for gap in _BETWEEN.finditer(match.group()):
                yield Edit(match.start() + gap.start(), match.start() + gap.end(), "")
            continue
        for gap in _BETWEEN_LETTERS.finditer(text, *match.span()):
            yield Edit(gap.start(), gap.end(), " " if len(gap["blanks"] or "") > 1 else "")


# Between the groups of a number: nearly anything once, one line's end.
_ODD = r"(?:[ \t]{0,3}[\t_,|•·+/.:;~\\=-][ \t]{0,3}|[ \t]{1,3}|(?:[ .-]{0,2}\r?\n[ >]{0,2}))"
_DIGIT_GROUPS = regex.compile(
    r"(?<![\w.,$€£]|[0-9][ \t\n-])(?:"
    rf"(?P<card>[2-6][0-9]{{3}}{_ODD}[0-9]{{4}}{_ODD}[0-9]{{4}}{_ODD}[0-9]{{4}})"
    rf"|(?P<phone>[0-9]{{3}}{_ODD}[0-9]{{3}}{_ODD}[0-9]{{4}})"
    rf"|(?P<ssn>[0-9]{{3}}{_ODD}[0-9]{{2}}{_ODD}[0-9]{{4}})"
    r")(?![\w]|[ \t-][0-9]|[.,:][0-9])"
)
_MAYBE_GROUPS = _Sieved("[0-9]{3}[^0-9A-Za-z]{1,7}[0-9]{2,4}[^0-9A-Za-z]{1,7}[0-9]{4}")
_ODD_GAP = regex.compile(r"[^0-9]+")


def _digit_groups(text: str) -> Iterator[Edit]:
    """What is between groups of digits that are a card's, an American phone number's or an SSN's."""
    if not _MAYBE_GROUPS.search(text):
        return
    for match in _DIGIT_GROUPS.finditer(text):
        if match.group().count("\n") > 1:
            continue
        by, plain = (" ", (" ", "-")) if match["card"] else ("-", (" ", "-", "."))
        gaps = list(_ODD_GAP.finditer(text, *match.span()))
        if len({gap.group() for gap in gaps}) > 1 or gaps[0].group() not in plain:
            yield from (Edit(gap.start(), gap.end(), by) for gap in gaps if gap.group() != by)


_PASSES = (
    controls,
    _characters,
    markup,
    escapes,
    _directions,
    _characters,
    _homoglyphs,
    _borders,
    emphasis,
    _spelt_emails,
    _lone_characters,
    _digit_groups,
)


_BASE64 = regex.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{24,}+={0,2}")
_SAMPLE = 4096


def looks_encoded(text: str) -> int:
    """How many stretches of 24 characters or more are base64 of printable text. They are not decoded
    further: what is in them is neither found nor removed."""
    return sum(map(_is_printable_base64, _BASE64.findall(text))) if len(text) >= 24 else 0


def _is_printable_base64(run: str) -> bool:
    sample = run.rstrip("=")[:_SAMPLE].translate({ord("-"): "+", ord("_"): "/"})
    sample = sample[: len(sample) - len(sample) % 4]
    try:
        decoded = base64.b64decode(sample, validate=True).decode("utf-8", "ignore")
    except (binascii.Error, ValueError):
        return False
    printable = sum(char.isprintable() or char.isspace() for char in decoded)
    return len(decoded) * 4 >= len(sample) * 2 and printable >= 0.97 * len(decoded)
