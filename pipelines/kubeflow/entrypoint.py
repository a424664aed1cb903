"""What a container runs: one step of the compiled pipeline.

``python -m pipelines.kubeflow.entrypoint --pipeline=... --node=... --component=...`` and TFX's own arguments.
Kubeflow's launcher is told by the exit status whether the step is done.
"""

import argparse
import inspect
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from pipelines.kubeflow import parameters
from pipelines.kubeflow.errors import StepError

if TYPE_CHECKING:
    from pipelines.kubeflow.handover import Handover

METADATA = "TFX_PRIVACY_METADATA"
JOURNAL = "TFX_PRIVACY_JOURNAL"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a step; 0 where it is done. An error that a person can mend is told in its words."""
    try:
        run_step(sys.argv[1:] if argv is None else argv)
    except Exception as error:
        from pipelines.errors import mendable

        if not isinstance(error, mendable()):
            raise
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def run_step(argv: Sequence[str]) -> None:
    """Runs the step that the arguments describe.

    It is recorded in the store that the environment variable TFX_PRIVACY_METADATA names, before it starts
    and after it ends; without one, nothing is recorded.

    Raises:
      Exception: whatever the executor raised; its outputs are removed, and the step is recorded as failed.
    """
    from pipelines.kubeflow import light

    light.imports()  # Before anything imports TFX.
    from pipelines.kubeflow import handover

    step, beam = _arguments(argv)
    given = handover.read(step.json_serialized_invocation_args, step.json_serialized_inputs_spec_args)
    run_id = given.exec_properties.pop(parameters.RUN_ID)
    given.exec_properties = parameters.settle(step.node, given.exec_properties)
    _record(step, run_id, given, "running")
    try:
        _prepare(run_id, given)
        with given.mounted():
            _execute(step, beam, given)
    except BaseException:
        _record(step, run_id, given, "failed")
        raise
    handover.give_types(given.outputs)
    given.write()
    _record(step, run_id, given, "complete")


def _arguments(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="pipelines.kubeflow.entrypoint", allow_abbrev=False)
    parser.add_argument("--pipeline", required=True, help="name of the pipeline")
    parser.add_argument("--node", required=True, help="the step's name in the pipeline")
    parser.add_argument("--component", required=True, help="the step's type in ML Metadata")
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    return parser.parse_known_args(argv)


def _prepare(run_id: str, given: "Handover") -> None:
    """What TFX's drivers do before an executor, and Kubeflow has no place for.

    The journal of DPTrainer's attempts lies where a pod that is killed cannot take it along, one for each
    run, because runs may go side by side. Nobody here sees the launcher carry the model away, so no attempt
    is ever settled: another attempt in the same run carries what all before it have spent.
    """
    from tfx.types import standard_component_specs as specs

    from components.storage import uris

    if specs.INPUT_BASE_KEY in given.exec_properties and specs.INPUT_CONFIG_KEY in given.exec_properties:
        from tfx.components.example_gen import driver

        resolving = driver.FileBasedDriver(None)
        try:
            given.exec_properties = resolving.resolve_exec_properties(given.exec_properties, None, None)
        except ValueError as error:  # TFX names the pattern, not the folder.
            raise StepError(f"{given.exec_properties[specs.INPUT_BASE_KEY]}: {error}.") from None
        (examples,) = given.outputs[specs.EXAMPLES_KEY]
        driver.update_output_artifact(given.exec_properties, examples.mlmd_artifact)
    if "ledger" in given.outputs and "journal" not in given.exec_properties:
        (ledger,) = given.outputs["ledger"]
        folder = os.environ.get(JOURNAL) or uris.parent(ledger.uri)
        given.exec_properties["journal"] = f"{folder}/{run_id}.jsonl"


def _execute(step: argparse.Namespace, beam: list[str], given: "Handover") -> None:
    from tfx.orchestration.portable import outputs_utils
    from tfx.utils import import_utils

    executor = import_utils.import_class_by_path(step.executor_class_path)
    takes_beam = "beam_pipeline_args" in inspect.signature(executor.Context).parameters
    task = os.path.dirname(given.output_file)
    context = executor.Context(
        **{"beam_pipeline_args" if takes_beam else "extra_flags": beam},
        tmp_dir=os.path.join(task, ".temp"),
        unique_id=os.path.basename(task),
    )
    outputs_utils.make_output_dirs(given.outputs)
    try:
        executor(context).Do(given.inputs, given.outputs, dict(given.exec_properties))
    except BaseException:
        for artifact in (a for found in given.outputs.values() for a in found):
            shutil.rmtree(artifact.uri, ignore_errors=True)
        raise
    outputs_utils.tag_output_artifacts_with_version(given.outputs)
    for artifact in (a for found in given.outputs.values() for a in found):
        artifact.is_external = False


def _record(
    step: argparse.Namespace,
    run_id: str,
    given: "Handover",
    state: Literal["running", "complete", "failed"],
) -> None:
    if not os.environ.get(METADATA):
        return
    from pipelines import metadata
    from pipelines.kubeflow import recording

    properties: dict[str, Any] = given.exec_properties
    recording.record(
        metadata.configured(None),
        recording.Task(
            pipeline=step.pipeline,
            run_id=run_id,
            node=step.node,
            component_type=step.component,
            inputs=given.inputs,
            outputs=given.outputs,
            exec_properties={name: value for name, value in properties.items() if value is not None},
            state=state,
        ),
    )


if __name__ == "__main__":
    # A pod that is told to go away shall say in its records that the step failed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
