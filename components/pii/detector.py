"""Finding personal data in many texts, fast enough for a pipeline.

Three steps, each over what the one before left. Hostile text is made readable. The patterns read each text.
The name lists, or models, then read it with the patterns' findings masked, models one distinct sentence at a
time: most of a receipt is the same in every receipt, so that once addresses and numbers are masked a sentence
like "Your trip from <ADDRESS> to <ADDRESS>" is read once. What is found is the union of what all of them
find; a name that is found once is found wherever its text repeats it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from operator import itemgetter

import regex
from presidio_analyzer import EntityRecognizer

from components.pii.errors import PatternTimeoutError, ScrubError
from components.pii.findings import Finding, Stretch, mask, merge, unmask
from components.pii.joining import joined
from components.pii.mentions import comes_again, find_repeated
from components.pii.ner.models import Profile, sentence_readers
from components.pii.ner.not_names import is_none
from components.pii.ner.spacy_model import SMALL_MODEL as MODEL
from components.pii.normalize import normalize
from components.pii.policy import PatternRule
from components.pii.recognizers import find_all, pattern_recognizers

__all__ = ["MODEL", "RESIDUAL_THRESHOLD", "Detector", "RecognizerFailedError", "detector"]

RESIDUAL_THRESHOLD = 0.3

_LABEL = regex.compile("<[A-Z][A-Z0-9_]*>")
_LETTER = regex.compile(r"\p{L}{2}")
_MAX_SENTENCES = 20_000
_MAX_CACHED_CHARACTERS = 400
_ECHO_SCORE = 0.4
# A sentence ends at . ! or ? before a space, unless that stop belongs to a title or an initial.
_SENTENCE = regex.compile(
    r"(?:\S++|(?!(?<=[.!?]['\")>]?)(?<!\b(?:\p{Lu}|Mr|Mrs|Ms|Dr|St|Jr|Sr)\.)\s)[^\S\n])+"
)
# The name lists are quicker than what tells sentences apart.
_TEXT = regex.compile(r"(?s).+")


class RecognizerFailedError(ScrubError):
    """A recogniser raised on a text. Its own message is left out, because it may hold the text."""


class Detector:
    """Finds these entity types in texts; see :func:`detector` for one that is shared.

    The same text gives the same findings, alone or in a batch, and from several threads at once.

    Args:
      entities: the entity types to look for.
      score_threshold: findings below it are not returned.
      rules: patterns of the policy.
      allow: words that are never a finding, as they are written.
      extra: Presidio recognisers of one's own, run beside the patterns.
      profile: ``fast``, ``balanced`` or ``thorough``; see :func:`components.pii.ner.models.sentence_readers`.
      model: a spaCy model by name, or ``module.Class`` of a Presidio EntityRecognizer, in place of ours.

    Raises:
      ValueError, OSError: profile or model cannot be had.
    """

    def __init__(
        self,
        entities: Iterable[str],
        *,
        score_threshold: float,
        rules: Iterable[PatternRule] = (),
        allow: Iterable[str] = (),
        extra: Sequence[EntityRecognizer] = (),
        profile: Profile = "balanced",
        model: str | None = None,
    ) -> None:
        wanted = set(entities)
        self._threshold = score_threshold
        self._doubt = min(score_threshold, RESIDUAL_THRESHOLD)
        self._allow = frozenset(allow)
        self._patterns = [*pattern_recognizers(wanted, rules), *extra]
        self._readers = sentence_readers(wanted, profile, model)
        self._unit = _SENTENCE if profile != "fast" or model else _TEXT
        self._wanted = wanted
        self._read: dict[str, list[Finding]] = {}
        self._bare: frozenset[str] = frozenset()

    def find(self, texts: Sequence[str], known: Sequence[Sequence[Finding]] = ()) -> list[list[Finding]]:
        """The findings in each text, merged. ``known`` are findings already made, text by text.

        Raises:
          RecognizerFailedError: a recogniser raised; the message holds nothing of any text.
        """
        readable = [normalize(text) for text in texts]
        found = self._find_sure([one.text for one in readable])
        if self._readers:
            found = self._add_names([one.text for one in readable], found)
        made: Sequence[Sequence[Finding]] = known or [()] * len(texts)
        return [
            self._finished(text, [*map(one.to_original, findings), *before])
            for text, one, findings, before in zip(texts, readable, found, made, strict=True)
        ]

    def find_patterns(self, text: str, score_threshold: float) -> list[Finding]:
        """What the patterns alone find, unmerged. Cheap: no language model."""
        return self._find_patterns([text], score_threshold)[0]

    def residual(self, scrubbed: str) -> list[Finding]:
        """What the patterns find in a text that was scrubbed, at a lower threshold, labels apart."""
        if scrubbed in self._bare:
            return []
        labels = [label.span() for label in _LABEL.finditer(scrubbed)]
        found = merge(self.find_patterns(scrubbed, self._doubt))
        return [finding for finding in found if not _is_within(finding, labels)]

    def _find_sure(self, texts: Sequence[str]) -> list[list[Finding]]:
        """What the patterns find, merged. Where they find nothing, :meth:`residual` need not look again."""
        found = self._find_patterns(texts, self._doubt)
        self._bare = frozenset(text for text, findings in zip(texts, found, strict=True) if not findings)
        return [merge(one for one in findings if one.score >= self._threshold) for findings in found]

    def _find_patterns(self, texts: Sequence[str], score_threshold: float) -> list[list[Finding]]:
        found = _guarded(partial(find_all, texts, self._patterns, score_threshold))
        return [self._allowed(text, findings) for text, findings in zip(texts, found, strict=True)]

    def _finished(self, text: str, findings: list[Finding]) -> list[Finding]:
        names = {text[one.start : one.end] for one in findings if one.entity_type == "PERSON"}
        repeated = find_repeated(text, names, "PERSON", _ECHO_SCORE) if comes_again(text, names) else []
        return joined(text, merge([*findings, *self._allowed(text, repeated)]))

    def _add_names(self, texts: Sequence[str], found: Sequence[list[Finding]]) -> list[list[Finding]]:
        masked = [mask(text, findings) for text, findings in zip(texts, found, strict=True)]
        sentences = [list(self._unit.finditer(text)) for text, _ in masked]
        names = self._read_sentences({match.group() for matches in sentences for match in matches})
        return [
            merge([*findings, *more]) if (more := list(_unmasked(matches, names, stretches))) else findings
            for findings, (_, stretches), matches in zip(found, masked, sentences, strict=True)
        ]

    def _read_sentences(self, sentences: set[str]) -> dict[str, list[Finding]]:
        read = self._read
        names = {sentence: read[sentence] for sentence in sentences if sentence in read}
        for sentence in sentences - names.keys():
            if not _LETTER.search(_LABEL.sub("", sentence) if "<" in sentence else sentence):
                names[sentence] = []
        new = sorted(sentences - names.keys())
        made: list[list[Finding]] = [[] for _ in new]
        for reader in self._readers:
            for findings, more in zip(made, _guarded(partial(reader, new)), strict=True):
                findings += more
        for sentence, findings in zip(new, made, strict=True):
            names[sentence] = self._names(sentence, findings)
        self._remember({sentence: names[sentence] for sentence in new})
        return names

    def _remember(self, read: dict[str, list[Finding]]) -> None:
        short = {key: value for key, value in read.items() if len(key) <= _MAX_CACHED_CHARACTERS}
        if len(self._read) + len(short) > _MAX_SENTENCES:
            self._read = {}
        if len(short) <= _MAX_SENTENCES:
            self._read.update(short)

    def _names(self, text: str, findings: Iterable[Finding]) -> list[Finding]:
        """Those of a reader's findings that are wanted, sure enough, and can be what they say."""
        return [
            one
            for one in self._allowed(text, findings)
            if one.entity_type in self._wanted
            and one.score >= self._threshold
            and not is_none(one.entity_type, text[one.start : one.end])
        ]

    def _allowed(self, text: str, findings: Iterable[Finding]) -> list[Finding]:
        return [one for one in findings if text[one.start : one.end] not in self._allow]


