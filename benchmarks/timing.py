"""Timing steps beside each other, peak memory, and the command line that every framework's script has.

Standard library only, and Python 3.10: it runs in the environments of the peers too.
"""

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

# Modes: without privacy, in every framework; and that of this project.
ORDINARY, PRIVATE = "ordinary", "PrivateModel"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

_ROUND_SECONDS = 0.25  # per mode; shorter ones would time the timer
_MAX_ROUNDS = 15
_SLOW_SECONDS = 5.0  # a step that takes longer is timed once


class Step(NamedTuple):
    """One training step, or a whole ``fit``.

    Attributes:
      run: does it, and returns when it is done.
      examples: how many examples it trains on.
      parameters: trainable parameters of the model.
    """

    run: Callable[[], object]
    examples: int
    parameters: int


Build = Callable[[str, str], Step]


def interleaved(steps: dict[str, Step], *, seconds: float) -> list[dict[str, Any]]:
    """Times the steps in rounds, there and back, so that other load on the machine falls on all alike.

    Args:
      steps: by mode; the first is what the others are compared with.
      seconds: about how long the rounds may take, after the warm-up.

    Returns:
      One record per mode: medians over the rounds, with quartiles of the ratio to the first mode taken
      within each round.
    """
    estimate = {mode: _seconds(step.run, 1) for mode, step in steps.items()}
    fast = [mode for mode in steps if estimate[mode] < _SLOW_SECONDS]
    repeats = {mode: max(1, int(_ROUND_SECONDS / estimate[mode])) for mode in steps}
    round_seconds = sum(estimate[mode] * repeats[mode] for mode in fast)
    rounds = max(3, min(_MAX_ROUNDS, int(seconds / round_seconds))) if fast else 0
    times = {mode: [] if mode in fast else [estimate[mode]] for mode in steps}
    load = OtherLoad()
    gc.collect()
    for number in range(rounds):
        for mode in fast if number % 2 == 0 else reversed(fast):
            times[mode].append(_seconds(steps[mode].run, repeats[mode]))
    others = load.cores()
    base = times[next(iter(steps))]
    return [
        {
            "mode": mode,
            **_summary(times[mode], base),
            "examples_per_second": step.examples / median(times[mode]),
            "parameters": step.parameters,
            "rounds": len(times[mode]),
            "steps_per_round": repeats[mode],
            "other_load_cores": others,
        }
        for mode, step in steps.items()
    ]


def _seconds(run: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


def _summary(times: list[float], base: list[float]) -> dict[str, float]:
    if len(times) == len(base):
        ratios = [a / b for a, b in zip(times, base, strict=True)]
    else:
        ratios = [a / median(base) for a in times]
    low, middle, high = _quartiles(ratios)
    q1, ms, q3 = (1e3 * value for value in _quartiles(times))
    return {"ms": ms, "ms_q1": q1, "ms_q3": q3, "ratio": middle, "ratio_q1": low, "ratio_q3": high}


def _quartiles(values: list[float]) -> list[float]:
    return quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


class OtherLoad:
    """How many cores other programs used since this was made; 0 where the system does not tell."""

    def __init__(self) -> None:
        self._start = self._now()

    def cores(self) -> float:
        """Cores used by others, on average."""
        busy, own, wall = (b - a for a, b in zip(self._start, self._now(), strict=True))
        return max(0.0, (busy - own) / wall)

    @staticmethod
    def _now() -> tuple[float, float, float]:
        try:
            ticks = [int(field) for field in Path("/proc/stat").read_text().split(maxsplit=9)[1:9]]
        except OSError:
            return 0.0, 0.0, time.perf_counter()
        user, nice, system, _idle, _iowait, irq, softirq, steal = ticks
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return busy, time.process_time(), time.perf_counter()


def peak_mib() -> float:
    """The most memory this process has had resident, in MiB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main(build: Build, modes: Callable[[str], list[str]], *, versions: str, fit: Build | None = None) -> None:
    """The command line of a framework's script: one JSON line per mode on standard output.

    Args:
      build: the step of a workload in a mode.
      modes: the modes of a workload, the ordinary one first.
      versions: what is measured.
      fit: as ``build``, of a whole ``fit``.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["step", "fit", "memory"])
    parser.add_argument("workload")
    parser.add_argument("--modes", help="separated by commas; by default all")
    parser.add_argument("--seconds", type=float, default=12)
    options = parser.parse_args()
    chosen = options.modes.split(",") if options.modes else modes(options.workload)
    build = fit if options.what == "fit" and fit else build
    common = {"what": options.what, "workload": options.workload, "versions": versions}
    steps = {}
    for mode in chosen:
        print(f"mode: {mode}", file=sys.stderr, flush=True)  # Where it is, if it crashes.
        try:
            steps[mode] = build(options.workload, mode)
            first_call = _seconds(steps[mode].run, 1)
        except Exception as error:  # A mode that does not work is a result.
            steps.pop(mode, None)
            _print({**common, "mode": mode, "failed": _reason(error)})
    if options.what == "memory":
        for mode, step in steps.items():
            if first_call < _SLOW_SECONDS:
                step.run()
            _print({**common, "mode": mode, "peak_mib": peak_mib(), "parameters": step.parameters})
    elif steps:
        for record in interleaved(steps, seconds=options.seconds):
            _print({**common, **record})


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    shown = lines[:1] if lines[:1] != ["in user code:"] else lines[-1:]  # So AutoGraph introduces an error.
    return f"{type(error).__name__}: {' '.join(shown)}"[:300]


def _print(record: dict[str, Any]) -> None:
    print(json.dumps(record), flush=True)
