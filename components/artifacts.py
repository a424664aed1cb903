"""The artifact types that the components leave in ML Metadata.

Kubeflow's compiler wants a ``TYPE_NAME`` that can be imported as ``module.Class`` and refuses custom
types with declared ``PROPERTIES``. So every type here is exported by ``components``, declares none, and
carries its numbers as ML Metadata *custom properties* beside a payload file at its URI.
"""

from tfx.types.artifact import Artifact


class ScrubReport(Artifact):
    """What was removed from the rows: counts per column and entity type, never a matched string.

    Payload: ``report.json`` (:class:`components.pii.report.Report`) and ``dead_letter.jsonl``.
    """

    TYPE_NAME = "components.ScrubReport"


class CanarySet(Artifact):
    """Every canary candidate, whether it was inserted and how often.

    Payload: ``canaries.json`` (:class:`components.canary_injector.canary_set.CanarySet`) and
    ``candidates.tfrecord.gz``.
    """

    TYPE_NAME = "components.CanarySet"


class PrivacyLedger(Artifact):
    """The charges of one training run, as serialised DpEvents.

    Payload: ``ledger.jsonl`` (:mod:`dpcore.ledger`). The custom property ``ledger`` holds the same text,
    so that the guarantee can be recomputed from metadata alone.
    """

    TYPE_NAME = "components.PrivacyLedger"


class PrivacyReport(Artifact):
    """The guarantee and the attacks on one model.

    Payload: ``report.json`` (:class:`components.privacy_evaluator.report.PrivacyReport`) and
    ``report.html``. The custom property ``report`` holds the same JSON.
    """

    TYPE_NAME = "components.PrivacyReport"


def set_custom_property(artifact: Artifact, name: str, value: str | int | float) -> None:
    """Sets an ML Metadata custom property of the value's own type."""
    if isinstance(value, str):
        artifact.set_string_custom_property(name, value)
    elif isinstance(value, int):
        artifact.set_int_custom_property(name, value)
    else:
        artifact.set_float_custom_property(name, value)
