"""The neural recogniser: names, places and numbers in context by Rampart's token classifier."""

import threading
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from tokenizers import Tokenizer

from components.pii.ner.recognizer import ScoredWords, WordRecognizer
from components.pii.ner.spans import KINDS, WORD, Window, read_in_windows
from components.pii.ner.weights import fast_model, one_core, rampart_folder

_TOKENS_AT_ONCE = 1024


class RampartRecognizer(WordRecognizer):
    """Finds names and places, in any case and many languages of Latin script, one core at a time.

    Texts of any length are read in windows of 160 tokens, each token where it has most context. Arguments
    and scores are as in ``WordRecognizer``.
    """

    def __init__(self, entities: Sequence[str] = KINDS, threshold: float = 0.5) -> None:
        super().__init__(entities, threshold)
        self._model = _model()

    def scores(self, texts: Sequence[str]) -> Iterator[ScoredWords]:
        """The words of each text."""
        for text, (places, odds) in zip(texts, self._model.read(texts), strict=True):
            yield _words(text, places, odds[:, self._columns])


def _words(
    text: str, offsets: Sequence[tuple[int, int]], scores: np.ndarray
) -> Iterator[tuple[int, int, np.ndarray]]:
    token = 0
    for word in WORD.finditer(text):
        start, end = word.span()
        while token < len(offsets) and offsets[token][1] <= start:
            token += 1
        first = token
        while token < len(offsets) and offsets[token][0] < end:
            token += 1
        if first < token:
            yield start, end, scores[first + int(scores[first:token].sum(axis=1).argmax())]


class _Model:
    """Tokenizer and session; safe to be used from several threads."""

    def __init__(self) -> None:
        folder = rampart_folder()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        special = self._tokenizer.get_vocab(with_added_tokens=True)
        self._first, self._last = special["[CLS]"], special["[SEP]"]
        self._session = one_core(fast_model(folder / "onnx" / "model_q4.onnx"))

    def read(self, texts: Sequence[str]) -> list[tuple[list[tuple[int, int]], np.ndarray]]:
        """Per text the characters of each token, and its probabilities ``[tokens, 1 + kinds]``: none, then
        ``KINDS``."""
        encoded = [self._tokenizer.encode(text, add_special_tokens=False) for text in texts]
        ids = [one.ids for one in encoded]

        def run(batch: Sequence[Window]) -> Iterator[np.ndarray]:
            for output in self._run([ids[one.text][one.start : one.end] for one in batch]):
                yield _probabilities(output[1:])

        scores = read_in_windows(list(map(len, ids)), _TOKENS_AT_ONCE, run, 1 + len(KINDS))
        return [(one.offsets, score) for one, score in zip(encoded, scores, strict=True)]

    def _run(self, rows: Sequence[list[int]]) -> np.ndarray:
        ids = np.zeros((len(rows), max(map(len, rows)) + 2), np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens) + 2] = [self._first, *tokens, self._last]
            mask[row, : len(tokens) + 2] = 1
        return self._session.run(
            None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        )[0]


def _probabilities(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


_loading = threading.Lock()


def _model() -> _Model:
    with _loading:
        return _load()


@cache
def _load() -> _Model:
    return _Model()
