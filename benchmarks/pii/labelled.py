"""Labelled texts of others, or of one's own: a JSON file, as one list or a text a line.

    {"text": "Ask Ann.", "spans": [{"start": 4, "end": 7, "entity_type": "PERSON"}]}

is what ``benchmarks.pii.corpus`` prints. The keys of presidio-research are read too (``full_text``,
``start_position``, ``end_position``, ``template_id``), and its types are taken for those here.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.pii.corpus import Sample
from benchmarks.pii.scores import Span
from components.pii.entities import ENTITY_TYPES

_TYPES = {
    "STREET_ADDRESS": "ADDRESS",
    "GPE": "LOCATION",
    "ZIP_CODE": "LOCATION",
    "US_DRIVER_LICENSE": "DRIVER_LICENSE",
}


def read(path: Path) -> list[Sample]:
    """The texts of a file. Labels of types that are no entity types here are left out.

    Texts with a ``template_id`` are told apart by whether it is even or odd, so that who looks at what was
    missed in some can still measure the others.

    Raises:
      ValueError: the file is not of this form.
      OSError: it cannot be read.
    """
    content = path.read_text(encoding="utf-8")
    try:
        rows = json.loads(content) if content.startswith("[") else map(json.loads, content.splitlines())
        return [_sample(row) for row in rows]
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} must hold texts with their spans as JSON, each with start, end and entity_type; "
            f"{type(error).__name__}: {error}."
        ) from None


def _sample(row: dict[str, Any]) -> Sample:
    spans = [
        Span(
            one["start"] if "start" in one else one["start_position"],
            one["end"] if "end" in one else one["end_position"],
            _TYPES.get(one["entity_type"], one["entity_type"]),
        )
        for one in row["spans"]
    ]
    kind = row.get("kind", "text")
    if row.get("template_id") is not None:
        kind = f"{'odd' if row['template_id'] % 2 else 'even'} templates"
    text = row["text"] if "text" in row else row["full_text"]
    known = sorted(span for span in spans if span.entity_type in ENTITY_TYPES)
    return Sample(text, tuple(known), kind, row.get("language", "en"))
