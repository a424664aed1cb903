"""CanaryInjector: made-up rows into the training split, so that memorisation can be measured."""

from pathlib import Path

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import CanarySet
from components.canary_injector import executor
from components.canary_injector.plan import load_plan


class CanaryInjectorSpec(ComponentSpec):
    """``plan`` is the plan's text; ``code_version`` makes TFX's cache notice a change of the code."""

    PARAMETERS = {  # noqa: RUF012
        "plan": ExecutionParameter(type=str),
        "code_version": ExecutionParameter(type=str),
    }
    # An input cannot share its name with an output.
    INPUTS = {"raw_examples": ChannelParameter(type=standard_artifacts.Examples)}  # noqa: RUF012
    OUTPUTS = {  # noqa: RUF012
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "canaries": ChannelParameter(type=CanarySet),
    }


class CanaryInjector(base_component.BaseComponent):
    """Copies examples and inserts canaries into the ``train`` split, at random places.

    ::

        injector = CanaryInjector(examples=example_gen.outputs["examples"], plan="canaries.yaml")
        transform = Transform(examples=injector.outputs["examples"], ...)
        evaluator = PrivacyEvaluator(canaries=injector.outputs["canaries"], ...)

    Outputs: ``examples`` (all splits) and ``canaries`` (every candidate, and how often it was inserted).
    """

    SPEC_CLASS = CanaryInjectorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, examples: BaseChannel, plan: str | Path) -> None:
        """Reads the plan.

        Args:
          examples: tf.Examples in gzipped TFRecords with a ``train`` split.
          plan: path of the canary plan (YAML).

        Raises:
          DocumentError: the plan cannot be read or breaks a rule.
        """
        load_plan(plan)
        spec = CanaryInjectorSpec(
            raw_examples=examples,
            plan=Path(plan).read_text(encoding="utf-8"),
            code_version=executor.CODE_VERSION,
            examples=Channel(type=standard_artifacts.Examples),
            canaries=Channel(type=CanarySet),
        )
        super().__init__(spec=spec)
