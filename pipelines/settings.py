"""The settings of a pipeline: one YAML file that a person writes and another one can check."""

from pathlib import Path
from typing import Any, Self

import pydantic
from pydantic import Field

from components.documents import Document, DocumentError, load
from components.storage import uris
from dpcore.config import DpSgdConfig, PrivacyTarget
from pipelines.kubeflow.settings import Kubeflow

# Beam's own local runner, by name: `DirectRunner` would first try to download another one.
LOCAL_BEAM = ("--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",)


class Privacy(Document):
    """How the model is trained; see :class:`dpcore.DpSgdConfig` for the units."""

    l2_norm_clip: float = Field(gt=0)
    expected_batch_size: int = Field(gt=0)
    target_epsilon: float | None = Field(default=None, gt=0)
    noise_multiplier: float | None = Field(default=None, ge=0)
    target_delta: float = Field(gt=0, lt=1)
    enabled: bool = True

    @pydantic.model_validator(mode="after")
    def _one_of_target_and_noise(self) -> Self:
        if (self.target_epsilon is None) == (self.noise_multiplier is None):
            raise ValueError("exactly one of target_epsilon and noise_multiplier must be given")
        return self

    def config(self) -> DpSgdConfig | None:
        """What the trainer is told; None where privacy is switched off."""
        if not self.enabled:
            return None
        target = None
        if self.target_epsilon is not None:
            target = PrivacyTarget(epsilon=self.target_epsilon, delta=self.target_delta)
        return DpSgdConfig(
            l2_norm_clip=self.l2_norm_clip,
            expected_batch_size=self.expected_batch_size,
            noise_multiplier=self.noise_multiplier,
            target=target,
        )


class Quality(Document):
    """The least that the Evaluator accepts before it blesses: a TFMA metric and its lower bound."""

    metric: str = "BinaryAccuracy"
    name: str = "binary_accuracy"
    at_least: float


class Settings(Document):
    """Everything that :func:`pipelines.pipeline.create_pipeline` needs to know.

    Paths are relative to the folder of the settings file; URIs of buckets stay as they are.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$", description="name of the pipeline")
    input: str | None = Field(
        default=None,
        description="folder of the files, or its URI in a bucket; the demo makes its own",
    )
    scrub_policy: Path = Field(description="what happens to each column")
    split_by: str = Field(description="pseudonymised column that decides on the split")
    splits: dict[str, int] = Field(default={"train": 2, "eval": 1}, description="split to hash buckets")
    canary_plan: Path | None = Field(default=None, description="which canaries go into the train split")
    preprocessing_fn: str = Field(description="import path of Transform's function")
    run_fn: str = Field(description="import path of the training function")
    custom_config: dict[str, Any] = Field(default={}, description="what run_fn finds in custom_config")
    label_key: str = Field(description="the label among the transformed features")
    loss: str = Field(default="binary_crossentropy", description="Keras loss for the attacks")
    privacy: Privacy
    quality: Quality
    declared_public: dict[str, str] = Field(default={}, description="path from rows to model: why public")
    gate_policy: Path = Field(description="what must hold before a push")
    max_epsilon: float | None = Field(default=None, gt=0, description="overrides the gate policy's")
    beam: tuple[str, ...] = Field(default=LOCAL_BEAM, description="Beam pipeline options")
    cache: bool = True
    kubeflow: Kubeflow = Field(default=Kubeflow(), description="where and with what it runs on Kubeflow")


def load_settings(path: str | Path, *, for_demo: bool = False) -> Settings:
    """Reads a settings file; see :func:`components.documents.load` for errors.

    Args:
      path: the file.
      for_demo: ``input`` may be missing, because the demo makes its own.
    """
    settings = load(Settings, path)
    home = Path(path).resolve().parent
    if settings.input is None and not for_demo:
        raise DocumentError(f"{path}: input: required, but missing: the folder of CSV files to ingest.")
    paths = ("scrub_policy", "canary_plan", "gate_policy")
    given = {name: getattr(settings, name) for name in paths}
    found: dict[str, Path | str] = {name: home / path for name, path in given.items() if path is not None}
    if settings.input is not None:
        remote = uris.is_remote(settings.input)
        found["input"] = uris.check(settings.input) if remote else str(home / settings.input)
    return settings.model_copy(update=found)


def steps(settings: Settings) -> int:
    """How many components the pipeline has."""
    return 11 + (settings.canary_plan is not None)


def override(
    settings: Settings,
    *,
    target_epsilon: float | None = None,
    noise_multiplier: float | None = None,
    no_privacy: bool = False,
    max_epsilon: float | None = None,
    gate_policy: Path | None = None,
    epochs: int | None = None,
    cache: bool | None = None,
) -> Settings:
    """The settings with what a command line changes; what is None stays.

    Raises:
      DocumentError: more than one of ``target_epsilon``, ``noise_multiplier`` and ``no_privacy``.
    """
    if (target_epsilon is not None) + (noise_multiplier is not None) + no_privacy > 1:
        raise DocumentError("give at most one of --target-epsilon, --noise-multiplier and --no-privacy.")
    privacy: dict[str, Any] = {}
    if target_epsilon is not None:
        privacy = {"target_epsilon": target_epsilon, "noise_multiplier": None}
    if noise_multiplier is not None:
        privacy = {"target_epsilon": None, "noise_multiplier": noise_multiplier}
    if no_privacy:
        privacy = {"enabled": False}
    changes: dict[str, Any] = {"privacy": settings.privacy.model_copy(update=privacy)}
    if epochs is not None:
        changes["custom_config"] = {**settings.custom_config, "epochs": epochs}
    given = {"max_epsilon": max_epsilon, "gate_policy": gate_policy, "cache": cache}
    changes |= {name: value for name, value in given.items() if value is not None}
    return settings.model_copy(update=changes)
