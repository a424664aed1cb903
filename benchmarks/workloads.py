"""The workloads: sizes and random data, the same in every framework. Needs NumPy only."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

L2_NORM_CLIP = 1.0
NOISE_MULTIPLIER = 1.1
LEARNING_RATE = 0.1


@dataclass(frozen=True)
class Workload:
    """What is trained.

    Attributes:
      title: for people.
      model: which model: cnn, mlp, lstm or transformer.
      batch_size: examples per step.
      classes: outputs of the model; for text the size of the vocabulary.
      features: shape of one example of numbers; empty for text.
      length: tokens of one example of text; 0 for numbers.
      width: units of the hidden layers.
      depth: how many hidden layers or blocks.
      fit_steps: how many steps a whole ``fit`` has.
    """

    title: str
    model: str
    batch_size: int
    classes: int
    features: tuple[int, ...] = ()
    length: int = 0
    width: int = 0
    depth: int = 2
    fit_steps: int = 6

    def data(self, num_examples: int | None = None) -> tuple[Any, Any]:
        """Random inputs and targets; by default one batch of them."""
        rows = num_examples or self.batch_size
        rng = np.random.default_rng(0)
        if self.length:
            x, y = rng.integers(self.classes, size=(2, rows, self.length)).astype("int32")
            return x, y
        x = rng.normal(size=(rows, *self.features)).astype("float32")
        return x, rng.integers(self.classes, size=rows).astype("int32")


WORKLOADS = {
    "W1": Workload("CNN of the MNIST tutorial", "cnn", 256, 10, features=(28, 28, 1), fit_steps=50),
    "W2": Workload("MLP 784-1024-1024-10", "mlp", 256, 10, features=(784,), width=1024, fit_steps=25),
    "W3": Workload("LSTM language model, 2 x 256, 100 characters", "lstm", 64, 50, length=100, width=256),
    "W4": Workload("Transformer encoder, 2 x 128, 64 tokens", "transformer", 64, 8000, length=64, width=128),
}


def workload(spec: str) -> Workload:
    """A workload by its name, with changed sizes: ``W2`` or ``W2,batch_size=64,depth=4``."""
    name, *changes = spec.split(",")
    sizes = dict(change.split("=") for change in changes)
    return replace(WORKLOADS[name], **{field: int(value) for field, value in sizes.items()})
