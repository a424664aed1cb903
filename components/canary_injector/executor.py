"""CanaryInjector's executor: artifacts in, artifacts out; the work is in :mod:`.injection`."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, artifact_utils
from tfx.utils import io_utils

from components.artifacts import set_custom_property
from components.canary_injector import canary_set, injection
from components.canary_injector.plan import Plan, parse_plan
from components.documents import DocumentError

CODE_VERSION = "1"
_TRAIN = "train"
_CARRIED_PROPERTIES = ("payload_format", "file_format", "span", "version", "input_fingerprint")


class Executor(base_executor.BaseExecutor):
    """See :class:`components.canary_injector.component.CanaryInjector`."""

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies all splits, with canaries among the rows of ``train``.

        Raises:
          DocumentError: the plan does not fit the data.
        """
        plan = parse_plan(exec_properties["plan"], source="plan")
        rng = np.random.default_rng(plan.seed)
        source = artifact_utils.get_single_instance(input_dict["raw_examples"])
        target = artifact_utils.get_single_instance(output_dict["examples"])
        _require_tf_examples(source)
        _carry_properties(source, target)
        for split in artifact_utils.decode_split_names(source.split_names):
            if split != _TRAIN:
                io_utils.copy_dir(
                    artifact_utils.get_split_uri([source], split), os.path.join(target.uri, f"Split-{split}")
                )
        drawn, candidates = _inject_split(plan, source, target, rng)
        _write_canary_set(artifact_utils.get_single_instance(output_dict["canaries"]), drawn, candidates)


def _inject_split(
    plan: Plan, source: Artifact, target: Artifact, rng: np.random.Generator
) -> tuple[canary_set.CanarySet, list[bytes]]:
    shards = sorted(fileio.glob(io_utils.all_files_pattern(artifact_utils.get_split_uri([source], _TRAIN))))
    rows, kinds = injection.feature_kinds(_read(shards))
    candidates = injection.draw_candidates(plan, kinds, rng)
    drawn = injection.assign_candidates(plan, rng)
    inserted = injection.copies(candidates, drawn)
    mixed = injection.inject(_read(shards), rows, inserted, rng)
    folder = os.path.join(target.uri, f"Split-{_TRAIN}")
    fileio.makedirs(folder)
    per_shard = -(-(rows + len(inserted)) // len(shards))
    for shard in shards:
        _write(os.path.join(folder, os.path.basename(shard)), islice(mixed, per_shard))
    return drawn, candidates


def _write_canary_set(artifact: Artifact, drawn: canary_set.CanarySet, candidates: list[bytes]) -> None:
    fileio.makedirs(artifact.uri)
    io_utils.write_string_file(os.path.join(artifact.uri, canary_set.PAYLOAD), drawn.model_dump_json())
    _write(os.path.join(artifact.uri, canary_set.CANDIDATES), iter(candidates))
    properties: dict[str, str | int | float] = {
        "candidates": len(candidates),
        "inserted": drawn.inserted,
        "max_repetitions": drawn.max_repetitions,
        "rows_added": drawn.rows_added,
        "plan_digest": drawn.plan_digest,
    }
    for name, value in properties.items():
        set_custom_property(artifact, name, value)


def _require_tf_examples(examples: Artifact) -> None:
    payload = examples_utils.get_payload_format(examples)
    file_format = examples_utils.get_file_format(examples)
    if payload != example_gen_pb2.FORMAT_TF_EXAMPLE or file_format != "tfrecords_gzip":
        raise DocumentError(
            "examples must hold tf.Examples in gzipped TFRecords; got "
            f"{example_gen_pb2.PayloadFormat.Name(payload)} in {file_format}."
        )
    splits = artifact_utils.decode_split_names(examples.split_names)
    if _TRAIN not in splits:
        raise DocumentError(f"examples must have a split named {_TRAIN}; got {', '.join(splits)}.")


def _carry_properties(source: Artifact, target: Artifact) -> None:
    target.split_names = source.split_names
    target.span = source.span
    target.version = source.version
    for name in _CARRIED_PROPERTIES:
        if name in source.mlmd_artifact.custom_properties:
            value = source.mlmd_artifact.custom_properties[name]
            target.mlmd_artifact.custom_properties[name].CopyFrom(value)


def _read(shards: list[str]) -> Iterator[bytes]:
    return iter(tf.data.TFRecordDataset(shards, compression_type="GZIP").as_numpy_iterator())


def _write(path: str, records: Iterator[bytes]) -> None:
    with tf.io.TFRecordWriter(path, options="GZIP") as writer:
        for record in records:
            writer.write(record)
