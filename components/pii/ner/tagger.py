"""The quick neural recogniser: names, places and numbers in context by a small network."""

import threading
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from components.pii.ner.recognizer import ScoredWords, WordRecognizer
from components.pii.ner.spans import KINDS, Window, read_in_windows
from components.pii.ner.tagger_graph import WORDS_AT_ONCE, sentence_model, word_model
from components.pii.ner.tagger_words import Words, tokens
from components.pii.ner.weights import one_core, rampart_folder, word_embeddings

WEIGHTS = Path(__file__).with_name("tagger.npz")

_TOKENS_AT_ONCE = 2048
_MAX_CACHED_WORDS = 40_000


class TaggerRecognizer(WordRecognizer):
    """Finds names and places some ten times as fast as Rampart, nearly as well, on one core.

    A word is known by Rampart's vectors of its pieces, its shape, its first and last letters and the name
    lists; a word's vector is kept for the next time, for so many as 40 thousand words. Five convolutions then
    read sixteen words to each side. Arguments and scores are as in ``WordRecognizer``.
    """

    def __init__(self, entities: Sequence[str] = KINDS, threshold: float = 0.5) -> None:
        super().__init__(entities, threshold)
        self._model = _model()

    def scores(self, texts: Sequence[str]) -> Iterator[ScoredWords]:
        """The words of each text that have at least the threshold."""
        places = [tokens(text) for text in texts]
        words = [[text[start:end] for start, end in own] for text, own in zip(texts, places, strict=True)]
        for text, own, odds in zip(texts, places, self._model.read(words), strict=True):
            yield self._likely(text, own, odds)

    def _likely(
        self, text: str, places: Sequence[tuple[int, int]], odds: np.ndarray
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        scores = odds[:, self._columns]
        for word in (scores.sum(axis=1) >= self._threshold).nonzero()[0].tolist():
            start, end = places[word]
            if text[start].isalnum() or text[start] == "_":
                yield start, end, scores[word]


class _Model:
    """The two sessions, and the vectors of the words seen so far; safe to be used from several threads."""

    def __init__(self) -> None:
        with np.load(WEIGHTS) as arrays:
            weights = dict(arrays)
        table = word_embeddings(rampart_folder() / "onnx" / "model_q4.onnx")
        self._of_words, self._of_sentences = (
            one_core(word_model(weights, table)),
            one_core(sentence_model(weights)),
        )
        self._width = weights["word"].shape[1]
        self._kinds = weights["out"].shape[1]
        # onnxruntime 1.22 cannot shift rows out altogether.
        self._shortest = 1 + int(weights["dilations"].max())
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        # The first row is the padding's.
        self._rows: dict[str, int] = {}
        self._vectors = np.zeros((1024, self._width), np.float32)

    def read(self, texts: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Per text the probabilities ``[words, 1 + kinds]``: none, then ``KINDS``."""
        rows, vectors = self._known(texts)

        def run(batch: Sequence[Window]) -> np.ndarray:
            longest = max(self._shortest, *(one.end - one.start for one in batch))
            numbers = np.zeros((len(batch), longest), np.int64)
            for row, one in enumerate(batch):
                numbers[row, : one.end - one.start] = rows[one.text][one.start : one.end]
            mask = (numbers > 0).astype(np.float32)[..., None]
            return self._of_sentences.run(None, {"words": vectors[numbers], "mask": mask})[0]

        return read_in_windows(list(map(len, rows)), _TOKENS_AT_ONCE, run, self._kinds)

    def _known(self, texts: Sequence[Sequence[str]]) -> tuple[list[list[int]], np.ndarray]:
        """The rows of each text's words, and the vectors in which they are."""
        with self._lock:
            if len(self._rows) > _MAX_CACHED_WORDS:
                self._forget()
            known = self._rows
            new = [
                word for word in dict.fromkeys(word for text in texts for word in text) if word not in known
            ]
            for start in range(0, len(new), WORDS_AT_ONCE):
                self._learn(new[start : start + WORDS_AT_ONCE])
            return [[known[word] for word in text] for text in texts], self._vectors

    def _learn(self, new: Sequence[str]) -> None:
        # Always as many words at once: a word's vector is the same to the last bit whenever it is made.
        words = Words([*new, *["."] * (WORDS_AT_ONCE - len(new))])
        count = (words.pieces >= 0).sum(axis=1)
        vectors = self._of_words.run(
            None,
            {
                "pieces": words.pieces,
                "last": words.pieces[np.arange(len(count)), np.maximum(count, 1) - 1],
                "shares": (1 / np.maximum(count, 1)).astype(np.float32)[:, None],
                "signs": words.signs,
                "ends": words.ends,
            },
        )[0]
        first = 1 + len(self._rows)
        if first + len(new) > len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
        self._vectors[first : first + len(new)] = vectors[: len(new)]
        self._rows |= {word: first + number for number, word in enumerate(new)}


_loading = threading.Lock()


def _model() -> _Model:
    with _loading:
        return _load()


@cache
def _load() -> _Model:
    return _Model()
