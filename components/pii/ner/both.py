"""Both networks, word by word: what the quick tagger and Rampart think of a word on average."""

from collections.abc import Iterator, Sequence

from components.pii.ner.rampart import RampartRecognizer
from components.pii.ner.recognizer import ScoredWords, WordRecognizer
from components.pii.ner.spans import KINDS
from components.pii.ner.tagger import TaggerRecognizer


class BothRecognizer(WordRecognizer):
    """Finds what the tagger and Rampart find together, more of it and less in vain than each by itself.

    Where a finding begins and ends and what it is, they decide as one: the union of their findings would join
    what either of them holds for two things.
    """

    def __init__(self, entities: Sequence[str] = KINDS, threshold: float = 0.5) -> None:
        super().__init__(entities, threshold)
        self._tagger = TaggerRecognizer(entities, 0.0)
        self._rampart = RampartRecognizer(entities, 0.0)

    def scores(self, texts: Sequence[str]) -> Iterator[ScoredWords]:
        """The mean of the two for each word; a word that only one of them reads has that one's."""
        for words, others in zip(self._tagger.scores(texts), self._rampart.scores(texts), strict=True):
            yield _mean(words, others)


def _mean(words: ScoredWords, others: ScoredWords) -> ScoredWords:
    read = {(start, end): odds for start, end, odds in words}
    for start, end, odds in others:
        read[start, end] = (read[start, end] + odds) / 2 if (start, end) in read else odds
    return [(start, end, odds) for (start, end), odds in sorted(read.items(), key=lambda one: one[0])]
