"""Imports that a step does not need, left out: on Kubeflow every task is a process, and pays for each."""

import importlib
import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Any

# Packages whose own code imports far more than any one of their parts does: all components with TFMA, TFDV,
# Transform and Vertex's clients; all of TFMA, of which TFX's specifications want the configuration.
_PACKAGES = ("tfx.components", "tensorflow_model_analysis")


def imports() -> None:
    """Lets parts of some packages be imported without all of the package.

    To import ``a.b.c`` first runs the code of ``a.b``. For the packages above, that code runs only when
    somebody asks the package itself for a name that is no part of it. Does nothing for a package that is
    imported already.
    """
    os.environ.setdefault("_KFP_RUNTIME", "true")  # kfp's own word for: only what a running task needs.
    for name in _PACKAGES:
        if name not in sys.modules:
            _put_light(name)


def _put_light(name: str) -> None:
    parent = name.rpartition(".")[0]
    spec = PathFinder.find_spec(name, importlib.import_module(parent).__path__ if parent else None)
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} cannot be found: TFX is not installed as it should be.")
    loader, package = spec.loader, module_from_spec(spec)

    def get(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        if PathFinder.find_spec(f"{name}.{attribute}", package.__path__):
            return importlib.import_module(f"{name}.{attribute}")
        package.__dict__.pop("__getattr__", None)
        loader.exec_module(package)
        return getattr(package, attribute)

    package.__dict__["__getattr__"] = get
    sys.modules[name] = package
