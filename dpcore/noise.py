"""Gaussian noise from a passed-in source, scaled by the sensitivity that the sum itself carries."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from dpcore.config import require_non_negative


@dataclass(frozen=True)
class ClippedSum:
    """A sum over examples in which no example counts for more than ``l2_norm_clip``.

    Attributes:
      values: one tensor per variable.
      l2_norm_clip: adding or removing one example changes ``values``, taken together, by at most this (L2).
    """

    values: Sequence[tf.Tensor]
    l2_norm_clip: float


@dataclass(frozen=True)
class NoiseSource:
    """Where noise comes from. ``seeded`` noise is for tests; whoever charges for it says so."""

    generator: tf.random.Generator
    seeded: bool

    @classmethod
    def from_system(cls) -> "NoiseSource":
        """Philox with 192 bits of key and counter from the operating system."""
        key = tf.constant(secrets.randbits(64), tf.uint64)
        counter = tf.constant([secrets.randbits(64), secrets.randbits(64)], tf.uint64)
        generator = tf.random.Generator.from_key_counter(
            key=tf.bitcast(key, tf.int64), counter=tf.bitcast(counter, tf.int64), alg="philox"
        )
        return cls(generator, seeded=False)

    @classmethod
    def from_seed(cls, seed: int) -> "NoiseSource":
        """The same noise every time: for tests only."""
        return cls(tf.random.Generator.from_seed(seed, alg="philox"), seeded=True)


def add_gaussian_noise(
    clipped: ClippedSum, *, noise_multiplier: float, source: NoiseSource
) -> list[tf.Tensor]:
    """The sum plus independent N(0, (noise_multiplier * l2_norm_clip)^2) in every coordinate.

    The Gaussian mechanism (Dwork and Roth 2014, appendix A). The noise is drawn in float32 from a
    counter-based generator; attacks on the floating-point grid (Mironov 2012) are not defended against.
    """
    require_non_negative("noise_multiplier", noise_multiplier)
    stddev = noise_multiplier * clipped.l2_norm_clip
    return [
        value + tf.cast(source.generator.normal(tf.shape(value), stddev=stddev), value.dtype)
        for value in clipped.values
    ]
