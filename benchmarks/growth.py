"""How time and memory of a private step grow with batch, width, depth and length, beside an ordinary step."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress

from frameworks import OURS, Record
from timing import CORES, ORDINARY, PRIVATE

console = Console()


@dataclass(frozen=True)
class Sweep:
    """One size that is changed while the others stay.

    Attributes:
      title: for people.
      workload: name, with the sizes that stay.
      size: which one changes.
      values: what it changes to.
    """

    title: str
    workload: str
    size: str
    values: tuple[int, ...]

    def spec(self, value: int) -> str:
        """The workload with this size."""
        return f"{self.workload},{self.size}={value}"


SWEEPS = [
    Sweep("MLP 2 x 512: batch size", "W2,width=512", "batch_size", (32, 64, 128, 256, 512, 1024)),
    Sweep("MLP, batch 128: width of 2 layers", "W2,batch_size=128", "width", (128, 256, 512, 1024, 2048)),
    Sweep("MLP, batch 128: layers of 256", "W2,batch_size=128,width=256", "depth", (1, 2, 4, 8, 16)),
    Sweep("Transformer, batch 16: tokens", "W4,batch_size=16,classes=500", "length", (32, 64, 128, 256, 512)),
]
MODES = {ORDINARY: "#6b7280", PRIVATE: "#c2410c"}


def main(
    plot_file: Annotated[Path, typer.Option("--plot", help="Where the plot goes.")] = Path("docs/growth.png"),
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write all figures.")] = None,
    from_json: Annotated[Path | None, typer.Option(help="Plots figures that were written before.")] = None,
    seconds: Annotated[float, typer.Option(help="About how long each size is timed.")] = 2,
) -> None:
    """Measures the sweeps and plots them."""
    records = json.loads(from_json.read_text(encoding="utf-8")) if from_json else measured(seconds)
    if json_file:
        json_file.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    plot(records).savefig(plot_file)
    console.print(f"{plot_file}")


def measured(seconds: float) -> list[Record]:
    """Time and peak memory of every size, private and ordinary."""
    specs = [sweep.spec(value) for sweep in SWEEPS for value in sweep.values]
    records = []
    with Progress(console=console, transient=True) as progress, ThreadPoolExecutor(CORES) as pool:
        for spec in progress.track(specs, description="time"):
            records += OURS.run("step", spec, "--seconds", str(seconds))
        runs = [(spec, mode) for spec in specs for mode in MODES]
        found = pool.map(lambda run: OURS.run("memory", run[0], "--modes", run[1]), runs)
        for more in progress.track(found, total=len(runs), description="memory"):
            records += more
    for record in records:
        if "failed" in record:
            console.print(f"failed: {record['workload']}, {record['mode']}: {record['failed']}", markup=False)
    return records


def plot(records: list[Record]) -> Figure:
    """Time above, memory below; a column for each sweep."""
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(3.1 * len(SWEEPS), 5.6), dpi=150, layout="constrained")
        axes = figure.subplots(2, len(SWEEPS), sharex="col", squeeze=False)
        for column, sweep in enumerate(SWEEPS):
            curves(axes[0][column], sweep, records, "step", "ms")
            curves(axes[1][column], sweep, records, "memory", "peak_mib")
            axes[0][column].set_title(sweep.title, fontsize=9.5, loc="left")
            axes[1][column].set_xlabel(sweep.size.replace("_", " "))
        axes[0][0].set_ylabel("step, ms")
        axes[1][0].set_ylabel("peak memory of the process, MiB")
        figure.legend(
            *axes[0][0].get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False
        )
    return figure


def curves(axes: Axes, sweep: Sweep, records: list[Record], what: str, quantity: str) -> None:
    """The line of each mode, and how many times the ordinary one the private one is."""
    lines = {}
    for mode, color in MODES.items():
        found = {
            r["workload"]: r[quantity]
            for r in records
            if (r["what"], r["mode"]) == (what, mode) and quantity in r
        }
        lines[mode] = {
            value: found[sweep.spec(value)] for value in sweep.values if sweep.spec(value) in found
        }
        axes.plot(
            list(lines[mode]), list(lines[mode].values()), "o-", color=color, label=mode, markersize=3.5
        )
    for value, private in lines[PRIVATE].items():
        if value in lines[ORDINARY]:
            axes.annotate(
                f"{private / lines[ORDINARY][value]:.1f}x",
                (value, private),
                textcoords="offset points",
                xytext=(0, 6),
                ha="center",
                fontsize=8,
                color=MODES[PRIVATE],
            )
    axes.set_xscale("log", base=2)
    axes.set_xticks(sweep.values, [str(value) for value in sweep.values])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.margins(x=0.1)
    axes.set_ylim(top=axes.get_ylim()[1] * 1.08)
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)


if __name__ == "__main__":
    typer.run(main)
