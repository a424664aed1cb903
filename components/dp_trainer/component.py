"""The DPTrainer component."""

import json
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import trainer_pb2
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_component_specs import TrainerSpec
from tfx.utils import json_utils

from components.artifacts import PrivacyLedger
from components.dp_trainer import training
from components.dp_trainer.executor import Executor
from dpcore.config import DpSgdConfig


class DPTrainerSpec(ComponentSpec):
    """Stock Trainer's parameters and channels, and what privacy adds to them."""

    PARAMETERS = {  # noqa: RUF012 (TFX's own form)
        **TrainerSpec.PARAMETERS,
        "privacy": ExecutionParameter(type=str),
        "declared_public": ExecutionParameter(type=str),
        "preprocessing_fn": ExecutionParameter(type=str, optional=True),
        "journal": ExecutionParameter(type=str, optional=True),
    }
    INPUTS = TrainerSpec.INPUTS
    OUTPUTS = {  # noqa: RUF012
        **TrainerSpec.OUTPUTS,
        "ledger": ChannelParameter(type=PrivacyLedger),
    }


class DPTrainer(base_component.BaseComponent):
    """Trains with a ``run_fn``, as stock Trainer does, and records what the training cost.

    ::

        trainer = DPTrainer(
            run_fn="my_package.model.run_fn",
            examples=transform.outputs["transformed_examples"],
            transform_graph=transform.outputs["transform_graph"],
            preprocessing_fn="my_package.model.preprocessing_fn",
            privacy=dpcore.DpSgdConfig(
                l2_norm_clip=1.0,
                expected_batch_size=256,
                target=dpcore.PrivacyTarget(epsilon=3.0, delta=1e-5),
            ),
            declared_public={"schema": "names and types stand in the scrub policy"},
            custom_config={"epochs": 10},
        )

    The ``run_fn`` is what every TFX user writes, with the model wrapped before it is compiled::

        def run_fn(fn_args):
            model = dpcore.PrivateModel(build_model(), fn_args.custom_config["privacy"])
            model.compile("adam", "binary_crossentropy")
            model.fit(x, y, epochs=fn_args.custom_config["epochs"])
            model.export(fn_args.serving_model_dir)

    On several machines the model is made in ``with dpcore.strategy().scope():``, the trainer is the chief of
    the processes that ``TF_CONFIG`` names, and the others run ``python -m components.dp_trainer.worker``.

    A run is recorded as non-private (epsilon is infinite, and a gate refuses it) where the exported weights
    are not the ones that a PrivateModel wrote last, and where something else than gradients carries
    information from the rows to the model: an inferred schema, Transform's analyzers, a base model, tuned
    hyperparameters, statistics. ``declared_public`` vouches for such a path, and the report says so.

    Outputs ``model``, ``model_run`` and ``ledger`` (:class:`components.artifacts.PrivacyLedger`).
    """

    SPEC_CLASS = DPTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        run_fn: str,
        privacy: DpSgdConfig | None,
        transform_graph: types.BaseChannel | None = None,
        preprocessing_fn: str | None = None,
        schema: types.BaseChannel | None = None,
        base_model: types.BaseChannel | None = None,
        hyperparameters: types.BaseChannel | None = None,
        statistics: types.BaseChannel | None = None,
        train_args: trainer_pb2.TrainArgs | None = None,
        eval_args: trainer_pb2.EvalArgs | None = None,
        custom_config: Mapping[str, Any] | None = None,
        declared_public: Mapping[str, str] | None = None,
        journal: str | None = None,
    ) -> None:
        """Constructs the component.

        Args:
          examples: training data; raw or transformed.
          run_fn: import path of the training function.
          privacy: what ``run_fn`` finds as ``fn_args.custom_config["privacy"]``; None trains without.
          transform_graph: Transform's output.
          preprocessing_fn: import path of the function that Transform ran, to see what it learns.
          schema, base_model, hyperparameters, statistics: as in stock Trainer.
          train_args, eval_args, custom_config: as in stock Trainer.
          declared_public: paths from rows to model that somebody vouches for, each with the reason.
          journal: the ledger of all attempts: a file on a local disk, or a folder in a bucket
            (``s3://...``); by default beside the artifacts of this component.
        """
        spec = DPTrainerSpec(
            examples=examples,
            transform_graph=transform_graph,
            schema=schema,
            base_model=base_model,
            hyperparameters=hyperparameters,
            statistics=statistics,
            train_args=train_args or trainer_pb2.TrainArgs(),
            eval_args=eval_args or trainer_pb2.EvalArgs(),
            run_fn=run_fn,
            custom_config=json_utils.dumps(dict(custom_config or {})),
            privacy=training.config_to_json(privacy),
            declared_public=json.dumps(dict(declared_public or {}), sort_keys=True),
            preprocessing_fn=preprocessing_fn,
            journal=journal,
            model=types.Channel(type=standard_artifacts.Model),
            model_run=types.Channel(type=standard_artifacts.ModelRun),
            ledger=types.Channel(type=PrivacyLedger),
        )
        super().__init__(spec=spec)
