"""ScrubValidator: a second opinion on scrubbed examples, as TFDV anomalies."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import ScrubReport
from components.scrub_validator import executor


class ScrubValidatorSpec(ComponentSpec):
    """``code_version`` makes TFX's cache notice a change of the code."""

    PARAMETERS = {"code_version": ExecutionParameter(type=str)}  # noqa: RUF012
    INPUTS = {  # noqa: RUF012
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "scrub_report": ChannelParameter(type=ScrubReport),
    }
    OUTPUTS = {"anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies)}  # noqa: RUF012


class ScrubValidator(base_beam_component.BaseBeamComponent):
    """Looks, by shape alone, for e-mail addresses, phone numbers and payment cards in scrubbed columns.

    ::

        validator = ScrubValidator(
            examples=example_gen.outputs["examples"], scrub_report=example_gen.outputs["scrub_report"]
        )

    It shares no code with the recognisers, so it may see what they missed. A finding is a TFDV anomaly of
    its column, in the place and form in which ExampleValidator writes its own: ``tfdv.display_anomalies``
    shows it, and the artifact's custom property ``blessed`` is 0 for its split.

    Outputs: ``anomalies`` (stock ExampleAnomalies: ``SchemaDiff.pb`` for each split).
    """

    SPEC_CLASS = ScrubValidatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(self, examples: BaseChannel, scrub_report: BaseChannel) -> None:
        """Takes both outputs of a ScrubbingExampleGen."""
        spec = ScrubValidatorSpec(
            examples=examples,
            scrub_report=scrub_report,
            code_version=executor.CODE_VERSION,
            anomalies=Channel(type=standard_artifacts.ExampleAnomalies),
        )
        super().__init__(spec=spec)
