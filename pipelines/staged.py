"""TFX's LocalDagRunner for a pipeline root in a bucket."""

from tfx.orchestration.local import runner_utils
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.proto.orchestration import pipeline_pb2

from components.storage.staging import EXECUTOR_FLAG, StagedExecutor


class StagedDagRunner(LocalDagRunner):
    """Runs every executor through :class:`components.storage.staging.StagedExecutor`.

    TFX has no hook around executors. It does let a runner see the compiled pipeline, in which each
    executor is a name: the name is replaced, and the first becomes a flag.
    """

    def run_with_ir(
        self, pipeline: pipeline_pb2.Pipeline, run_options: pipeline_pb2.RunOptions | None = None
    ) -> None:
        """See LocalDagRunner."""
        config = runner_utils.extract_local_deployment_config(pipeline)
        for spec in config.executor_specs.values():
            kind = spec.WhichOneof("spec")
            executor = (
                spec.beam_executable_spec.python_executor_spec
                if kind == "beam_executable_spec"
                else spec.python_class_executable_spec
            )
            executor.extra_flags.insert(0, EXECUTOR_FLAG + executor.class_path)
            executor.class_path = f"{StagedExecutor.__module__}.{StagedExecutor.__qualname__}"
        pipeline.deployment_config.Pack(config)
        super().run_with_ir(pipeline, run_options)
