"""What the quick tagger knows of a word by itself: its pieces, its shape, its letters and the name lists."""

import zlib
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import regex
from tokenizers import Tokenizer

from components.pii.ner.gazetteer import name_lists
from components.pii.ner.spans import WORD
from components.pii.ner.weights import rampart_folder

BUCKETS = 8192
"""Beginnings and ends of words are told apart by a hash of so many values."""

PIECES = 6
"""How many of a word's pieces count; of a longer word the first five and the last one."""

NAME_SIGNS = slice(0, 4)
"""Which of the signs are those of the name lists."""

_TOKEN = regex.compile(rf"{WORD.pattern}|([^\w\s])\1*+|\n+")
_PARTS = regex.compile(r"[^\W\d_]+")


class Words:
    """Arrays about distinct words, a row each: pieces ``[n, 6]`` (-1 where none), signs ``[n, signs]``, and
    the hashes of their ends ``[n, 3]``."""

    def __init__(self, words: Sequence[str]) -> None:
        names, tokenizer = name_lists(), _tokenizer()
        self.pieces = np.full((len(words), PIECES), -1, np.int64)
        self.signs = np.zeros((len(words), SIGNS), np.float32)
        self.ends = np.zeros((len(words), 3), np.int64)
        for row, word in enumerate(words):
            ids = tokenizer.encode(word[:100], add_special_tokens=False).ids
            if len(ids) > PIECES:
                ids = [*ids[: PIECES - 1], ids[-1]]
            self.pieces[row, : len(ids)] = ids
            self.signs[row] = list(_signs(word, len(ids), names))
            small = word.lower()
            ends = (f"<{small[:3]}", f"{small[-3:]}>", f"{small[-2:]}>")
            self.ends[row] = [zlib.crc32(end.encode()) % BUCKETS for end in ends]


def tokens(text: str) -> list[tuple[int, int]]:
    """Where words stand, and signs; a repeated sign is one token, and a line's end is one."""
    return [match.span() for match in _TOKEN.finditer(text)]


def _signs(word: str, pieces: int, names: dict[str, int]) -> Iterator[float]:
    kind = 0
    for part in _PARTS.findall(word.lower()):
        kind |= names.get(part, 0)
    yield from (float(bool(kind & bit)) for bit in (1, 2, 4, 8))
    size, digits = len(word), sum(map(str.isdigit, word))
    yield word.islower()
    yield word[0].isupper() and word[1:].islower()
    yield word.isupper() and size > 1
    yield word.isupper() and size == 1
    yield word[0].isupper() and not word[1:].islower() and not word.isupper()
    yield digits == size
    yield 0 < digits < size
    yield digits == 4
    yield digits == 5
    yield digits > 5
    yield not word.isascii()
    yield "-" in word
    yield "'" in word or "\u2019" in word
    yield "_" in word
    yield not word[0].isalnum()
    yield size == 1
    yield 2 <= size <= 3
    yield 4 <= size <= 6
    yield 7 <= size <= 10
    yield size > 10
    yield pieces == 1
    yield pieces == 2
    yield pieces > 3


SIGNS = sum(1 for _ in _signs("a", 1, {}))


@cache
def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(rampart_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
