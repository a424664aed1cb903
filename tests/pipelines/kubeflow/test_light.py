"""A step imports what it needs and no more; whoever asks for more gets it."""

import subprocess
import sys

import pytest

NEEDLESS = ("tensorflow_data_validation", "tensorflow_model_analysis.evaluators", "google.cloud.aiplatform")

PROGRAM = f"""
import sys
from pipelines.kubeflow import entrypoint, light
light.imports()
from pipelines.kubeflow import handover
import components.privacy_gate.executor
assert not set({NEEDLESS!r}) & set(sys.modules), set({NEEDLESS!r}) & set(sys.modules)
assert not any(name.startswith(("presidio", "spacy", "thinc")) for name in sys.modules)
from tfx.components import Evaluator
import tensorflow_model_analysis as tfma
assert Evaluator.__name__ == "Evaluator"
assert tfma.default_eval_shared_model and tfma.EvalConfig is tfma.proto.config_pb2.EvalConfig
"""


EVALUATOR = """
from pipelines.kubeflow import light
light.imports()
from tfx.components.evaluator import executor
import tensorflow_model_analysis as tfma
assert tfma.EvalConfig(model_specs=[tfma.ModelSpec(label_key="tip")]).model_specs[0].label_key == "tip"
assert executor.Executor
"""


@pytest.mark.slow
def test_the_evaluator_finds_the_names_that_tfx_gives_to_tfma():
    done = subprocess.run([sys.executable, "-c", EVALUATOR], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_the_gate_imports_neither_tfma_nor_tfdv_and_both_are_there_when_asked_for():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
