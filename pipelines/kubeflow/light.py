"""Imports that a step does not need, left out: on Kubeflow every task is a process, and pays for each."""

import importlib
import os
import sys
from functools import partial
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

# Packages whose own code imports far more than any one of their parts does: all of TFMA, of which TFX's
# specifications want the configuration; all components, with TFMA, TFDV, Transform and Vertex's clients. They
# are loaded in this order: TFX gives TFMA names that its newer releases lack.
_PACKAGES = ("tensorflow_model_analysis", "tfx.components")


def imports() -> None:
    """Lets parts of some packages be imported without all of the package.

    To import ``a.b.c`` first runs the code of ``a.b``. For the packages above, that code runs only when
    somebody asks one of them for a name that is no part of it. Does nothing for a package that is imported
    already.
    """
    os.environ.setdefault("_KFP_RUNTIME", "true")  # kfp's own word for: only what a running task needs.
    waiting = [_put_light(name) for name in _PACKAGES if name not in sys.modules]
    for package in waiting:
        package.__dict__["__getattr__"] = partial(_get, package, waiting)


def _put_light(name: str) -> ModuleType:
    parent = name.rpartition(".")[0]
    spec = PathFinder.find_spec(name, importlib.import_module(parent).__path__ if parent else None)
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} cannot be found: TFX is not installed as it should be.")
    sys.modules[name] = module_from_spec(spec)
    return sys.modules[name]


def _get(package: ModuleType, waiting: list[ModuleType], attribute: str) -> Any:
    """A part of the package; or any other name, for which all the packages that wait are loaded."""
    if attribute.startswith("__"):
        raise AttributeError(f"module {package.__name__!r} has no attribute {attribute!r}")
    if PathFinder.find_spec(f"{package.__name__}.{attribute}", package.__path__):
        return importlib.import_module(f"{package.__name__}.{attribute}")
    loading, waiting[:] = list(waiting), []
    for one in loading:
        one.__dict__.pop("__getattr__", None)
    for one in loading:
        one.__spec__.loader.exec_module(one)  # type: ignore[union-attr]
    return getattr(package, attribute)
