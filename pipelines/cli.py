"""The command line: run a pipeline, look at runs, do the privacy arithmetic, scrub files."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated

# Before anything imports TensorFlow.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import typer
from rich.console import Console
from rich.text import Text

from dpcore.errors import ConfigError
from pipelines import cli_kubeflow
from pipelines.places import Places
from pipelines.terminal import REFUSED, bytes_read, steps_done, told_in_words

app = typer.Typer(
    help="Train on personal data with differential privacy, and prove what leaked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.add_typer(cli_kubeflow.app, name="kubeflow")

WORKDIR = Path("work")
SMALL = 2**20  # bytes for which another process does not pay
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

MetadataOption = Annotated[
    str | None,
    typer.Option(
        help="ML Metadata store: sqlite:///PATH; by default TFX_PRIVACY_METADATA, which may hold "
        "mysql:// or postgresql:// with a password, or else the work folder's."
    ),
]

Examples = Annotated[int, typer.Option(min=1, help="Training examples.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Expected batch size.")]
Epochs = Annotated[float, typer.Option(min=0, help="Passes over the examples.")]
Delta = Annotated[float, typer.Option(help="In (0, 1), well below 1 / examples.")]


@app.command()
def run(
    settings_file: Annotated[
        Path | None,
        typer.Argument(metavar="[SETTINGS]", help="A settings file; the taxi example without one."),
    ] = None,
    workdir: Annotated[Path, typer.Option(help="Everything that is written stays in here.")] = WORKDIR,
    pipeline_root: Annotated[
        str | None, typer.Option(help="Artifacts go here instead: s3://, minio:// or gs://.")
    ] = None,
    push_to: Annotated[
        str | None, typer.Option(help="Models that pass go here instead: s3://, minio:// or gs://.")
    ] = None,
    target_epsilon: Annotated[float | None, typer.Option(min=0, help="Calibrate the noise to this.")] = None,
    noise_multiplier: Annotated[float | None, typer.Option(min=0, help="Use this noise.")] = None,
    no_privacy: Annotated[bool, typer.Option("--no-privacy", help="Train without privacy.")] = False,
    max_epsilon: Annotated[float | None, typer.Option(min=0, help="Override the gate policy's.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Another gate policy.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Override custom_config.epochs.")] = None,
    with_baseline: Annotated[
        bool, typer.Option("--with-baseline", help="First run without privacy too, to compare.")
    ] = False,
    cache: Annotated[bool, typer.Option(help="Let TFX reuse what has not changed.")] = True,
    metadata: MetadataOption = None,
) -> None:
    """Run a pipeline. Exit status: 0 pushed, 3 refused by the gate, 1 failed."""
    from pipelines import display, settings
    from pipelines.local import output_to, run_locally
    from pipelines.metadata import configured
    from pipelines.taxi import demo

    console = Console()
    with told_in_words(console):
        places = Places(workdir.resolve(), pipeline_root, push_to)
        connection = configured(metadata, places.metadata)
        if settings_file is None:
            chosen = demo.demo_settings(places)
        else:
            chosen = settings.load_settings(settings_file)
            # run_fn and preprocessing_fn may stand beside the settings.
            sys.path.insert(0, str(settings_file.resolve().parent))
        chosen = settings.override(
            chosen,
            target_epsilon=target_epsilon,
            noise_multiplier=noise_multiplier,
            no_privacy=no_privacy,
            max_epsilon=max_epsilon,
            gate_policy=policy,
            epochs=epochs,
            cache=cache,
        )
    plans = {"without DP" if no_privacy else "with DP": chosen}
    if with_baseline and not no_privacy:
        plans = {"without DP": settings.override(chosen, no_privacy=True), **plans}

    runs = {}
    log = places.logs / "run.log"
    for name, plan in plans.items():
        with (
            told_in_words(console, log=log),
            steps_done(console, name, settings.steps(plan)) as on_step,
            output_to(log),
        ):
            runs[name] = run_locally(plan, places, connection=connection, on_step=on_step)

    survivors = None
    if settings_file is None:
        with output_to(log):
            survivors = demo.survivors(runs[name], places)
    for name, done in runs.items():
        console.print(display.on_terminal(done, survivors=survivors, name=name))
    final = runs[name]
    places.reports.mkdir(parents=True, exist_ok=True)
    page = places.reports / f"{final.id.replace(':', '-')}.html"
    page.write_text(display.page(dict(reversed(runs.items())), survivors=survivors), encoding="utf-8")
    console.print(f"The page:     {page}", soft_wrap=True)
    console.print(f"The metadata: {connection}", soft_wrap=True)
    console.print(f"The log:      {log}", soft_wrap=True)
    raise typer.Exit(0 if final.blessed and final.pushed_to else REFUSED)


@app.command()
def runs(
    metadata: MetadataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List the runs in an ML Metadata store, with what each cost and what the gate said."""
    from pipelines import display
    from pipelines.metadata import configured
    from pipelines.records import read

    console = Console()
    with told_in_words(console):
        connection = configured(metadata, Places(WORKDIR.resolve()).metadata)
        found = read(connection, lambda records: records.runs())
    if as_json:
        typer.echo(json.dumps([display.summary(each) for each in found], indent=2))
        return
    console.print(display.as_rich(display.runs_table(found)))


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run's id or its beginning, or 'latest'.")],
    metadata: MetadataOption = None,
    html: Annotated[Path | None, typer.Option(help="Write the page about the run here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show one run from ML Metadata alone: its guarantee, attacks, verdict and lineage."""
    from pipelines import display
    from pipelines.metadata import configured
    from pipelines.records import Output, Records, Run, read

    def ask(records: Records) -> tuple[Run, list[tuple[Output, str]]]:
        run = records.run(run_id)
        return run, records.lineage(run.model.id) if run.model else []

    console = Console()
    with told_in_words(console):
        connection = configured(metadata, Places(WORKDIR.resolve()).metadata)
        found, traced = read(connection, ask)
    lineage = display.lineage_table(traced)
    if as_json:
        typer.echo(json.dumps(display.summary(found) | {"lineage": lineage.rows}, indent=2))
        return
    console.print(display.on_terminal(found))
    for problem in found.problems:
        console.print(Text(problem, style="red"), soft_wrap=True)
    console.print(display.as_rich(lineage))
    if html is not None:
        html.write_text(display.page({"this run": found}, tables=[lineage]), encoding="utf-8")
        console.print(f"The page: {html}", soft_wrap=True)


@app.command()
def upgrade(metadata: MetadataOption = None) -> None:
    """Bring the tables of an ML Metadata store up to the ml-metadata that is installed. Back it up first.

    An older ml-metadata cannot use the store afterwards.
    """
    from pipelines.metadata import configured
    from pipelines.stores import connect

    console = Console()
    with told_in_words(console):
        connection = configured(metadata, Places(WORKDIR.resolve()).metadata)
        connect(connection, upgrade=True)
    console.print(f"Up to date: {connection}", soft_wrap=True)


@app.command()
def epsilon(
    examples: Examples,
    batch_size: BatchSize,
    noise_multiplier: Annotated[float, typer.Option(min=0, help="Noise stddev / clip norm.")],
    epochs: Epochs,
    delta: Delta = 1e-5,
) -> None:
    """What DP-SGD with Poisson sampling costs."""
    from dpcore import accounting

    console = Console()
    with told_in_words(console):
        probability, steps = _poisson(examples, batch_size, epochs)
        bounds = accounting.dp_sgd_epsilon(
            sampling_probability=probability,
            noise_multiplier=noise_multiplier,
            steps=steps,
            target_delta=delta,
        )
    console.print(
        f"epsilon = {bounds.epsilon:.4g} at delta = {delta:g}  (PLD {bounds.pld:.4g}, RDP {bounds.rdp:.4g}; "
        f"{steps} steps, sampling probability {probability:.4g}, adding or removing one example)",
        soft_wrap=True,
        highlight=False,
    )


@app.command()
def noise(
    examples: Examples,
    batch_size: BatchSize,
    target_epsilon: Annotated[float, typer.Option(min=0, help="What training may cost.")],
    epochs: Epochs,
    delta: Delta = 1e-5,
) -> None:
    """The noise multiplier with which DP-SGD with Poisson sampling stays within a target."""
    from dpcore import accounting

    console = Console()
    with told_in_words(console):
        probability, steps = _poisson(examples, batch_size, epochs)
        found = accounting.calibrate_noise(
            target_epsilon=target_epsilon, target_delta=delta, sampling_probability=probability, steps=steps
        )
    console.print(
        f"noise_multiplier = {found:.4f} for epsilon <= {target_epsilon:g} at delta = {delta:g}  "
        f"({steps} steps, sampling probability {probability:.4g})",
        soft_wrap=True,
        highlight=False,
    )


@app.command()
def scrub(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="A file, a folder, or a pattern in quotes ('data/*.csv').")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="A file; a folder where there are several inputs.")
    ],
    policy: Annotated[Path, typer.Option(help="What happens to each column (YAML).")],
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; by default one for each core, fewer for small files."),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option("--format", help="csv, jsonl, parquet, tfrecord or avro; by default the names tell."),
    ] = None,
) -> None:
    """Scrub files by a policy, without TFX: CSV, JSON lines, Parquet, TFRecord or Avro, the same format out.

    Each output is whole or not there. Rejected rows are listed beside it, by their line and the reason.
    Exit status: 0 all files are scrubbed, 1 at least one is not.
    """
    from components.pii import files, folders
    from components.pii.policy import load_key, load_policy
    from pipelines import display

    console = Console()
    with told_in_words(console):
        rules = load_policy(policy)
        key = load_key(rules)
        jobs = [
            files.plan(one, out, rules, policy_source=str(policy), file_format=file_format)
            for one, out in folders.pairs(source, target)
        ]
        if workers is None:
            workers = min(CORES, 1 + sum(job.source.stat().st_size for job in jobs) // SMALL)
        started = time.perf_counter()
        with bytes_read(console, jobs) as progress:
            results = list(folders.run_all(jobs, rules, key, workers=workers, progress=progress))
        seconds = time.perf_counter() - started
    if any(not isinstance(report, Exception) for _, report in results):
        for table in display.scrubbed_tables(results, seconds):
            console.print(display.as_rich(table))
        rows_in, rows_out = display.scrubbed_rows(results)
        console.print(f"{rows_out:,} of {rows_in:,} rows: {target}", soft_wrap=True, highlight=False)
    for job, report in sorted(results, key=lambda result: result[0].source):
        if isinstance(report, Exception):
            console.print(Text(f"error: {report}", style="red"), soft_wrap=True)
        elif report.rows_rejected:
            console.print(f"{report.rows_rejected:,} rejected: {job.dead_letters}", soft_wrap=True)
    if any(isinstance(report, Exception) for _, report in results):
        raise typer.Exit(1)


def _poisson(examples: int, batch_size: int, epochs: float) -> tuple[float, int]:
    if batch_size > examples:
        raise ConfigError(f"--batch-size must not exceed --examples; got {batch_size} and {examples}.")
    return batch_size / examples, max(1, round(epochs * -(-examples // batch_size)))
