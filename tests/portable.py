"""A job service of Beam and a separate pool of workers, as processes of this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 180  # to come up, on a machine that is busy


@contextmanager
def portable(folder: Path) -> Iterator[tuple[list[str], int]]:
    """Beam's options for both, and the process of the pool. They run in the given folder, and log there."""
    jobs, workers = free_port(), free_port()
    modules = (
        ("apache_beam.runners.portability.local_job_service_main", f"--port={jobs}"),
        ("apache_beam.runners.worker.worker_pool_main", f"--service_port={workers}"),
    )
    with (folder / "log.txt").open("wb") as log:
        started = [
            subprocess.Popen(
                [sys.executable, "-m", *module],
                env=_environment(),
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            for module in modules
        ]
        try:
            for port in (jobs, workers):
                wait(lambda port=port: answers(port))
            yield options(jobs, workers), started[1].pid
        finally:
            for process in started:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def options(jobs: int, workers: int) -> list[str]:
    return [
        "--runner=PortableRunner",
        f"--job_endpoint=localhost:{jobs}",
        "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{workers}",
    ]


def wait(happened: Callable[[], list[int] | bool]) -> list[int] | bool:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if now := happened():
            return now
        time.sleep(0.1)
    raise TimeoutError


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("localhost", port)) == 0


def _environment() -> dict[str, str]:
    # The pool starts its workers as `python`.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(Path(__file__).parents[1])}
