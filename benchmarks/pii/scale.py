"""Scrubbing many rows: rows a second against workers, peak memory, and the stock CSV road beside it.

    .venv/bin/python benchmarks/pii/scale.py --rows 1000000 --profiles fast balanced

Every figure is a new process. It reads a CSV file and writes TFRecords (``beam`` and ``stock``) or CSV
(``files``); ``stock`` is TFX's CsvExampleGen transform, without a scrub. The time counts from when this
process has imported Beam and TFX: it includes the models, and the start of other worker processes. Memory is
that of all of them. The rows have about 300 characters, and no two texts are equal.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
KEY = "a key for the benchmark only"
POLICY = """
key: {{env: SCALE_KEY}}
profile: {profile}
columns:
  customer: pseudonymize
  name: {{action: drop, entity: PERSON}}
  text: detect
  fare: {{action: keep, type: float}}
"""
TEXTS = (
    "Dear {name}, thank you for order {number}. It leaves our store in {city} this week, and the driver "
    "will call {phone} an hour ahead. Please have the card that ends in {tail} at hand when the doorbell "
    "rings; the receipt goes to {email}.",
    "{name} wrote again about invoice {number}: the parcel went to {street} in {city} and nobody was at "
    "home. We promised an answer by e-mail to {email}, or by telephone under {phone}, before the weekend.",
    "Note from the desk: the guest in room {tail} is {name}, booking {number}. Breakfast was charged twice. "
    "The bill goes to {street}, {city}. Reached at {phone}; prefers mail to {email}. Nothing more today.",
)


def rows(count: int, seed: int = 0) -> Iterator[list[str]]:
    """Rows of generated people: the same for a seed."""
    from faker import Faker

    fake = Faker("en_US")
    fake.seed_instance(seed)
    draw = random.Random(seed)
    first, last = ([make() for _ in range(500)] for make in (fake.first_name, fake.last_name))
    streets, cities = ([make() for _ in range(2000)] for make in (fake.street_address, fake.city))
    for number in range(count):
        name = f"{draw.choice(first)} {draw.choice(last)}"
        text = draw.choice(TEXTS).format(
            name=name,
            number=f"{draw.randrange(10**7):07d}-{number}",
            city=draw.choice(cities),
            street=draw.choice(streets),
            phone=f"({draw.randrange(200, 999)}) 555-{draw.randrange(10**4):04d}",
            tail=f"{draw.randrange(10**4):04d}",
            email=f"{name.replace(' ', '.').lower()}{number}@example.com",
        )
        yield [f"c{draw.randrange(count)}", name, text, f"{draw.uniform(5, 500):.2f}"]


def write(path: Path, count: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["customer", "name", "text", "fare"])
        writer.writerows(rows(count))


def beam_road(source: Path, target: Path, profile: str, workers: int, *, stock: bool) -> float:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from tfx.components.example_gen.csv_example_gen import executor

    from components.pii.policy import parse_policy
    from components.pii.transform import EXAMPLES, ScrubFiles

    started = time.perf_counter()
    mode = "multi_processing" if workers > 1 else "in_memory"
    options = ["--runner=FnApiRunner", f"--direct_running_mode={mode}", f"--direct_num_workers={workers}"]
    with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
        if stock:
            read = executor.Executor().GetInputSourceToExamplePTransform()
            examples = pipeline | read({"input_base": str(source.parent)}, source.name)
        else:
            policy = parse_policy(POLICY.format(profile=profile), source="scale")
            examples = (pipeline | ScrubFiles(str(source), policy))[EXAMPLES]
        serialized = examples | beam.Map(lambda example: example.SerializeToString())
        serialized | beam.io.WriteToTFRecord(str(target / "rows"))
    return time.perf_counter() - started


def files_road(source: Path, target: Path, profile: str, workers: int) -> float:
    from components.pii.files import scrub_file
    from components.pii.policy import parse_policy

    started = time.perf_counter()
    policy = parse_policy(POLICY.format(profile=profile), source="scale")
    scrub_file(source, target / "rows.csv", policy, KEY.encode(), workers=workers)
    return time.perf_counter() - started


def measured(road: str, profile: str, workers: int, source: Path) -> dict[str, Any]:
    """Runs one road in a process of its own, and watches the memory of all that it starts."""
    with tempfile.TemporaryDirectory(dir=source.parent) as target:
        command = [sys.executable, __file__, "--road", road, profile, str(workers), str(source), target]
        environment = {**os.environ, "SCALE_KEY": KEY, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        process = subprocess.Popen(  # noqa: S603
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        peak = 0

        def watch() -> None:
            nonlocal peak
            while process.poll() is None:
                peak = max(peak, _resident(process.pid))
                time.sleep(0.1)

        watcher = threading.Thread(target=watch)
        watcher.start()
        seconds, said = process.communicate()
        watcher.join()
        if process.returncode:
            raise SystemExit(f"{road} {profile} with {workers} workers failed:\n{said[-2000:]}")
    return {
        "road": road,
        "profile": profile,
        "workers": workers,
        "seconds": float(seconds.split()[-1]),
        "peak_mib": peak / 2**20,
    }


def _resident(pid: int) -> int:
    """Bytes of memory of a process and all below it; what they share is counted in each."""
    import psutil

    total = 0
    try:
        root = psutil.Process(pid)
        for one in [root, *root.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.Error:
        pass
    return total


def table(records: list[dict[str, Any]], count: int, size: int) -> Any:
    from rich.table import Table

    shown = Table(title=f"{count:,} rows, {size / 2**20:,.0f} MiB of CSV")
    shown.add_column("road")
    for name in ("profile", "workers", "seconds", "rows/s", "peak MiB"):
        shown.add_column(name, justify="right")
    for record in records:
        shown.add_row(
            record["road"],
            record["profile"],
            str(record["workers"]),
            f"{record['seconds']:,.1f}",
            f"{count / record['seconds']:,.0f}",
            f"{record['peak_mib']:,.0f}",
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--profiles", nargs="+", default=["fast", "balanced"])
    parser.add_argument("--roads", nargs="+", default=["stock", "beam", "files"])
    parser.add_argument("--workers", nargs="+", type=int, default=sorted({1, *range(2, CORES + 1)}))
    parser.add_argument("--json", type=Path, help="Write the figures here too.")
    parser.add_argument("--road", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.road:
        road, profile, workers, source, target = arguments.road
        if road == "files":
            seconds = files_road(Path(source), Path(target), profile, int(workers))
        else:
            seconds = beam_road(Path(source), Path(target), profile, int(workers), stock=road == "stock")
        print(seconds)
        return
    from rich.console import Console

    records = []
    with tempfile.TemporaryDirectory(prefix="scale") as folder:
        source = Path(folder) / "rows.csv"
        write(source, arguments.rows)
        for road in arguments.roads:
            for profile in ["none"] if road == "stock" else arguments.profiles:
                for workers in arguments.workers:
                    records.append(measured(road, profile, workers, source))
                    print(json.dumps(records[-1]), file=sys.stderr, flush=True)
        Console(width=100).print(table(records, arguments.rows, source.stat().st_size))
    if arguments.json:
        arguments.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
