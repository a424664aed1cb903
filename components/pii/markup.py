"""Mark-up and escapes as edits: what a text says behind HTML, Markdown, JSON, URLs and control characters.

Each function gives edits of a text in their order; :mod:`components.pii.normalize` makes them, one function
after the other.
"""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

import regex


class Edit(NamedTuple):
    """Characters ``start`` to ``end`` of a text, and what stands for them."""

    start: int
    end: int
    text: str


_CONTROL = regex.compile(
    r"\x1b\[[0-9;?]{0,16}[A-Za-z]"
    r"|(?P<blank>[\x0b\x0c\x1c-\x1f])"
    r"|[\x00-\x08\x0e-\x1b\x7f]"
)


def controls(text: str) -> Iterator[Edit]:
    """Control characters and the colours of terminals, which nobody sees."""
    for match in _CONTROL.finditer(text):
        yield Edit(match.start(), match.end(), " " if match["blank"] else "")


_INLINE = "a|abbr|b|big|code|del|em|font|i|ins|kbd|mark|s|small|span|strike|strong|sub|sup|tt|u|wbr"
_BLOCK = (
    "body|br|center|dd|div|dl|dt|h[1-6]|head|hr|html|img|li|ol|p|pre|section|table|tbody|td|th|thead|tr|ul"
)
_MARKUP = regex.compile(
    r"(?P<entity>&(?:(?i:amp;){0,3}+#(?:[0-9]{1,12}|[xX][0-9a-fA-F]{1,12})|[A-Za-z][A-Za-z0-9]{1,31});?)"
    rf"|(?P<inline></?(?i:{_INLINE}|[a-z][a-z0-9]{{0,20}}+(?:-[a-z0-9]{{1,20}}+){{1,4}}+)"
    r"(?:\s(?P<attributes>[^<>]{0,500}+))?/?>|<!--(?P<attributes>[^<>]{0,100}?)-->)"
    rf"|(?P<block></?(?i:{_BLOCK})(?:\s(?P<attributes>[^<>]{{0,500}}+))?/?>)"
)
# What a reader is told of a tag: an address, a number, a text in its attributes.
_TELLING = regex.compile(r"@|//|[0-9]{4}|mailto|tel:|\b(?i:alt|aria-label|content|title|value)\s?=")
_COLOUR = regex.compile(r"#[0-9a-fA-F]{3,8}\b")


def markup(text: str) -> Iterator[Edit]:
    """HTML: entities are what they stand for; tags and comments that tell nothing themselves are left out."""
    if "&" not in text and "<" not in text:
        return
    for match in _MARKUP.finditer(text):
        if match["entity"]:
            decoded = html.unescape(html.unescape(match.group()))
            if decoded != match.group():
                yield Edit(match.start(), match.end(), decoded)
        elif not _TELLING.search(_COLOUR.sub("", match["attributes"] or "")):
            yield Edit(match.start(), match.end(), "" if match["inline"] else "\n")


_EMPHASIS = regex.compile(
    r"(?<!\*)(?P<mark>\*{2,3})(?=[^\s*])[^*\n]{1,200}?(?<=[^\s*])(?P=mark)(?!\*)"
    r"|(?P<mark>~~|``?)(?=[^\s~`])[^~`\n]{1,200}?(?<=[^\s~`])(?P=mark)"
    r"|(?<![\w*])(?P<mark>\*)(?=[^\s*])[^*\n]{1,200}?(?<=[^\s*])(?P=mark)(?![\w*])"
    r"|(?<!\w)(?P<mark>_{1,2})(?=[^\s_])[^_\n]{1,200}?(?<=[^\s_])(?P=mark)(?!\w)"
)


def emphasis(text: str) -> Iterator[Edit]:
    """Markdown's emphasis."""
    if not any(mark in text for mark in "*_~`"):
        return
    for match in _EMPHASIS.finditer(text):
        length = len(match["mark"])
        yield Edit(match.start(), match.start() + length, "")
        yield Edit(match.end() - length, match.end(), "")


# A path and a web address hold backslashes and percents of their own.
_ESCAPE = regex.compile(
    r"(?P<skip>\b[A-Za-z]:\\\S{0,500}+|\\\\\w[^\s\\]{0,100}+\\\S{0,500}+|\b(?:https?://|www\.)\S{1,2000}+)"
    r"|(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\(?:u(?P<hex>[0-9a-fA-F]{4})|u\{(?P<hex>[0-9a-fA-F]{1,6})\}|x(?P<hex>[0-9a-fA-F]{2}))"
    r"|\\(?P<blank>[nrt])"
    r"|\\(?P<mark>[-!\"#()*+./:<>@\[\]_`{|}~ ])"
    r"|(?P<url>(?:%[0-9a-fA-F]{2}){1,12}+)"
    r"|(?<![=\s]{2})(?P<soft>=\r?\n)(?=\S)"
    r"|(?<=[A-Za-z0-9])=(?P<hex>2D|2E|[24]0(?=[A-Za-z]))(?=[A-Za-z0-9])"
)
# What every escape has; quick to look for.
_MAYBE_ESCAPE = re.compile(
    r"\\[-unrtx!\"#()*+./:<>@\[\]_`{|}~ ]|%[0-9a-fA-F]{2}|=(?:\r?\n|2D|2E|[24]0[A-Za-z])"
)
_URL_MARKS = frozenset(" -.@+_()/:,")
_MAX_CODE = 0x10FFFF


def escapes(text: str) -> Iterator[Edit]:
    r"""Escapes as JSON, JavaScript, Markdown and web addresses write them, and e-mail's soft line ends.

    ``\u0041``, ``\x41``, ``\u{41}`` and ``%41`` are ``A``, ``\n`` is a line's end, ``\-`` is ``-``.
    """
    if not _MAYBE_ESCAPE.search(text):
        return
    for match in _ESCAPE.finditer(text):
        if (said := _said(match)) is not None:
            yield Edit(match.start(), match.end(), said)


def _said(match: "regex.Match[str]") -> str | None:
    if match["hex"]:
        code = int(match["hex"], 16)
        return chr(code) if code <= _MAX_CODE and not 0xD800 <= code < 0xE000 else "\ufffd"
    if match["pair"]:
        high, low = (int(half, 16) for half in match["pair"][2:].split("\\u"))
        return chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)
    if match["url"]:
        said = unquote(match["url"])
        known = len(match["url"]) > 3 or said in _URL_MARKS
        return said if known and said.isprintable() and "\ufffd" not in said else None
    if match["blank"]:
        return " " if match["blank"] == "t" else "\n"
    return match["mark"] if match["mark"] else "" if match["soft"] else None
