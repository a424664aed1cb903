"""The command line on Kubeflow Pipelines: compile the pipeline, play it here, submit it."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from pipelines.places import Places
from pipelines.terminal import REFUSED, steps_done, told_in_words

app = typer.Typer(
    help="The pipeline on Kubeflow Pipelines: compile it, play it here, submit it.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


class How(StrEnum):
    """Where the steps of a pipeline run that is played here."""

    IN_PROCESS = "in-process"
    PROCESS = "process"
    DOCKER = "docker"


Compiled = Annotated[Path, typer.Argument(metavar="PIPELINE", help="What `compile` wrote.")]
Parameters = Annotated[
    list[str],
    typer.Option("--parameter", "-p", help="NAME=VALUE, or NAME=@FILE for a file's text; again for more."),
]


@app.command("compile")
def compile_(
    settings_file: Annotated[
        Path | None,
        typer.Argument(metavar="[SETTINGS]", help="A settings file; the taxi example without one."),
    ] = None,
    image: Annotated[str, typer.Option(help="The container image of the steps.")] = "tfx-privacy:cpu",
    pipeline_root: Annotated[
        str, typer.Option(help="Where artifacts go: minio://, s3:// or gs://.")
    ] = "minio://mlpipeline/tfx-privacy",
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path(
        "pipeline.yaml"
    ),
) -> None:
    """Compile the pipeline for Kubeflow Pipelines 2: the same bytes for the same settings."""
    from pipelines.kubeflow.compile import compile_pipeline
    from pipelines.settings import load_settings
    from pipelines.taxi import demo

    console = Console()
    with told_in_words(console):
        if settings_file is not None:
            # run_fn and preprocessing_fn may stand beside the settings.
            sys.path.insert(0, str(settings_file.resolve().parent))
        settings = load_settings(settings_file or demo.SETTINGS, for_demo=True)
        output.write_text(compile_pipeline(settings, image=image, root=pipeline_root), encoding="utf-8")
    console.print(f"The pipeline: {output}", soft_wrap=True)


@app.command()
def run(
    file: Compiled,
    here: Annotated[bool, typer.Option("--local", help="On this machine; on a cluster: `submit`.")] = False,
    how: Annotated[
        How, typer.Option(help="All steps in this process, each in its own, or in containers.")
    ] = How.IN_PROCESS,
    workdir: Annotated[Path, typer.Option(help="Everything that is written stays in here.")] = Path("work"),
    parameter: Parameters = [],  # noqa: B006 (typer copies it)
) -> None:
    """Play a compiled pipeline on this machine. Exit status: 0 pushed, 3 refused by the gate, 1 failed."""
    from components.storage.uris import is_remote
    from pipelines import display, metadata, records
    from pipelines.kubeflow import entrypoint, play, specification
    from pipelines.kubeflow.errors import KubeflowError
    from pipelines.local import output_to

    console = Console()
    places = Places(workdir.resolve())
    root, log = places.workdir / "artifacts", places.logs / "kubeflow.log"
    with told_in_words(console, log=log):
        if not here:
            raise KubeflowError(
                "--local is missing: a cluster gets its runs by `tfx-privacy kubeflow submit`."
            )
        spec = specification.load(file)
        given = spec.arguments({"push_to": str(places.pushed), **_given(parameter)})
        if not is_remote(str(given["input"])):
            given["input"] = str(Path(str(given["input"])).resolve())
        connection = metadata.configured(None, places.metadata)
        secrets = spec.secrets({entrypoint.METADATA: f"sqlite:///{places.metadata}", **os.environ})
        root.mkdir(parents=True, exist_ok=True)
        with steps_done(console, spec.name, len(spec.steps)) as on_step, output_to(log):
            if how is How.DOCKER:
                from pipelines.kubeflow.containers import play_in_containers

                folders = {str(places.workdir): True}
                if not is_remote(str(given["input"])):
                    folders[str(given["input"])] = False
                folder = play_in_containers(
                    file, spec, given, root=root, environment=secrets, folders=folders, on_step=on_step
                )
            else:
                execute = play.in_process if how is How.IN_PROCESS else play.in_processes
                with play.environment(secrets):
                    folder = play.play(spec, given, root=root, execute=execute, on_step=on_step)
        blessed, pushed = play.verdict(folder)
        recorded = records.open_store(connection).run("latest" if how is How.DOCKER else folder.name)
    console.print(display.on_terminal(recorded))
    console.print(f"The artifacts: {folder}", soft_wrap=True)
    console.print(f"The metadata:  {connection}", soft_wrap=True)
    console.print(f"The log:       {log}", soft_wrap=True)
    raise typer.Exit(0 if blessed and pushed else REFUSED)


@app.command()
def submit(
    file: Compiled,
    host: Annotated[str, typer.Option(help="Address of the Kubeflow Pipelines server.")],
    parameter: Parameters = [],  # noqa: B006
    experiment: Annotated[str | None, typer.Option(help="By default named as the pipeline.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Of a server with several users.")] = None,
    service_account: Annotated[str, typer.Option(help="Under which the steps run.")] = "tfx-privacy",
    token_file: Annotated[Path | None, typer.Option(help="Holds the token that says who asks.")] = None,
) -> None:
    """Upload a compiled pipeline to a Kubeflow Pipelines server and start a run."""
    from pipelines.kubeflow import specification
    from pipelines.kubeflow.submit import submit as send

    console = Console()
    with told_in_words(console):
        run_id, page = send(
            file,
            specification.load(file),
            _given(parameter),
            host=host,
            experiment=experiment,
            namespace=namespace,
            service_account=service_account,
            token=None if token_file is None else token_file.read_text(encoding="utf-8").strip(),
        )
    console.print(f"The run:  {run_id}", soft_wrap=True)
    console.print(f"Its page: {page}", soft_wrap=True)


def _given(texts: list[str]) -> dict[str, Any]:
    """``NAME=VALUE`` and ``NAME=@FILE`` as a dictionary."""
    from components.documents import DocumentError

    given = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise DocumentError(f"--parameter: must be NAME=VALUE; got {text!r}.")
        if value.startswith("@"):
            try:
                value = Path(value[1:]).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise DocumentError(f"--parameter {name}: {value[1:]} cannot be read: {error}") from None
        given[name] = value
    return given
