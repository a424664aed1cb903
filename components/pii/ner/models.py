"""Which recognisers read the sentences: by profile, or the user's own model."""

import importlib
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from presidio_analyzer import EntityRecognizer

from components.pii.entities import NER_ENTITIES
from components.pii.findings import Finding
from components.pii.ner.both import BothRecognizer
from components.pii.ner.gazetteer import NameListRecognizer
from components.pii.ner.spacy_model import SpacyNameRecognizer
from components.pii.ner.spans import KINDS
from components.pii.ner.tagger import TaggerRecognizer

Profile = Literal["fast", "balanced", "thorough"]
Find = Callable[[Sequence[str]], list[list[Finding]]]

_BALANCED, _THOROUGH = 0.2, 0.3  # Chosen on training templates that were held out, and on WNUT's dev file.
_ONLY_SPACY = frozenset(NER_ENTITIES.values()) - set(KINDS)


def sentence_readers(entities: Iterable[str], profile: Profile, model: str | None) -> list[Find]:
    """What reads each sentence for these entity types.

    ``fast`` has the name lists, ``balanced`` the quick tagger, ``thorough`` the tagger and Rampart, as one:
    what one of the two misses, the other finds more often than not. ``model`` stands in the place of all of
    them. ORGANIZATION, NRP and DATE_TIME are known to spaCy's small model alone, which reads for them unless
    the profile is ``fast``; of people and places it finds little that the others miss, and much that is none.

    Raises:
      ValueError: ``model`` is no recogniser, or ``profile`` no profile.
      OSError: spaCy has no such model.
    """
    if profile not in ("fast", "balanced", "thorough"):
        raise ValueError(f"profile must be fast, balanced or thorough; got {profile}.")
    wanted = set(entities)
    if model is not None:
        return [_find(reader) for reader in _of_the_user(model, wanted)]
    readers: list[EntityRecognizer] = []
    if profile == "fast" and "PERSON" in wanted:
        readers.append(NameListRecognizer())
    if profile != "fast":
        if kinds := [kind for kind in KINDS if kind in wanted]:
            is_quick = profile == "balanced"
            readers.append(
                TaggerRecognizer(kinds, _BALANCED) if is_quick else BothRecognizer(kinds, _THOROUGH)
            )
        if words := sorted(wanted & _ONLY_SPACY):
            readers.append(SpacyNameRecognizer(words))
    return [_find(reader) for reader in readers]


def _of_the_user(model: str, wanted: set[str]) -> list[EntityRecognizer]:
    """The user's model for the wanted entity types, by the name of a class or of a spaCy model."""
    module, _, name = model.rpartition(".")
    if not module:
        words = sorted(wanted & set(NER_ENTITIES.values()))
        return [SpacyNameRecognizer(words, model)] if words else []
    try:
        made = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise ValueError(
            f"model: {model} cannot be imported; install its package, or name an installed spaCy model."
        ) from None
    if not (isinstance(made, type) and issubclass(made, EntityRecognizer)):
        raise ValueError(f"model: {model} must be a class of Presidio's EntityRecognizer.")
    recognizer = made()
    return [recognizer] if wanted & set(recognizer.supported_entities) else []


def _find(recognizer: EntityRecognizer) -> Find:
    if hasattr(recognizer, "find"):
        return recognizer.find

    def find(texts: Sequence[str]) -> list[list[Finding]]:
        return [
            [
                Finding(one.entity_type, one.start, one.end, one.score)
                for one in recognizer.analyze(text, recognizer.supported_entities, None) or ()
            ]
            for text in texts
        ]

    return find
