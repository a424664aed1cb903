"""What the taxi example needs before it can run, and what only it can check afterwards."""

import os
import secrets
from pathlib import Path

from pipelines.places import Places
from pipelines.records import Run
from pipelines.settings import Settings, load_settings
from pipelines.taxi import data
from pipelines.taxi.survivors import Survival, count_survivors, read_texts

SETTINGS = Path(__file__).parent / "settings.yaml"
_KEY_VARIABLE = "TFX_PRIVACY_PSEUDONYM_KEY"


def demo_settings(places: Places) -> Settings:
    """The example's settings, with its rows generated and its pseudonym key in the environment."""
    _provide_key(places.keys / "pseudonym.key")
    trips = data.generate(places.data).trips
    return load_settings(SETTINGS, for_demo=True).model_copy(update={"input": trips})


def survivors(run: Run, places: Places) -> dict[str, Survival]:
    """Of the personal values that were generated, how many came through the scrub, by entity type."""
    examples = next(
        o for s in run.steps if s.name == "ScrubbingExampleGen" for o in s.outputs if o.key == "examples"
    )
    truth = data.load_truth(places.data / "truth.jsonl")
    return count_survivors(truth, read_texts(f"{examples.uri}/Split-*/*"))


def _provide_key(file: Path) -> None:
    """A key of the environment's own wins; otherwise one is made once and kept in the work folder."""
    if _KEY_VARIABLE in os.environ:
        return
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32), encoding="ascii")
    os.environ[_KEY_VARIABLE] = file.read_text(encoding="ascii")
