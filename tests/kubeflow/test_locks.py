"""What goes into the images is what is tested here, and no more."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(file: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes of each package."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^\s;]+)(.*)$", text, re.MULTILINE)
    return {
        name: (version, frozenset(re.findall(r"sha256:[0-9a-f]{64}", rest))) for name, version, rest in found
    }


@pytest.mark.parametrize("accelerator", ["cpu", "gpu"])
def test_the_image_holds_what_the_tests_run_on(accelerator: str) -> None:
    image, tested = pins(f"kubeflow/requirements-{accelerator}.lock"), pins("requirements.lock")
    own = {name for name in image if name == "tensorflow-cpu" or name.startswith("nvidia-")}
    assert own
    assert {name: pin for name, pin in image.items() if name not in own} == {
        name: tested[name] for name in image if name not in own
    }
    assert all(hashes for _, hashes in image.values())


def test_the_image_without_gpu_has_the_same_tensorflow() -> None:
    cpu = pins("kubeflow/requirements-cpu.lock")
    assert "tensorflow" not in cpu
    assert cpu["tensorflow-cpu"][0] == pins("requirements.lock")["tensorflow"][0]


@pytest.mark.parametrize("accelerator", ["cpu", "gpu"])
def test_the_tools_of_developers_stay_at_home(accelerator: str) -> None:
    image = pins(f"kubeflow/requirements-{accelerator}.lock")
    tools = {re.split(r"[\[><=; ]", tool)[0].lower() for tool in PROJECT["dependency-groups"]["dev"]}
    assert tools & set(image) <= {"psutil", "pymysql"}, "which Beam needs too"


@pytest.mark.parametrize("accelerator", ["cpu", "gpu"])
def test_every_dependency_is_in_the_image(accelerator: str) -> None:
    image = pins(f"kubeflow/requirements-{accelerator}.lock")
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["storage"]]
    missing = {re.split(r"[\[><=; ]", one)[0] for one in wanted} - set(image)
    assert missing == ({"tensorflow"} if accelerator == "cpu" else set())
