"""Trains as a job of its own, without a pipeline around it: ``python -m components.dp_trainer.job``.

For the chief of a training job of several processes, whose others run :mod:`components.dp_trainer.worker`; or
for a single process. Takes TFX's Examples, and writes what DPTrainer writes: below the output folder the
Model, the ModelRun, the PrivacyLedger, and the journal of all attempts, by which the next one knows what an
attempt that died has spent.
"""

import argparse
import os
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_artifacts

from components.artifacts import PrivacyLedger
from components.dp_trainer.executor import Executor
from components.storage import staging


def main(argv: Sequence[str] | None = None) -> None:
    """Trains as the arguments say."""
    given = _arguments(argv)
    splits = artifact_utils.encode_split_names(given.splits.split(","))
    inputs = {"examples": [_artifact(standard_artifacts.Examples, given.examples)]}
    inputs["examples"][0].split_names = splits
    if given.transform_graph:
        inputs["transform_graph"] = [_artifact(standard_artifacts.TransformGraph, given.transform_graph)]
    if given.schema:
        inputs["schema"] = [_artifact(standard_artifacts.Schema, given.schema)]
    kinds = {
        "model": standard_artifacts.Model,
        "model_run": standard_artifacts.ModelRun,
        "ledger": PrivacyLedger,
    }
    outputs = {key: [_artifact(kind, f"{given.output.rstrip('/')}/{key}")] for key, kind in kinds.items()}
    exec_properties = {
        "run_fn": given.run_fn,
        "preprocessing_fn": given.preprocessing_fn,
        "privacy": given.privacy,
        "custom_config": given.custom_config,
        "declared_public": given.declared_public,
        "train_args": "{}",
        "eval_args": "{}",
    }
    flag = f"{staging.EXECUTOR_FLAG}{Executor.__module__}.{Executor.__name__}"
    context = base_executor.BaseExecutor.Context(extra_flags=[flag], unique_id="job", tmp_dir=os.curdir)
    staging.StagedExecutor(context=context).Do(inputs, outputs, exec_properties)


def _artifact(kind: type[types.Artifact], uri: str) -> types.Artifact:
    artifact = kind()
    artifact.uri = uri
    return artifact


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="components.dp_trainer.job", allow_abbrev=False)
    parser.add_argument("--run-fn", required=True, help="import path of the training function")
    parser.add_argument("--examples", required=True, help="folder of Examples: one Split-NAME for each split")
    parser.add_argument("--splits", default="train,eval", help="names of the splits (default: train,eval)")
    parser.add_argument("--transform-graph", help="folder of Transform's output")
    parser.add_argument("--schema", help="folder of the schema")
    parser.add_argument("--preprocessing-fn", help="import path of the function that Transform ran")
    parser.add_argument(
        "--privacy", required=True, help="DpSgdConfig as JSON: '{\"l2_norm_clip\": 1.0, ...}'"
    )
    parser.add_argument("--custom-config", default="{}", help="what run_fn finds as custom_config, as JSON")
    parser.add_argument("--declared-public", default="{}", help="paths that somebody vouches for, as JSON")
    parser.add_argument("--output", required=True, help="folder for the model and the ledger")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
