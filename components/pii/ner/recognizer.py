"""What the neural recognisers have in common: words with probabilities in, findings out."""

from collections.abc import Iterable, Sequence

import numpy as np
from presidio_analyzer import EntityRecognizer, RecognizerResult

from components.pii.findings import Finding
from components.pii.ner.spans import KINDS, findings

ScoredWords = Iterable[tuple[int, int, np.ndarray]]
"""Where words stand in a text, and the probability of each entity type, ``[entities]``."""


class WordRecognizer(EntityRecognizer):
    """A recogniser that reads texts word by word; see :func:`components.pii.ner.spans.findings`.

    Args:
      entities: some of ``KINDS``; all of them by default.
      threshold: 0 to 1; lower finds more. A word is found if its types together have at least so much.
    """

    def __init__(self, entities: Sequence[str] = KINDS, threshold: float = 0.5) -> None:
        super().__init__(supported_entities=list(entities), name=type(self).__name__)
        self._threshold = threshold
        self._columns = [1 + KINDS.index(kind) for kind in entities]

    def load(self) -> None:
        """Nothing: the weights are loaded once per process, with the first recogniser."""

    def analyze(self, text, entities, nlp_artifacts=None) -> list[RecognizerResult]:  # type: ignore[no-untyped-def]
        """As Presidio calls it."""
        return [
            RecognizerResult(one.entity_type, one.start, one.end, one.score)
            for one in self.find([text])[0]
            if not entities or one.entity_type in entities
        ]

    def find(self, texts: Sequence[str]) -> list[list[Finding]]:
        """The findings in each text, in order. Some hundred texts at a time are fastest."""
        return [
            list(findings(text, words, self.supported_entities, self._threshold))
            for text, words in zip(texts, self.scores(texts), strict=True)
        ]

    def scores(self, texts: Sequence[str]) -> Iterable[ScoredWords]:
        """The words of each text in their order; those below the threshold may be left out."""
        raise NotImplementedError
