"""PrivacyGate: nothing is pushed unless a written policy says yes."""

from pathlib import Path

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import PrivacyReport, ScrubReport
from components.privacy_gate import executor
from components.privacy_gate.policy import load_policy
from dpcore.config import require_positive


class PrivacyGateSpec(ComponentSpec):
    """``policy`` is the policy's text; ``code_version`` makes TFX's cache notice a change of the code."""

    PARAMETERS = {  # noqa: RUF012
        "policy": ExecutionParameter(type=str),
        "max_epsilon": ExecutionParameter(type=float, optional=True),
        "code_version": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "privacy_report": ChannelParameter(type=PrivacyReport),
        "scrub_report": ChannelParameter(type=ScrubReport, optional=True),
        "evaluation_blessing": ChannelParameter(type=standard_artifacts.ModelBlessing, optional=True),
        "model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=standard_artifacts.ModelBlessing)}  # noqa: RUF012


class PrivacyGate(base_component.BaseComponent):
    """Decides by a policy whether a model may be pushed, and says why.

    ::

        gate = PrivacyGate(
            privacy_report=privacy_evaluator.outputs["privacy_report"],
            scrub_report=example_gen.outputs["scrub_report"],
            evaluation_blessing=evaluator.outputs["blessing"],
            model=trainer.outputs["model"],
            policy="gate.yaml",
        )
        pusher = Pusher(
            model=trainer.outputs["model"], model_blessing=gate.outputs["blessing"], push_destination=...
        )

    Output: ``blessing``, a stock ModelBlessing with the custom properties ``blessed``, ``reasons`` and
    ``policy_digest``, and ``reasons.json`` beside the file BLESSED or NOT_BLESSED.
    """

    SPEC_CLASS = PrivacyGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        privacy_report: BaseChannel,
        *,
        policy: str | Path,
        scrub_report: BaseChannel | None = None,
        evaluation_blessing: BaseChannel | None = None,
        model: BaseChannel | None = None,
        max_epsilon: float | None = None,
    ) -> None:
        """Reads the policy.

        Args:
          privacy_report: about the model.
          policy: path of the gate policy (YAML).
          scrub_report: about the data.
          evaluation_blessing: what the Evaluator decided.
          model: what would be pushed. With it the gate refuses a report about another model, and the stock
            latest-blessed resolver finds the model.
          max_epsilon: takes the place of the policy's, for one run.

        Raises:
          DocumentError: the policy cannot be read or breaks a rule.
          ConfigError: ``max_epsilon`` is not a finite number > 0.
        """
        load_policy(policy)
        if max_epsilon is not None:
            require_positive("max_epsilon", max_epsilon)
        spec = PrivacyGateSpec(
            privacy_report=privacy_report,
            scrub_report=scrub_report,
            evaluation_blessing=evaluation_blessing,
            model=model,
            policy=Path(policy).read_text(encoding="utf-8"),
            max_epsilon=max_epsilon,
            code_version=executor.CODE_VERSION,
            blessing=Channel(type=standard_artifacts.ModelBlessing),
        )
        super().__init__(spec=spec)
