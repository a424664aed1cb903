import numpy as np
import pytest

from components.pii.ner.both import BothRecognizer
from components.pii.ner.rampart import RampartRecognizer
from components.pii.ner.tagger import TaggerRecognizer

pytestmark = pytest.mark.usefixtures("socket_disabled")

TEXTS = ["My name is Barbara Johnson and I live in Lyon.", "Zoë O'Neil-Ruiz \U0001f600 wrote", "", " ... "]


def test_a_word_has_the_mean_of_both() -> None:
    readers = BothRecognizer(), TaggerRecognizer(threshold=0.0), RampartRecognizer(threshold=0.0)
    for words, *each in zip(*(reader.scores(TEXTS) for reader in readers), strict=True):
        tagger, rampart = ({(start, end): odds for start, end, odds in one} for one in each)
        read = {(start, end): odds for start, end, odds in words}
        assert list(read) == sorted(tagger.keys() | rampart.keys())
        for place, odds in read.items():
            known = [one[place] for one in (tagger, rampart) if place in one]
            assert odds == pytest.approx(np.mean(known, axis=0), abs=1e-3)


def test_what_both_hold_for_a_name_is_found() -> None:
    findings = BothRecognizer(["PERSON"], 0.3).find(TEXTS)
    found = [[text[one.start : one.end] for one in own] for text, own in zip(TEXTS, findings, strict=True)]
    assert found == [["Barbara Johnson"], ["Zoë O'Neil-Ruiz"], [], []]
