import time

from presidio_analyzer import Pattern, PatternRecognizer

from components.pii.detector import Detector, detector
from components.pii.findings import Finding, replace_spans
from components.pii.policy import DEFAULT_ENTITIES

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


def test_the_model_reads_each_distinct_sentence_once(monkeypatch) -> None:
    read: list[str] = []
    own = Detector(["ADDRESS", "PERSON", "RECEIPT_NUMBER"], score_threshold=0.4)
    assert own._names is not None
    engine = own._names.nlp_engine
    plain = engine.process_batch
    monkeypatch.setattr(
        engine, "process_batch", lambda texts, *rest, **kw: plain(read.extend(texts) or texts, *rest, **kw)
    )
    own.find([TEXT.format(n) for n in range(50)])
    assert len(read) == len(set(read)) == 4


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
    assert replace_spans(text, _default().find([text])[0]) == (
        "Hi <PERSON>, all is well. <PERSON>-clear? Then let <PERSON> know."
    )


def test_words_that_are_allowed_stay() -> None:
    own = Detector(DEFAULT_ENTITIES, score_threshold=0.4, allow=["Barbara Johnson"])
    assert own.find(["Ask Barbara Johnson."])[0] == []
    assert own.find(["Ask Barbara Johnson.", "Hi Ana, ask Barbara Johnson."])[1] == [
        Finding("PERSON", 3, 6, 0.7)
    ]


def test_empty_texts() -> None:
    assert _default().find(["", " ", "\n"]) == [[], [], []]
    assert _default().find([]) == []


def test_fast_enough_for_ten_thousand_receipts() -> None:
    texts = [TEXT.format(n) * 2 for n in range(300)]
    _default().find(texts[:1])
    start = time.process_time()
    _default().find(texts)
    assert len(texts) / (time.process_time() - start) > 150
