"""The README's examples run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```(?:python|yaml)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
FILES = {match[1]: block for block in BLOCKS if (match := re.match(r"# (\S+\.(?:py|yaml))\n", block))}


def run(directory, program, **environment):
    done = subprocess.run(
        [sys.executable, program],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_training_without_tfx(tmp_path):
    (unnamed,) = [block for block in BLOCKS if block not in FILES.values()]
    (tmp_path / "train.py").write_text(unnamed, encoding="utf-8")
    said = run(tmp_path, "train.py")
    assert "-differentially private with respect to adding or removing one example" in said
    assert (tmp_path / "model.keras").is_file()


@pytest.mark.slow
def test_the_components_in_a_pipeline_of_ones_own(tmp_path):
    assert sorted(FILES) == [
        "gate.yaml",
        "make_rows.py",
        "scrub.yaml",
        "visits_model.py",
        "visits_pipeline.py",
    ]
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    run(tmp_path, "make_rows.py")
    run(tmp_path, "visits_pipeline.py", PSEUDONYM_KEY="of no use but in tests " * 2)
    (pushed,) = (tmp_path / "pushed").iterdir()
    assert (pushed / "saved_model.pb").is_file()
