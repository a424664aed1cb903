"""PrivacyEvaluator: what is promised for a model, and what attacks on it find."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import CanarySet, PrivacyLedger, PrivacyReport
from components.privacy_evaluator import executor
from dpcore.config import require_delta, require_positive


class PrivacyEvaluatorSpec(ComponentSpec):
    """``code_version`` makes TFX's cache notice a change of the code."""

    PARAMETERS = {  # noqa: RUF012
        "label_key": ExecutionParameter(type=str),
        "loss": ExecutionParameter(type=str),
        "from_logits": ExecutionParameter(type=int),
        "target_delta": ExecutionParameter(type=float),
        "confidence": ExecutionParameter(type=float),
        "signature_name": ExecutionParameter(type=str),
        "max_rows": ExecutionParameter(type=int),
        "code_version": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "ledger": ChannelParameter(type=PrivacyLedger),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "canaries": ChannelParameter(type=CanarySet, optional=True),
        "transform_graph": ChannelParameter(type=standard_artifacts.TransformGraph, optional=True),
    }
    OUTPUTS = {"privacy_report": ChannelParameter(type=PrivacyReport)}  # noqa: RUF012


class PrivacyEvaluator(base_component.BaseComponent):
    """Computes the guarantee from the ledger, attacks the exported model, and writes the report.

    ::

        evaluator = PrivacyEvaluator(
            model=trainer.outputs["model"],
            ledger=trainer.outputs["ledger"],
            examples=example_gen.outputs["examples"],
            canaries=injector.outputs["canaries"],
            transform_graph=transform.outputs["transform_graph"],
            label_key="big_tip",
            target_delta=1e-5,
        )

    ``examples`` are the rows *before* the canaries were injected: rows of ``train`` are members, rows of
    ``eval`` are not. Output: ``privacy_report`` (``report.json`` and ``report.html``).
    """

    SPEC_CLASS = PrivacyEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: BaseChannel,
        ledger: BaseChannel,
        examples: BaseChannel,
        *,
        label_key: str,
        canaries: BaseChannel | None = None,
        transform_graph: BaseChannel | None = None,
        loss: str = "binary_crossentropy",
        from_logits: bool = False,
        target_delta: float = 1e-5,
        confidence: float = 0.95,
        signature_name: str = "serving_default",
        max_rows: int = 10_000,
    ) -> None:
        """Constructs the component.

        Args:
          model: exported model with a signature that takes serialised raw tf.Examples.
          ledger: what its training charged.
          examples: tf.Examples in gzipped TFRecords with splits ``train`` and ``eval``.
          label_key: the label: a transformed feature where ``transform_graph`` is given, otherwise a raw one.
          canaries: every canary candidate; without it nothing is said about exposure.
          transform_graph: Transform's output, where Transform makes the label.
          loss: name of a Keras loss function.
          from_logits: whether the model returns logits.
          target_delta: at which epsilon is stated; in (0, 1).
          confidence: of intervals and lower bounds; in (0, 1).
          signature_name: of the model's signature.
          max_rows: rows of each split that are attacked, drawn at random.

        Raises:
          ConfigError: a number breaks its rule.
        """
        require_delta("target_delta", target_delta)
        require_delta("confidence", confidence)
        require_positive("max_rows", max_rows)
        spec = PrivacyEvaluatorSpec(
            model=model,
            ledger=ledger,
            examples=examples,
            canaries=canaries,
            transform_graph=transform_graph,
            label_key=label_key,
            loss=loss,
            from_logits=int(from_logits),
            target_delta=target_delta,
            confidence=confidence,
            signature_name=signature_name,
            max_rows=max_rows,
            code_version=executor.CODE_VERSION,
            privacy_report=Channel(type=PrivacyReport),
        )
        super().__init__(spec=spec)
