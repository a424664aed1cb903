"""Which examples are in which step, with the event that says so.

Poisson sampling: every example enters every step independently with the same probability. The batches that
come out differ in size; they are padded with zero rows that carry no weight, so that few shapes occur.
"""

import itertools
import secrets
from dataclasses import dataclass
from typing import Any

import dp_accounting
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from dpcore.config import require_probability
from dpcore.errors import ConfigError, NotPrivateError

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class PoissonSampler:
    """Draws Poisson batches from ``num_examples`` examples, and accounts for what it draws.

    Attributes:
      num_examples: size of the training set; >= 1.
      expected_batch_size: mean batch size; at most ``num_examples``.
    """

    num_examples: int
    expected_batch_size: int

    def __post_init__(self) -> None:
        if self.num_examples < 1:
            raise ConfigError(f"num_examples must be >= 1; got {self.num_examples!r}.")
        if self.expected_batch_size > self.num_examples:
            raise ConfigError(
                "expected_batch_size must not exceed the number of training examples; got "
                f"{self.expected_batch_size} and {self.num_examples}."
            )
        require_probability("sampling_probability", self.sampling_probability)

    @property
    def sampling_probability(self) -> float:
        """The probability with which an example is in a step."""
        return self.expected_batch_size / self.num_examples

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which an example is expected to be drawn once."""
        return -(-self.num_examples // self.expected_batch_size)

    @property
    def padding_multiple(self) -> int:
        """Batches are padded to a multiple of this: few shapes to compile, at most 1/8 of the work idle."""
        return max(1, self.expected_batch_size // 8)

    def event(self, noise_multiplier: float) -> dp_accounting.DpEvent:
        """The event of one step with Gaussian noise on the clipped sum of its batch."""
        return dp_accounting.PoissonSampledDpEvent(
            self.sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
        )

    def draw(self, rng: np.random.Generator) -> Indices:
        """One batch: the indices of its examples, ``[batch]``, ascending. May be empty."""
        return np.flatnonzero(rng.random(self.num_examples) < self.sampling_probability)

    def padded(self, rng: np.random.Generator, replicas: int = 1) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """One batch padded to at least one row: indices ``[rows]``, and which rows are real ``[rows]``.

        The rows can be divided by the number of replicas.
        """
        indices = self.draw(rng)
        multiple = -(-self.padding_multiple // replicas) * replicas
        rows = max(1, -(-len(indices) // multiple)) * multiple
        padding = rows - len(indices)
        return np.pad(indices, (0, padding)), np.arange(rows) < len(indices)


def sampling_rng(seed: int | None = None) -> np.random.Generator:
    """A generator for :class:`PoissonSampler`, seeded by the operating system unless a test gives a seed."""
    return np.random.Generator(np.random.Philox(secrets.randbits(256) if seed is None else seed))


def poisson_batches(
    arrays: Any,
    sampler: PoissonSampler,
    rng: np.random.Generator,
    *,
    replicas: int = 1,
    parts: range = range(1),
) -> tf.data.Dataset:
    """An endless data set of Poisson batches, padded with rows of zeros.

    Args:
      arrays: a nest of arrays, each ``[num_examples, ...]``. Where weights are among them, the padding rows
        have weight 0, which is how they are told from examples.
      sampler: what draws the batches.
      rng: where the randomness comes from.
      replicas: how many share a batch, in equal parts.
      parts: which of these to yield, one after the other, before the next batch is drawn.
    """
    tensors = tf.nest.map_structure(tf.convert_to_tensor, arrays)

    def draw() -> tuple[tf.Tensor, tf.Tensor]:
        drawn = tf.numpy_function(
            lambda: sampler.padded(rng, replicas), [], [tf.int64, tf.bool], stateful=True
        )
        return tf.ensure_shape(drawn[0], [None]), tf.ensure_shape(drawn[1], [None])

    def examples(indices: tf.Tensor, real: tf.Tensor) -> Any:
        return tf.nest.map_structure(lambda array: _rows(array, indices, real), tensors)

    def own_parts(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        with tf.control_dependencies([tf.numpy_function(in_order, [step], [], stateful=True)]):
            return tuple(tf.reshape(rows, [replicas, -1])[parts.start : parts.stop] for rows in draw())

    steps = itertools.count()

    def in_order(step: int) -> None:
        if step != next(steps):
            raise NotPrivateError("batches that replicas share are read once: others would read others.")

    options = tf.data.Options()
    # There is nothing to tune, and an abandoned iterator would wait for the tuning thread, up to 10 seconds.
    options.autotune.enabled = False
    # Not from_generator: once that has run, the process gives every large block back to the system.
    counter = tf.data.Dataset.counter()
    if replicas == 1:
        return counter.map(lambda _: examples(*draw())).with_options(options)
    return counter.map(own_parts).unbatch().map(examples).with_options(options)


def _rows(array: tf.Tensor, indices: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    rows = tf.gather(array, indices)
    keep = tf.reshape(real, tf.concat([tf.shape(real), tf.ones(array.shape.rank - 1, tf.int32)], 0))
    return tf.where(keep, rows, tf.zeros_like(rows))
