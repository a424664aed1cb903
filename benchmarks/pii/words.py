"""The lists of words of each part: ``templates/PART/words/NAME.txt``, one a line."""

from functools import cache
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"


@cache
def words(part: str, name: str) -> tuple[str, ...]:
    """The lines of a list."""
    text = (TEMPLATES / part / "words" / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line)
