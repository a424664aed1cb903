"""What is compared: a script for each framework, run in a Python environment of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parent / ".tools" / "peers"

Record = dict[str, Any]


@dataclass(frozen=True)
class Framework:
    """A framework, with the script that measures it.

    Attributes:
      title: for people.
      script: see ``timing.main`` for what it takes and prints.
      python: the interpreter that runs it.
      python_version: which Python that is, for a peer; also in its requirements.
    """

    title: str
    script: Path
    python: Path
    python_version: str = ""

    @property
    def requirements(self) -> Path:
        """What its environment holds."""
        return self.script.with_name(self.script.name.replace("_step.py", ".txt"))

    def run(self, what: str, workload: str, *options: str, timeout: float = 300) -> list[Record]:
        """Runs the script in a new process.

        Args:
          what: step, fit or memory.
          workload: name, with changed sizes.
          options: more arguments of the script.
          timeout: seconds.

        Returns:
          What it printed; where it crashed, one record that says so.
        """
        command = [str(self.python), str(self.script), what, workload, *options]
        environment = {**os.environ, "PYTHONPATH": str(HERE)}
        try:
            # The interpreters and scripts of this folder, with arguments of its own.
            done = subprocess.run(  # noqa: S603
                command, env=environment, capture_output=True, text=True, timeout=timeout, check=False
            )
            output, log = done.stdout, done.stderr
            reason = f"exit code {done.returncode}: {log.strip().rpartition(chr(10))[2]}"
            crashed = done.returncode != 0
        except subprocess.TimeoutExpired as expired:
            output, log = _text(expired.stdout), _text(expired.stderr)
            crashed, reason = True, f"not done after {timeout:.0f} s"
        records = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        if crashed:
            modes = [line.removeprefix("mode: ") for line in log.splitlines() if line.startswith("mode: ")]
            records.append(
                {"what": what, "workload": workload, "mode": (modes or [""])[-1], "failed": reason}
            )
        return [{"framework": self.title, **record} for record in records]


def _text(output: str | bytes | None) -> str:
    return output.decode() if isinstance(output, bytes) else output or ""


def _peer(title: str, name: str, python_version: str) -> Framework:
    python = ENVIRONMENTS / name / "bin" / "python"
    return Framework(title, HERE / "peers" / f"{name}_step.py", python, python_version)


OURS = Framework("tfx-privacy", HERE / "tfx_privacy_step.py", Path(sys.executable))
PEERS = [
    _peer("TensorFlow Privacy", "tensorflow_privacy", "3.10"),
    _peer("Opacus", "opacus", "3.11"),
    _peer("jax_privacy", "jax_privacy", "3.12"),
]
