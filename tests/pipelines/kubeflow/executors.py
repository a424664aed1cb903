"""Executors for tests of the entrypoint and the players: they do next to nothing."""

import os
from pathlib import Path

from tfx.dsl.components.base import base_executor

from components.storage import staging
from dpcore.errors import NotPrivateError


class Copying(base_executor.BaseExecutor):
    """Writes an output, and says in it where it saw its input and itself."""

    def Do(self, input_dict, output_dict, exec_properties):
        (made,) = output_dict["examples"]
        (given,) = input_dict.get("raw_examples", [None])
        for name, value in (given.mlmd_artifact.custom_properties if given else {}).items():
            made.mlmd_artifact.custom_properties[name].CopyFrom(value)
        made.split_names = '["train"]'
        made.set_string_custom_property("seen_at", made.uri)
        made.set_string_custom_property("read_at", given.uri if given else "")
        made.set_float_custom_property("epsilon", exec_properties.get("epsilon", 3.0))
        made.set_int_custom_property("rows", exec_properties["rows"])
        exec_properties["rows"] = ["changed by the executor"]
        staging.when_published(lambda: Path(made.uri, "settled").touch())
        Path(made.uri, "data").write_text(os.environ.get("FOR_THE_STEP", ""), encoding="utf-8")


class Failing(base_executor.BaseExecutor):
    """Writes half of an output and fails."""

    def Do(self, input_dict, output_dict, exec_properties):
        (made,) = output_dict["examples"]
        Path(made.uri, "half").touch()
        raise NotPrivateError("BatchNormalization mixes examples; use GroupNormalization.")


class Gate(base_executor.BaseExecutor):
    """Blesses if it is told so."""

    def Do(self, input_dict, output_dict, exec_properties):
        (blessing,) = output_dict["blessing"]
        blessing.set_int_custom_property("blessed", int("max_epsilon: 4" in exec_properties["policy"]))
