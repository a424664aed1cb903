"""The code of dpcore/README.md runs as it stands there, one block after the other."""

import re
from pathlib import Path

import pytest

from dpcore.clipping.rules import registry

README = Path(__file__).parents[2] / "dpcore" / "README.md"


@pytest.fixture
def registered_rules(monkeypatch):
    monkeypatch.setattr(registry, "_FORWARDS", dict(registry._FORWARDS))


def test_the_page_teaches_what_happens(registered_rules, capsys, recwarn):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    names = {}
    for block in blocks:
        exec(block, names)  # noqa: S102 (the page is part of this repository)
    said = capsys.readouterr().out
    assert "-differentially private with respect to adding or removing one example" in said
    assert "half of the gradients are longer than" in said
    assert "GroupNormalization" in said
    assert not [str(warning.message) for warning in recwarn if "slow" in str(warning.message)]


def test_every_module_on_the_page_exists_and_none_is_missing():
    page = README.read_text(encoding="utf-8").split("## Where things are")[1]
    named = {name.strip("/") for name in re.findall(r"`([\w/]+(?:\.py|/))`", page)}
    there = {path.name for path in README.parent.iterdir() if not path.name.startswith(("_", "."))}
    assert {name for name in named if "/" not in name} - {
        "book_keeping.py",
        "gradients.py",
        "rules",
    } == there - {
        "README.md",
        "errors.py",
        "events.py",
        "losses.py",
        "data.py",
        "__pycache__",
    }
