"""What a step of DP-SGD costs, beside an ordinary step: here and in the peers."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from frameworks import OURS, PEERS, Framework, Record
from timing import CORES, ORDINARY
from workloads import WORKLOADS

console = Console() if sys.stdout.isatty() else Console(width=130)

# From here on, the figures are to be taken again on a quieter machine.
_LOAD_CORES = 0.2


def main(
    workloads: Annotated[list[str] | None, typer.Argument(help="W1 W2 W3 W4; by default all.")] = None,
    peers: Annotated[bool, typer.Option("--peers", help="Also the frameworks of others.")] = False,
    memory: Annotated[bool, typer.Option("--memory", help="Also the peak memory of a new process.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write all figures.")] = None,
    seconds: Annotated[float, typer.Option(help="About how long a framework is timed on a workload.")] = 4,
) -> None:
    """Times ordinary and private steps beside each other, and prints a table for each workload."""
    names = workloads or list(WORKLOADS)
    unknown = sorted(set(names) - set(WORKLOADS))
    if unknown:
        raise typer.BadParameter(f"workloads are {', '.join(WORKLOADS)}; got {', '.join(unknown)}.")
    frameworks = [OURS, *present(PEERS)] if peers else [OURS]
    records: list[Record] = []
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=len(names) * len(frameworks))
        for name in names:
            measured = []
            for framework in frameworks:
                progress.update(task, description=f"{name} {framework.title}")
                measured += measure(framework, name, seconds=seconds, memory=memory)
                progress.advance(task)
            progress.console.print(table(name, measured))
            records += measured
            if json_file:
                json_file.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    notes(records)


def present(peers: list[Framework]) -> list[Framework]:
    """The peers whose environments are built."""
    missing = [peer.title for peer in peers if not peer.python.exists()]
    if missing:
        console.print(f"Without {', '.join(missing)}: `make benchmark-peers` builds their environments.")
    return [peer for peer in peers if peer.python.exists()]


def measure(framework: Framework, workload: str, *, seconds: float, memory: bool) -> list[Record]:
    """All that is measured of a framework on a workload."""
    timing = ("--seconds", str(seconds))
    records = framework.run("step", workload, *timing)
    if framework is OURS:
        records += framework.run("fit", workload, *timing)
    if memory:
        modes = [mode for mode in (ORDINARY, best_private(records)) if mode]
        # Memory does not depend on what else is running.
        with ThreadPoolExecutor(CORES) as pool:
            runs = pool.map(lambda mode: framework.run("memory", workload, "--modes", mode), modes)
            records += [record for run in runs for record in run]
    return records


def best_private(records: list[Record]) -> str | None:
    """The fastest private mode of one framework on one workload."""
    private = [r for r in records if r["what"] == "step" and "ms" in r and not r["mode"].startswith(ORDINARY)]
    return min(private, key=lambda record: record["ms"])["mode"] if private else None


def table(workload: str, records: list[Record]) -> Table:
    """One row for every framework and mode of a workload; the best private mode is in bold."""
    shown = Table(title=f"{workload}: {WORKLOADS[workload].title}, batch {WORKLOADS[workload].batch_size}")
    for column in ("framework", "mode"):
        shown.add_column(column, no_wrap=True)
    for column in ("ms", "examples/s", "ratio [quartiles]", "fit examples/s", "ratio", "peak MiB", "ratio"):
        shown.add_column(column, justify="right")
    for framework in dict.fromkeys(record["framework"] for record in records):
        own = [record for record in records if record["framework"] == framework]
        best = best_private(own)
        for mode in sorted({record["mode"] for record in own}, key=lambda mode: (mode != ORDINARY, mode)):
            by_kind = {record["what"]: record for record in own if record["mode"] == mode}
            ordinary = next((r for r in own if r["what"] == "memory" and r["mode"] == ORDINARY), {})
            cells = row(by_kind, ordinary.get("peak_mib"))
            shown.add_row(framework, mode, *cells, style="bold" if mode == best else "")
        shown.add_section()
    return shown


def row(by_kind: dict[str, Record], ordinary_mib: float | None) -> list[str]:
    """The figures of one mode, as text."""
    step, fit, memory = (by_kind.get(kind, {}) for kind in ("step", "fit", "memory"))
    cells = [""] * 7
    if "ms" in step:
        spread = f"{step['ratio']:.2f} [{step['ratio_q1']:.2f}-{step['ratio_q3']:.2f}]"
        cells[:3] = [f"{step['ms']:.1f}", f"{step['examples_per_second']:,.0f}", spread]
    elif "failed" in step:
        cells[0] = "failed"
    if "ms" in fit:
        cells[3:5] = [f"{fit['examples_per_second']:,.0f}", f"{fit['ratio']:.2f}"]
    if "peak_mib" in memory:
        ratio = memory["peak_mib"] / ordinary_mib if ordinary_mib else float("nan")
        cells[5:] = [f"{memory['peak_mib']:,.0f}", f"{ratio:.2f}"]
    return cells


def notes(records: list[Record]) -> None:
    """What has to be known to read the tables."""
    console.print(
        f"Every framework may use {CORES} cores. A ratio is to the ordinary mode of the same framework."
    )
    for framework in dict.fromkeys(record["framework"] for record in records):
        own = [record for record in records if record["framework"] == framework]
        versions = next((record["versions"] for record in own if "versions" in record), "")
        counts = {record["workload"]: record["parameters"] for record in own if "parameters" in record}
        parameters = ", ".join(f"{workload} {count:,}" for workload, count in counts.items())
        console.print(f"{framework}: {versions}; parameters: {parameters}")
    for record in records:
        if "failed" in record:
            place = f"{record['framework']} {record['workload']} {record['what']}, {record['mode']}"
            console.print(f"failed: {place}: {record['failed']}", markup=False)
    load = max((record.get("other_load_cores", 0) for record in records), default=0)
    if load > _LOAD_CORES:
        console.print(f"Other programs used up to {load:.1f} cores: compare ratios only.", style="yellow")


if __name__ == "__main__":
    typer.run(main)
