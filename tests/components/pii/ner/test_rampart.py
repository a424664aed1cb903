import numpy as np
import pytest
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from components.pii.ner.rampart import RampartRecognizer

pytestmark = pytest.mark.usefixtures("socket_disabled")

TEXTS = [
    "My name is Barbara Johnson and I live in Lyon.",
    "i talked to barbara johnson",
    "\U0001f600 Grüße, Zoë O'Neil-Ruiz \U0001f600",
    "No one is named here.",
    "",
    " ",
    "x" * 5000,
]


@pytest.fixture(scope="module")
def recognizer() -> RampartRecognizer:
    return RampartRecognizer()


def _people(recognizer: RampartRecognizer, text: str) -> list[str]:
    return [text[f.start : f.end] for f in recognizer.find([text])[0] if f.entity_type == "PERSON"]


def test_names_are_found_to_the_letter(recognizer) -> None:
    assert _people(recognizer, TEXTS[0]) == ["Barbara Johnson"]
    assert _people(recognizer, TEXTS[1]) == ["barbara johnson"]
    assert _people(recognizer, TEXTS[2]) == ["Zoë O'Neil-Ruiz"]
    assert _people(recognizer, TEXTS[3]) == []


def test_a_text_is_read_alike_alone_and_among_others(recognizer) -> None:
    together = recognizer.find(TEXTS * 9)
    assert together[: len(TEXTS)] == together[-len(TEXTS) :]
    for text, found in zip(TEXTS, together, strict=False):
        alone = recognizer.find([text])[0]
        assert [f[:3] for f in alone] == [f[:3] for f in found]
        assert [f.score for f in alone] == pytest.approx([f.score for f in found], abs=1e-3)


def test_a_long_text_is_read_to_its_end(recognizer) -> None:
    text = "The parcel was sent back to the shop. " * 400 + "My name is Barbara Johnson."
    assert _people(recognizer, text) == ["Barbara Johnson"]


def test_it_serves_presidio(recognizer) -> None:
    engine = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=[recognizer]),
        nlp_engine=NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}]),
    )
    results = engine.analyze(TEXTS[0], language="en", entities=["PERSON"])
    assert [TEXTS[0][r.start : r.end] for r in results] == ["Barbara Johnson"]


def test_a_higher_threshold_finds_no_more(recognizer) -> None:
    strict = RampartRecognizer(["PERSON"], threshold=0.95)
    for text in TEXTS:
        found = {f[1:3] for f in strict.find([text])[0]}
        covered = np.zeros(len(text), bool)
        for finding in RampartRecognizer(["PERSON"], threshold=0.2).find([text])[0]:
            covered[finding.start : finding.end] = True
        assert all(covered[start:end].all() for start, end in found)
