"""Pusher, for which a version is whole or absent, on a disk and in a bucket."""

import os
import tempfile
from typing import Any

from tfx import types
from tfx.components.pusher import component, executor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

import components.storage.plugin  # noqa: F401 (the destination may lie in a bucket)
from components.storage import stores


class Executor(executor.Executor):
    """Lets the stock executor push to a folder of its own, and publishes that folder as a whole."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes, if the model is blessed; see :func:`components.storage.stores.publish_folder`."""
        key = standard_component_specs.PUSH_DESTINATION_KEY
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[key], destination)
        base = destination.filesystem.base_directory
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        with tempfile.TemporaryDirectory(prefix="tfx-privacy-") as scratch:
            destination.filesystem.base_directory = scratch
            here = {**exec_properties, key: proto_utils.proto_to_json(destination)}
            super().Do(input_dict, output_dict, here)
            version = pushed.get_string_custom_property("pushed_version")
            if not version:
                return
            target = os.path.join(base, version)
            if not fileio.exists(target):
                stores.publish_folder(os.path.join(scratch, version), target)
        pushed.set_string_custom_property("pushed_destination", target)


class Pusher(component.Pusher):
    """Stock Pusher, with the same inputs, outputs and arguments, but for how it writes.

    The stock one copies file by file: if it fails in between, half a version is left behind, whose number a
    model server has already seen.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
