"""The image, run by a container engine. `make kubeflow-test` builds it and names it in the environment."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow import scrubbing
from tests.portable import answers, free_port, options, portable, wait
from tests.scrub_policy import KEY

IMAGE = os.environ.get("TFX_PRIVACY_IMAGE", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not IMAGE, reason="no image: run `make kubeflow-test`"),
]
# As the pods of the manifests: no rights, nothing to write to but /tmp, and no network.
LOCKED = {
    "read_only": True,
    "tmpfs": {"/tmp": "mode=1777"},  # noqa: S108
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "network_mode": "none",
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    import docker

    client = docker.from_env()
    yield client
    client.close()


def _run(engine: Any, *command: str) -> str:
    output: bytes = engine.containers.run(IMAGE, list(command), remove=True, **LOCKED)
    return output.decode()


def test_it_imports_every_executor_without_rights_or_network(engine: Any) -> None:
    assert _run(engine, "python", "-m", "pipelines.kubeflow.health") == "12 executors can be imported\n"


def test_its_user_is_nobody_and_owns_nothing(engine: Any) -> None:
    assert engine.images.get(IMAGE).attrs["Config"]["User"] == "10001:10001"
    writable = "find /opt /usr /etc -writable -not -type l -print -quit 2> /dev/null; true"
    assert _run(engine, "sh", "-c", writable) == ""


def test_it_holds_no_tools_that_build_and_no_settings_of_the_host(engine: Any) -> None:
    tools = "for t in cc gcc g++ make pip pip3 pytest mypy ruff uv; do command -v $t; done; true"
    assert _run(engine, "sh", "-c", tools) == ""
    assert _run(engine, "sh", "-c", "cat /etc/pip.conf; ls /root/.config; true") == ""
    names = {one.split("=")[0] for one in engine.images.get(IMAGE).attrs["Config"]["Env"]}
    own = {"PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "HOME"}
    # The others are what the base image python:3.11-slim sets.
    assert own <= names <= own | {"LANG", "GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256"}


@pytest.fixture
def worker_pool(engine: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Starts the image as a pool of workers that sees the given folders of this machine; gives its port."""
    monkeypatch.setenv("TEST_PSEUDONYM_KEY", KEY)
    started = []

    def start(*folders: Path) -> int:
        port = free_port()
        pool = engine.containers.run(
            IMAGE,
            ["python", "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"],
            detach=True,
            network_mode="host",
            user=f"{os.getuid()}:{os.getgid()}",  # Who may see the test's folder.
            environment={"TEST_PSEUDONYM_KEY": KEY},
            volumes={str(folder): {"bind": str(folder), "mode": "rw"} for folder in folders},
        )
        started.append(pool)
        wait(lambda: answers(port))
        return port

    yield start
    for pool in started:
        pool.remove(force=True)


def test_workers_in_a_container_scrub_the_rows(tmp_path: Path, worker_pool: Any) -> None:
    scrubbing.write_rows(tmp_path)
    with portable(tmp_path) as (own, _):
        jobs = int(own[1].rpartition(":")[2])
        records, report = scrubbing.run(tmp_path, "run", options(jobs, worker_pool(tmp_path)))
    assert (report["rows_in"], report["rows_out"], report["rows_rejected"]) == (2000, 1980, 20)
    assert sum(counter.total() for counter in records.values()) == 1980


def test_workers_that_write_where_nobody_sees_it_fail_the_run(tmp_path: Path, worker_pool: Any) -> None:
    scrubbing.write_rows(tmp_path)
    with portable(tmp_path) as (own, _):
        jobs = int(own[1].rpartition(":")[2])
        with pytest.raises(Exception, match=r"Rows were lost or doubled, so nothing is accepted\."):
            scrubbing.run(tmp_path, "run", options(jobs, worker_pool(tmp_path / "rows")))
