"""Whether this image can run every step of the pipeline: it imports what they run. Exits with 1 if not."""

import importlib
import sys

# The executors of pipelines.pipeline.create_pipeline, by import path.
EXECUTORS = (
    "components.scrubbing_example_gen.executor.Executor",
    "components.scrub_validator.executor.Executor",
    "tfx.components.statistics_gen.executor.Executor",
    "tfx.components.schema_gen.executor.Executor",
    "tfx.components.example_validator.executor.Executor",
    "components.canary_injector.executor.Executor",
    "tfx.components.transform.executor.Executor",
    "components.dp_trainer.executor.Executor",
    "tfx.components.evaluator.executor.Executor",
    "components.privacy_evaluator.executor.Executor",
    "components.privacy_gate.executor.Executor",
    "components.storage.pusher.Executor",
)
# What the entrypoint imports when it needs it.
ENTRYPOINT = ("pipelines.kubeflow.entrypoint.run_step", "pipelines.kubeflow.handover.read")


def problems() -> list[str]:
    """What cannot be imported, and why; empty if all is well."""
    from pipelines.kubeflow import light

    light.imports()
    found = []
    for path in (*ENTRYPOINT, *EXECUTORS):
        module, name = path.rsplit(".", 1)
        try:
            getattr(importlib.import_module(module), name)
        except Exception as error:
            found.append(f"{path}: {type(error).__name__}: {error}")
    return found


def main() -> None:
    found = problems()
    if found:
        sys.exit("\n".join(found))
    print(f"{len(EXECUTORS)} executors can be imported")


if __name__ == "__main__":
    main()