@cache
def detector(
    entities: frozenset[str],
    score_threshold: float,
    rules: tuple[PatternRule, ...] = (),
    allow: tuple[str, ...] = (),
    profile: Profile = "balanced",
    model: str | None = None,
) -> Detector:
    """The process's detector for these settings: recognisers and model are loaded once."""
    return Detector(
        entities, score_threshold=score_threshold, rules=rules, allow=allow, profile=profile, model=model
    )


def _is_within(finding: Finding, labels: Sequence[tuple[int, int]]) -> bool:
    """Whether one of these labels, which stand in order, has all of the finding."""
    before = bisect_right(labels, finding.start, key=itemgetter(0))
    return before > 0 and finding.end <= labels[before - 1][1]


def _guarded(find: Callable[[], list]) -> list:
    try:
        return find()
    except PatternTimeoutError:
        raise
    except Exception as error:
        name = type(error).__name__
    raise RecognizerFailedError(
        f"A recognizer raised {name} on a text; its message is left out, because it may hold the text."
    )


def _unmasked(
    sentences: Iterable["regex.Match[str]"],
    names: Mapping[str, Sequence[Finding]],
    stretches: Sequence[Stretch],
) -> Iterator[Finding]:
    """The names in each sentence of a masked text, as findings in the original."""
    for match in sentences:
        for name in names[match.group()]:
            at = match.start()
            yield from unmask(name._replace(start=name.start + at, end=name.end + at), stretches)
