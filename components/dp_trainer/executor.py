"""Translates between artifacts and :mod:`components.dp_trainer.training`."""

import copy
import itertools
import json
import os
import uuid
from typing import Any

from tfx import types
from tfx.components.trainer import executor as trainer_executor
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.util import udf_utils
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import import_utils, json_utils, path_utils

from components.artifacts import set_custom_property
from components.dp_trainer import training
from components.dp_trainer.uncharged import entries_for, uncharged_paths
from components.storage import staging
from components.storage.journal import open_journal
from dpcore.errors import ConfigError
from dpcore.ledger import Ledger
from dpcore.replicas import from_chief, is_chief, number_of_workers, strategy


class Executor(trainer_executor.GenericExecutor):
    """Runs the user's ``run_fn`` as stock Trainer does, under a privacy session."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains, and writes the model, the model run and the privacy ledger.

        Where the environment's ``TF_CONFIG`` names several workers, this process must be their chief, and
        the others run :mod:`components.dp_trainer.worker`.
        """
        tell_workers(input_dict, exec_properties)
        ledger_artifact = artifact_utils.get_single_instance(output_dict["ledger"])
        model_uri = artifact_utils.get_single_uri(output_dict[standard_component_specs.MODEL_KEY])
        # Not on this machine, where the artifacts are copies: a charge must outlive it.
        journal = exec_properties.get("journal") or training.default_journal(
            staging.origin(ledger_artifact.uri)
        )
        attempt = f"{os.path.basename(ledger_artifact.uri.rstrip('/'))}-{uuid.uuid4().hex[:8]}"

        run_fn = udf_utils.get_fn(exec_properties, "run_fn")
        fn_args = self.fn_args(input_dict, output_dict, exec_properties)
        paths = uncharged_paths(
            [key for key, artifacts in input_dict.items() if artifacts],
            transform_graph=fn_args.transform_graph_path,
            preprocessing_fn=_function(exec_properties.get("preprocessing_fn")),
        )
        declared_public = json.loads(exec_properties.get("declared_public") or "{}")

        def train() -> None:
            run_fn(fn_args)
            if not fileio.exists(fn_args.serving_model_dir):
                raise RuntimeError(
                    f"run_fn wrote no model to fn_args.serving_model_dir={fn_args.serving_model_dir}."
                )

        training.train_in_session(
            train,
            journal=open_journal(journal),
            attempt=attempt,
            entries=entries_for(paths, declared_public, attempt),
            exported_model=path_utils.serving_model_dir(model_uri),
            write=lambda ledger: _write(ledger, ledger_artifact),
            when_kept=staging.when_published,
        )

    def fn_args(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> FnArgs:
        """What stock Trainer gives to a ``run_fn``, and the privacy settings."""
        fn_args = self._GetFnArgs(input_dict, output_dict, exec_properties)
        privacy = training.config_from_json(exec_properties["privacy"])
        fn_args.custom_config = {**(fn_args.custom_config or {}), "privacy": privacy}
        return fn_args


def tell_workers(input_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> None:
    """Tells the other workers, if there are any, what is trained on what.

    Raises:
      ConfigError: this process is not the chief.
    """
    if number_of_workers() == 1:
        return
    if not is_chief(strategy()):
        raise ConfigError(
            "TF_CONFIG makes this process a worker that is not the chief: run `python -m "
            "components.dp_trainer.worker` in it, and the trainer in the chief."
        )
    inputs = copy.deepcopy(input_dict)
    for artifact in itertools.chain.from_iterable(inputs.values()):
        artifact.uri = staging.origin(artifact.uri)
    from_chief(strategy(), json_utils.dumps([inputs, exec_properties]).encode())


def _write(ledger: Ledger, artifact: types.Artifact) -> None:
    fileio.makedirs(artifact.uri)
    with fileio.open(os.path.join(artifact.uri, "ledger.jsonl"), "w") as file:
        file.write(ledger.dumps())
    for name, value in training.metadata_properties(ledger).items():
        set_custom_property(artifact, name, value)


def _function(path: str | None) -> Any:
    if not path:
        return None
    module, _, name = path.rpartition(".")
    return import_utils.import_func_from_module(module, name)
