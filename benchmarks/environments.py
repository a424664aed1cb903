"""Builds the environments of the peers, each with the Python that it needs."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from frameworks import PEERS, Framework

console = Console()


def main(
    uv: Annotated[str, typer.Option(help="The program uv; by default the one on PATH, or in .tools.")] = "",
) -> None:
    """Builds what is missing; a peer that cannot be built is named, and the others go on."""
    uv = str(Path(shutil.which(uv or "uv") or ".tools/bin/uv").absolute())
    failed = [peer.title for peer in PEERS if not build(peer, uv)]
    if failed:
        console.print(f"Without: {', '.join(failed)}. The benchmark runs with the others.")


def build(peer: Framework, uv: str) -> bool:
    """Builds the environment of a peer, and says whether it is there."""
    folder = peer.python.parents[1]
    ready = folder / ".ready"
    wanted = peer.requirements.read_text(encoding="utf-8")
    if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
        return True
    with console.status(f"{peer.title}: Python {peer.python_version}"):
        problem = run(uv, "venv", "--clear", "--python", peer.python_version, str(folder), peer=peer) or run(
            *(uv, "pip", "install", "--compile-bytecode"),
            *("--python", str(peer.python), "--requirements", str(peer.requirements)),
            peer=peer,
        )
    if problem:
        console.print(f"{peer.title} cannot be built: {problem}", style="red", markup=False)
        return False
    ready.write_text(wanted, encoding="utf-8")
    console.print(f"{peer.title}: {folder}")
    return True


def run(*command: str, peer: Framework) -> str:
    """Runs a command; returns what went wrong, or nothing."""
    try:
        done = subprocess.run(  # noqa: S603 (uv, with arguments of this module)
            [*command, "--quiet"],
            cwd=Path.cwd().anchor,  # Not in this project, whose settings of uv are for its own environment.
            env=environment(peer),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return f"{command[0]} is not there; `make benchmark-peers` fetches it"
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


def environment(peer: Framework) -> dict[str, str]:
    """As ours, with two things that uv does not look for: pyenv's interpreters, and pip's own packages."""
    variables = dict(os.environ)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    interpreters = sorted(pyenv.glob(f"versions/{peer.python_version}.*/bin"))
    variables["PATH"] = os.pathsep.join([*map(str, interpreters), variables.get("PATH", "")])
    if "PIP_FIND_LINKS" in variables:
        variables.setdefault("UV_FIND_LINKS", variables["PIP_FIND_LINKS"].replace(" ", ","))
    return variables


if __name__ == "__main__":
    typer.run(main)
