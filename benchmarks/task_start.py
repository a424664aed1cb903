"""What a task on Kubeflow pays before its executor starts: imports, with and without bytecode.

Every task is a process of its own, so a pipeline of twelve tasks pays twelve times. "Before" is TFX's own
entrypoint; "after" is pipelines.kubeflow.entrypoint. Both import the executor. CPU seconds, because wall
time tells more about the machine's other load.

    python benchmarks/task_start.py [STEP ...]
    python -X importtime -c 'from pipelines.kubeflow import light; light.imports(); import ...'   # what it is
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from pipelines.kubeflow.health import EXECUTORS  # noqa: E402

TFX = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
_BEFORE = "import importlib; importlib.import_module({tfx!r}); importlib.import_module({module!r})"
_AFTER = """
from pipelines.kubeflow import entrypoint, light
light.imports()
import importlib
from pipelines.kubeflow import handover
importlib.import_module({module!r})
"""


def measure(code: str, *, bytecode: bool) -> tuple[float, float, int]:
    """CPU seconds, peak memory in MiB and number of modules of a fresh process that runs the code."""
    told = "import resource, sys, json\nused = resource.getrusage(resource.RUSAGE_SELF)\n"
    told += "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, len(sys.modules)]))"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as empty:
        if not bytecode:
            environment |= {"PYTHONPYCACHEPREFIX": empty, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", f"{code}\n{told}"], env=environment, capture_output=True, text=True
        )
    if done.returncode:
        sys.exit(done.stderr)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", help="parts of executors' import paths; by default all")
    parser.add_argument("--without-bytecode", action="store_true", help="as if nothing were compiled")
    options = parser.parse_args()
    print("| executor | before: CPU s | MiB | modules | after: CPU s | MiB | modules |")
    print("|---|---|---|---|---|---|---|")
    for path in EXECUTORS:
        if options.steps and not any(step in path for step in options.steps):
            continue
        module = path.rpartition(".")[0]
        cells = [
            f"{cpu:.1f} | {peak:.0f} | {modules:,}"
            for code in (_BEFORE, _AFTER)
            for cpu, peak, modules in [
                measure(code.format(tfx=TFX, module=module), bytecode=not options.without_bytecode)
            ]
        ]
        print(f"| {module} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
