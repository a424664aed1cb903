"""The pipeline: scrub, validate, plant canaries, transform, train, evaluate, attack, gate, push."""

import tensorflow_model_analysis as tfma
import tfx.v1 as tfx
from tfx.orchestration.pipeline import Pipeline

from components import (
    CanaryInjector,
    DPTrainer,
    PrivacyEvaluator,
    PrivacyGate,
    ScrubbingExampleGen,
    ScrubValidator,
)
from components.storage.pusher import Pusher
from pipelines.places import Places
from pipelines.settings import Settings


def create_pipeline(settings: Settings, places: Places) -> Pipeline:
    """The whole pipeline of the given settings. Where its records go is up to who runs it."""
    example_gen = ScrubbingExampleGen(
        input_base=str(settings.input),
        policy=str(settings.scrub_policy),
        split_by=settings.split_by,
        splits=settings.splits,
    )
    examples, scrub_report = example_gen.outputs["examples"], example_gen.outputs["scrub_report"]
    scrub_validator = ScrubValidator(examples=examples, scrub_report=scrub_report)
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    schema = schema_gen.outputs["schema"]
    validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema
    )
    injector = (
        CanaryInjector(examples=examples, plan=str(settings.canary_plan)) if settings.canary_plan else None
    )
    transform = tfx.components.Transform(
        examples=injector.outputs["examples"] if injector else examples,
        schema=schema,
        preprocessing_fn=settings.preprocessing_fn,
    )
    trainer = DPTrainer(
        run_fn=settings.run_fn,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        preprocessing_fn=settings.preprocessing_fn,
        privacy=settings.privacy.config(),
        declared_public=settings.declared_public,
        custom_config={**settings.custom_config, "batch_size": settings.privacy.expected_batch_size},
    )
    model = trainer.outputs["model"]
    evaluator = tfx.components.Evaluator(
        examples=examples, model=model, eval_config=_eval_config(settings), example_splits=["eval"]
    )
    privacy_evaluator = PrivacyEvaluator(
        model=model,
        ledger=trainer.outputs["ledger"],
        examples=examples,
        canaries=injector.outputs["canaries"] if injector else None,
        transform_graph=transform.outputs["transform_graph"],
        label_key=settings.label_key,
        loss=settings.loss,
        target_delta=settings.privacy.target_delta,
    )
    gate = PrivacyGate(
        privacy_report=privacy_evaluator.outputs["privacy_report"],
        scrub_report=scrub_report,
        evaluation_blessing=evaluator.outputs["blessing"],
        model=model,
        policy=str(settings.gate_policy),
        max_epsilon=settings.max_epsilon,
    )
    pusher = Pusher(
        model=model,
        model_blessing=gate.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(places.pushed))
        ),
    )
    steps = [example_gen, scrub_validator, statistics_gen, schema_gen, validator, injector]
    steps += [transform, trainer, evaluator, privacy_evaluator, gate, pusher]
    return Pipeline(
        pipeline_name=settings.name,
        pipeline_root=str(places.root),
        components=[step for step in steps if step is not None],
        beam_pipeline_args=list(settings.beam),
        enable_cache=settings.cache,
    )


def _eval_config(settings: Settings) -> tfma.EvalConfig:
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": settings.quality.at_least})
    )
    metric = tfma.MetricConfig(class_name=settings.quality.metric, threshold=threshold)
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serving_default",
                label_key=settings.label_key,
                preprocessing_function_names=["transform_features"],
            )
        ],
        slicing_specs=[tfma.SlicingSpec()],
        metrics_specs=[tfma.MetricsSpec(metrics=[metric, tfma.MetricConfig(class_name="ExampleCount")])],
    )
