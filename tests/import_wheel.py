"""Imports every module of the installed wheel, and sees that it is the installed one. Run by `make check`."""

import importlib
import pkgutil
import sys
import sysconfig
from pathlib import Path

DATA = (
    "components/pii/ner/adapter.npz",
    "components/pii/ner/not_names.txt",
    "components/pii/ner/tagger.npz",
    "components/privacy_evaluator/page.html.j2",
    "pipelines/taxi/canary_plan.yaml",
    "pipelines/taxi/gate_policy.yaml",
    "pipelines/taxi/scrub_policy.yaml",
    "pipelines/taxi/settings.yaml",
)


def main() -> None:
    site = Path(sysconfig.get_paths()["purelib"]).resolve()
    count = 0
    for name in ("dpcore", "components", "pipelines"):
        package = importlib.import_module(name)
        home = Path(package.__file__).resolve()
        if site not in home.parents:
            sys.exit(f"{name} was imported from {home}, not from the installed wheel in {site}.")
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            importlib.import_module(module.name)
            count += 1
        for public in package.__all__ if hasattr(package, "__all__") else []:
            getattr(package, public)
    missing = [path for path in DATA if not (site / path).is_file()]
    if missing:
        sys.exit(f"the wheel lacks {', '.join(missing)}.")
    print(f"the wheel imports: {count} modules")


if __name__ == "__main__":
    main()
