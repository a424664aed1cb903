"""What Kubeflow's launcher hands to a step, as TFX's artifacts and properties, and what it gets back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils
from tfx.types import Artifact

from components.storage import staging
from pipelines.kubeflow import uris

Artifacts = dict[str, list[Artifact]]


@dataclass
class Handover:
    """Artifacts with the URIs that everybody knows, and properties.

    Attributes:
      inputs: by key.
      outputs: by key; the step fills them.
      exec_properties: the step's, with everything that came as a parameter.
      output_file: where the launcher looks for what the step made.
    """

    inputs: Artifacts
    outputs: Artifacts
    exec_properties: dict[str, Any]
    output_file: str

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Meanwhile, artifacts are where this container has them; afterwards, where everybody has them."""
        artifacts = [a for group in (self.inputs, self.outputs) for found in group.values() for a in found]
        everywhere = [artifact.uri for artifact in artifacts]
        for artifact in artifacts:
            artifact.uri = uris.to_mount(artifact.uri)
        try:
            with staging.mounted(uris.MOUNTS):
                yield
        finally:
            known = {uris.to_mount(uri): uri for uri in everywhere}
            for artifact, uri in zip(artifacts, everywhere, strict=True):
                artifact.uri = uri
                for value in artifact.mlmd_artifact.custom_properties.values():
                    if value.string_value in known:
                        value.string_value = known[value.string_value]

    def write(self) -> None:
        """Tells the launcher what was made."""
        output = pipeline_spec_pb2.ExecutorOutput()
        for key, (artifact,) in self.outputs.items():
            # Outputs have no id yet; their key is a name, and TFX asks for one.
            made = kubeflow_v2_entrypoint_utils.to_runtime_artifact(artifact, {artifact.id: key})
            output.artifacts[key].artifacts.append(made)
        os.makedirs(os.path.dirname(self.output_file), exist_ok=True)
        with open(self.output_file, "w", encoding="utf-8") as file:
            file.write(json_format.MessageToJson(output, sort_keys=True))


def read(executor_input: str, inputs_spec: str) -> Handover:
    """Reads what the launcher (Kubeflow's own or kfp.local's) hands over.

    Both tell no TFX types of inputs, and Kubeflow's adds an output of its own for the log: types come from
    the compiled specification of the inputs, and outputs of ``system.*`` types are left to the launcher.
    """
    message = json_format.Parse(executor_input, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True)
    spec = json_format.Parse(inputs_spec, pipeline_spec_pb2.ComponentInputsSpec(), ignore_unknown_fields=True)
    inputs, outputs = message.inputs.artifacts, message.outputs.artifacts
    for key in [key for key in inputs if key not in spec.artifacts]:
        del inputs[key]
    for key, found in inputs.items():
        for artifact in found.artifacts:
            artifact.type.CopyFrom(spec.artifacts[key].artifact_type)
    for key in [key for key, found in outputs.items() if _is_launchers(found)]:
        del outputs[key]
    return Handover(
        inputs=_parse(inputs),
        outputs=_parse(outputs),
        exec_properties=kubeflow_v2_entrypoint_utils.parse_execution_properties(
            message.inputs.parameter_values, message.inputs.parameters, spec
        ),
        output_file=uris.to_mount(message.outputs.output_file),
    )


def give_types(artifacts: Artifacts) -> None:
    """Custom properties that a step copied from an input, as numbers and texts of their own kind.

    They came as JSON, which knows one kind of number, and would be recorded as JSON. Copied are split names,
    spans and formats, so a whole number was one before.
    """
    for artifact in (a for found in artifacts.values() for a in found):
        for name, value in artifact.mlmd_artifact.custom_properties.items():
            content = artifact.get_json_value_custom_property(name) if _is_json(value) else None
            if isinstance(content, str):
                value.string_value = content
            elif isinstance(content, float):
                if content.is_integer():
                    value.int_value = int(content)
                else:
                    value.double_value = content


def _is_json(value: metadata_store_pb2.Value) -> bool:
    return bool(value.WhichOneof("value") == "struct_value")


def _is_launchers(found: pipeline_spec_pb2.ArtifactList) -> bool:
    return any(artifact.type.schema_title.startswith("system.") for artifact in found.artifacts)


def _parse(found: Any) -> Artifacts:
    for artifacts in found.values():
        for artifact in artifacts.artifacts:
            artifact.name = ""  # TFX would make an id of it, which means nothing in any store.
    parsed: Artifacts = kubeflow_v2_entrypoint_utils.parse_raw_artifact_dict(found)
    return parsed
