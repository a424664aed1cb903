import json
import subprocess
import sys
from pathlib import Path

import pytest

import dpcore

ROOT = Path(dpcore.__file__).parents[1]
ABOVE = {"tfx", "apache_beam", "kfp", "ml_metadata", "components", "pipelines"}


def modules_after(code):
    """The top-level modules that a fresh interpreter holds after running ``code``."""
    script = f"import json, sys\n{code}\nprint(json.dumps([m.split('.')[0] for m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", dpcore.__all__)
def test_everything_exported_can_be_imported_and_is_documented(name):
    assert getattr(dpcore, name).__doc__


def test_other_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'dpcore' has no attribute 'nothing'"):
        dpcore.nothing  # noqa: B018


def test_accounting_does_not_wait_for_tensorflow():
    loaded = modules_after("import dpcore, dpcore.accounting, dpcore.ledger, dpcore.config, dpcore.events")
    assert "dp_accounting" in loaded
    assert not loaded & (ABOVE | {"tensorflow", "keras"})


def test_no_module_of_dpcore_loads_what_lies_above_it():
    names = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "dpcore").rglob("*.py")
    )
    assert len(names) > 10
    loaded = modules_after("import " + ", ".join(names))
    assert "tensorflow" in loaded
    assert not loaded & ABOVE
