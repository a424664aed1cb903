"""Every error that this project raises on purpose is told in its words, wherever it is raised."""

import importlib
import re
from pathlib import Path

import pytest

from pipelines.errors import mendable

ROOT = Path(__file__).parents[2]
# Becomes a rejected row, and reaches nobody as an error.
INSIDE = {"CellError"}

DEFINED = [
    (".".join(path.relative_to(ROOT).with_suffix("").parts), name)
    for folder in ("dpcore", "components", "pipelines")
    for path in sorted((ROOT / folder).rglob("*.py"))
    for name in re.findall(r"^class (\w+Error)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    if name not in INSIDE
]


@pytest.mark.parametrize(("module", "name"), DEFINED)
def test_an_error_of_ours_is_told_in_words(module, name):
    assert issubclass(getattr(importlib.import_module(module), name), mendable())


def test_errors_of_others_are_not():
    assert not issubclass(ValueError, mendable())
    assert not issubclass(OSError, mendable())
    assert len(DEFINED) > 20
