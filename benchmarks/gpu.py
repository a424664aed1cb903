"""What a step of DP-SGD costs on a GPU, beside ordinary steps: with XLA, TensorFloat-32, half precision."""

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import keras
import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table

from tfx_privacy_step import step
from timing import ORDINARY, PRIVATE, Step, interleaved
from workloads import workload

DEFAULT = ["W1", "W2", "W4", "W3", "W4,batch_size=512"]
console = Console() if sys.stdout.isatty() else Console(width=130)


@dataclass(frozen=True)
class Way:
    """How a step is made.

    Attributes:
      mode: with or without privacy.
      jit_compile: whether XLA compiles it.
      tf32: whether products of float32 may be rounded to TensorFloat-32; ``fit`` of PrivateModel forbids it.
      policy: the policy of Keras for its precision.
    """

    mode: str
    jit_compile: bool = False
    tf32: bool = False
    policy: str = "float32"


WAYS = {
    f"{ORDINARY}, XLA": Way(ORDINARY, jit_compile=True, tf32=True),
    ORDINARY: Way(ORDINARY, tf32=True),
    f"{ORDINARY}, XLA, no TF32": Way(ORDINARY, jit_compile=True),
    PRIVATE: Way(PRIVATE),
    f"{PRIVATE}, XLA": Way(PRIVATE, jit_compile=True),
    f"{PRIVATE}, XLA, TF32": Way(PRIVATE, jit_compile=True, tf32=True),
    f"{ORDINARY}, XLA, bfloat16": Way(ORDINARY, jit_compile=True, tf32=True, policy="mixed_bfloat16"),
    f"{PRIVATE}, XLA, bfloat16": Way(PRIVATE, jit_compile=True, policy="mixed_bfloat16"),
}


def main(
    workloads: Annotated[list[str] | None, typer.Argument(help="As W2 or W2,batch_size=64.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write all figures.")] = None,
    seconds: Annotated[float, typer.Option(help="About how long a workload is timed.")] = 6,
) -> None:
    """Prints a table for each workload; without a GPU, only that there is none."""
    if not tf.config.list_physical_devices("GPU"):
        console.print("Skipped: TensorFlow sees no GPU.")
        return
    device = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
    console.print(f"{device.get('device_name')}, TensorFlow {tf.__version__}, Keras {keras.__version__}")
    # Where a layer can use cuDNN, Keras goes on without XLA: no row is to hide that.
    warnings.filterwarnings("error", message="Model doesn't support `jit_compile=True`")
    records = []
    for spec in workloads or DEFAULT:
        found = measure(spec, seconds)
        console.print(table(spec, found))
        records += found
        if json_file:
            json_file.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


def measure(spec: str, seconds: float) -> list[dict[str, Any]]:
    """One record for each way; the first that works is what the others are compared with."""
    steps, peaks, failed = {}, {}, []
    for name, way in WAYS.items():
        try:
            steps[name], peaks[name] = prepared(spec, way)
        except Exception as error:  # A way that does not work is a result.
            steps.pop(name, None)
            failed.append({"mode": name, "failed": f"{type(error).__name__}: {error}"[:300]})
    timed = [{**record, "peak_mib": peaks[record["mode"]]} for record in interleaved(steps, seconds=seconds)]
    return [{"workload": spec, **record} for record in timed + failed]


def prepared(spec: str, way: Way) -> tuple[Step, float]:
    """A step that has been compiled, and the MiB that it takes beside what is there before and after."""
    keras.config.set_dtype_policy(way.policy)
    try:
        tf.config.experimental.enable_tensor_float_32_execution(way.tf32)
        made = step(spec, way.mode, way.jit_compile)
    finally:
        keras.config.set_dtype_policy("float32")
    run = in_precision(made.run, way.tf32)
    run()
    run()
    tf.config.experimental.reset_memory_stats("GPU:0")
    held = tf.config.experimental.get_memory_info("GPU:0")["current"]
    run()
    peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return made._replace(run=run), (peak - held) / 2**20


def in_precision(run: Callable[[], object], tf32: bool) -> Callable[[], object]:
    """The same step where products of float32 are rounded so."""

    def run_so() -> object:
        tf.config.experimental.enable_tensor_float_32_execution(tf32)
        return run()

    return run_so


def table(spec: str, records: list[dict[str, Any]]) -> Table:
    """One row for every way."""
    sizes = workload(spec)
    shown = Table(title=f"{spec}: {sizes.title}, batch {sizes.batch_size}")
    shown.add_column("step", no_wrap=True)
    for column in ("ms", "examples/s", "ratio [quartiles]", "MiB"):
        shown.add_column(column, justify="right")
    for record in records:
        if "failed" in record:
            shown.add_row(record["mode"], "failed", record["failed"][:60])
            continue
        ratio = f"{record['ratio']:.2f} [{record['ratio_q1']:.2f}-{record['ratio_q3']:.2f}]"
        cells = f"{record['ms']:.2f}", f"{record['examples_per_second']:,.0f}", ratio
        shown.add_row(record["mode"], *cells, f"{record['peak_mib']:,.0f}")
    return shown


if __name__ == "__main__":
    typer.run(main)
