"""Imports point one way: dpcore knows nothing above it, components know dpcore, pipelines know both."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What no module of a folder may import.
FORBIDDEN = {
    "dpcore": {"components", "pipelines", "tests", "benchmarks", "tfx", "apache_beam", "kfp", "ml_metadata"},
    "components": {"pipelines", "tests", "benchmarks"},
    "pipelines": {"tests", "benchmarks"},
}


def imported(tree):
    """Every module that is imported anywhere in a tree, with its line; also by importlib and by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module if node.level == 0 else "." * node.level, node.lineno
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.args[0].value, node.lineno


def offences(source, folder, name="source"):
    """What a module in ``folder`` does against the layers, in words."""
    tree = ast.parse(source)
    found = [
        f"{name}:{line}: {folder} must not import {module}"
        for module, line in imported(tree)
        if module.split(".")[0] in FORBIDDEN[folder] or module.startswith(".")
    ]
    found += [
        f"{name}:{node.lineno}: python -O removes assert"
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    return sorted(found)


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_point_one_way(folder):
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    found = [
        offence
        for path in paths
        for offence in offences(path.read_text(encoding="utf-8"), folder, str(path.relative_to(ROOT)))
    ]
    assert found == []


def test_kubeflow_holds_no_python():
    assert [str(path.relative_to(ROOT)) for path in (ROOT / "kubeflow").rglob("*.py")] == []


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("dpcore", "import tfx"),
        ("dpcore", "import tfx.v1 as tfx"),
        ("dpcore", "from apache_beam import transforms"),
        ("dpcore", "import numpy, kfp"),
        ("dpcore", "from components.pii import policy"),
        ("dpcore", "def later():\n    from pipelines import taxi"),
        ("dpcore", "import importlib\nimportlib.import_module('ml_metadata.proto')"),
        ("dpcore", "__import__('components')"),
        ("dpcore", "from ..components import pii"),
        ("components", "from pipelines.taxi import data"),
        ("components", "if True:\n    import tests.helpers"),
        ("pipelines", "from tests import helpers"),
        ("dpcore", "assert True"),
        ("components", "def check(x):\n    assert x > 0"),
    ],
)
def test_an_offence_is_found(folder, source):
    assert len(offences(source, folder)) == 1


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("dpcore", "import tensorflow as tf\nfrom dpcore.errors import DpError\nimport tfxlike"),
        ("components", "import tfx.v1 as tfx\nfrom dpcore import Ledger\nimport components.artifacts"),
        ("pipelines", "import dpcore, components, kfp\nfrom pipelines.taxi import data"),
        ("dpcore", "'import tfx'  # import kfp"),
    ],
)
def test_what_is_allowed_is_not_an_offence(folder, source):
    assert offences(source, folder) == []
