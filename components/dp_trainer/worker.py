"""A process that trains along with a DPTrainer: ``python -m components.dp_trainer.worker``.

It is started with a ``TF_CONFIG`` that names all processes, of which the trainer itself is the chief, and
learns from it what is trained on what: it reads the same inputs, by the same URIs, and runs the same
``run_fn``, which makes its model in ``dpcore.strategy().scope()``. The chief charges the ledger and writes
the model; what a worker writes is thrown away.
"""

import tempfile
from typing import Any

from tfx import types
from tfx.components.util import udf_utils
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts
from tfx.utils import json_utils

from components.dp_trainer.executor import Executor
from components.storage import staging
from dpcore.ledger import Ledger
from dpcore.replicas import from_chief, strategy
from dpcore.session import private_session


class TrainsAlong(Executor):
    """Runs the ``run_fn`` as the trainer does, and keeps nothing."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains. The charges are the chief's: here they are counted in memory."""
        run_fn = udf_utils.get_fn(exec_properties, "run_fn")
        with private_session(Ledger(), attempt="worker"):
            run_fn(self.fn_args(input_dict, output_dict, exec_properties))


def main() -> None:
    """Joins the cluster, waits for the chief to say what to train, and trains it."""
    inputs, exec_properties = json_utils.loads(from_chief(strategy(), b"").decode())
    flag = f"{staging.EXECUTOR_FLAG}{TrainsAlong.__module__}.{TrainsAlong.__name__}"
    with tempfile.TemporaryDirectory(prefix="tfx-privacy-") as folder:
        model, model_run = standard_artifacts.Model(), standard_artifacts.ModelRun()
        model.uri, model_run.uri = f"{folder}/model", f"{folder}/model_run"
        context = base_executor.BaseExecutor.Context(extra_flags=[flag], tmp_dir=folder, unique_id="worker")
        outputs = {"model": [model], "model_run": [model_run]}
        staging.StagedExecutor(context=context).Do(inputs, outputs, exec_properties)


if __name__ == "__main__":
    # The class is found by its module's name, which is not __main__.
    from components.dp_trainer import worker

    worker.main()
