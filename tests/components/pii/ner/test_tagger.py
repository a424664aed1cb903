from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from components.pii.ner.tagger import TaggerRecognizer, _model
from components.pii.ner.tagger_words import tokens

pytestmark = pytest.mark.usefixtures("socket_disabled")

TEXTS = [
    "My name is Barbara Johnson and I live in Lyon.",
    "i talked to barbara johnson",
    "\U0001f600 Grüße, Zoë O'Neil-Ruiz \U0001f600",
    "The printer on the third floor is out of paper.",
    "",
    " ",
    "-----",
    "Barbara",
    "x" * 5000,
    "My address is 12 Main Street, Springfield.",
]


@pytest.fixture(scope="module")
def recognizer() -> TaggerRecognizer:
    return TaggerRecognizer()


def _found(recognizer: TaggerRecognizer, text: str, kind: str = "PERSON") -> list[str]:
    return [text[f.start : f.end] for f in recognizer.find([text])[0] if f.entity_type == kind]


def test_names_are_found_to_the_letter(recognizer) -> None:
    assert _found(recognizer, TEXTS[0]) == ["Barbara Johnson"]
    assert _found(recognizer, TEXTS[1]) == ["barbara johnson"]
    assert _found(recognizer, TEXTS[2]) == ["Zoë O'Neil-Ruiz"]
    assert _found(recognizer, TEXTS[3]) == []


def test_places_are_found_to_the_letter(recognizer) -> None:
    assert _found(recognizer, TEXTS[0], "LOCATION") == ["Lyon"]
    assert _found(recognizer, TEXTS[-1], "ADDRESS") == ["12 Main Street, Springfield"]


def test_only_what_is_asked_for_is_found() -> None:
    assert {f.entity_type for f in TaggerRecognizer(["LOCATION"]).find(TEXTS[:1])[0]} == {"LOCATION"}


def test_probabilities_do_not_depend_on_the_batch_nor_on_what_was_read_before() -> None:
    rng = Random(4)
    words = [[text[start:end] for start, end in tokens(text)] for text in TEXTS]
    model = _model()
    together = model.read(words * 20)
    model._forget()
    for number in rng.sample(range(len(TEXTS)), len(TEXTS)):
        alone = model.read([words[number]])[0]
        assert (alone == together[number]).all()
        assert (alone == together[number - len(TEXTS)]).all()


def test_threads_find_the_same(recognizer) -> None:
    texts = [f"{text} {number}" for number in range(40) for text in TEXTS]
    expected = recognizer.find(texts)
    _model()._forget()
    parts = [texts[at::8] for at in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(recognizer.find, parts))
    assert made == [expected[at::8] for at in range(8)]


def test_words_are_forgotten_before_they_fill_the_memory(recognizer, monkeypatch) -> None:
    monkeypatch.setattr("components.pii.ner.tagger._MAX_CACHED_WORDS", 100)
    before = recognizer.find(TEXTS)
    for number in range(20):
        recognizer.find([f"word{number}of{other}" for other in range(50)])
    assert len(_model()._rows) <= 200
    assert recognizer.find(TEXTS) == before


def test_a_long_text_is_read_to_its_end(recognizer) -> None:
    text = "The parcel was sent back to the shop. " * 400 + "My name is Barbara Johnson."
    assert _found(recognizer, text) == ["Barbara Johnson"]


def test_it_serves_presidio(recognizer) -> None:
    engine = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=[recognizer]),
        nlp_engine=NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}]),
    )
    results = engine.analyze(TEXTS[0], language="en", entities=["PERSON"])
    assert [TEXTS[0][r.start : r.end] for r in results] == ["Barbara Johnson"]
