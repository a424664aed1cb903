"""Labelled texts of a file."""

import json

import pytest

from benchmarks.pii import corpus, labelled


def test_what_the_corpus_prints_is_read_back(tmp_path, capsys):
    corpus.main(part="dev", size=20, seed=0, file=None)
    (tmp_path / "texts.jsonl").write_text(capsys.readouterr().out)
    assert labelled.read(tmp_path / "texts.jsonl") == corpus.samples("dev", 20)


def test_the_form_of_presidio_research_is_read_with_its_types(tmp_path):
    spans = [
        {"entity_type": "GPE", "entity_value": "Ulm", "start_position": 7, "end_position": 10},
        {"entity_type": "PERSON", "entity_value": "Ann", "start_position": 0, "end_position": 3},
        {"entity_type": "TITLE", "entity_value": "of", "start_position": 4, "end_position": 6},
    ]
    path = tmp_path / "texts.json"
    path.write_text(
        json.dumps([{"full_text": "Ann of Ulm", "spans": spans, "template_id": at} for at in (2, 3)])
    )
    even, odd = labelled.read(path)
    assert even.spans == odd.spans == ((0, 3, "PERSON"), (7, 10, "LOCATION"))
    assert (even.kind, odd.kind) == ("even templates", "odd templates")


@pytest.mark.parametrize("content", ["{}", "[1]", '{"text": "a", "spans": [{"start": 1}]}', "text"])
def test_another_file_is_refused_and_named(tmp_path, content):
    path = tmp_path / "texts.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"texts\.json must hold texts with their spans as JSON"):
        labelled.read(path)
