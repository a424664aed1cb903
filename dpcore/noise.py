"""Gaussian noise from a passed-in source, scaled by the sensitivity that the sum itself carries."""

import functools
import hashlib
import itertools
import math
import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import tensorflow as tf
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from dpcore.config import require_non_negative
from dpcore.errors import NotSupportedError

# Pairs of normals made at a time: what they need stays in the cache, and threads seldom wait for Python.
_PAIRS = 1 << 14
_PAIR_BYTES = 12
# TensorFlow takes arrays of NumPy as they are if they start at a multiple of so many float32.
_ALIGNED = 16
_ZEROS = memoryview(bytes(_PAIR_BYTES * _PAIRS))


@dataclass(frozen=True)
class ClippedSum:
    """A sum over examples in which no example counts for more than ``l2_norm_clip``.

    Attributes:
      values: one tensor per variable.
      l2_norm_clip: adding or removing one example changes ``values``, taken together, by at most this (L2).
    """

    values: Sequence[tf.Tensor]
    l2_norm_clip: float


@dataclass(frozen=True, eq=False)
class NoiseSource:
    """Where noise comes from. ``seeded`` noise is for tests; whoever charges for it says so.

    Attributes:
      next_key: a new AES-256 key at every call. A key serves one draw, so no keystream is ever repeated or
        used up, whatever thread or forked process draws, and a key found in memory tells nothing of noise
        drawn before or after.
      generator: Philox, for steps compiled by XLA. Statistically as good, but no cipher. Its state must not
        be forked.
      seeded: whether the noise is the same every time.
    """

    next_key: Callable[[], bytes]
    generator: tf.random.Generator
    seeded: bool

    @classmethod
    def from_system(cls) -> "NoiseSource":
        """Keys from the operating system: 256 bits for each draw; for Philox 192 of key and counter, once."""
        key = tf.constant(secrets.randbits(64), tf.uint64)
        counter = tf.constant([secrets.randbits(64), secrets.randbits(64)], tf.uint64)
        generator = tf.random.Generator.from_key_counter(
            key=tf.bitcast(key, tf.int64), counter=tf.bitcast(counter, tf.int64), alg="philox"
        )
        return cls(functools.partial(secrets.token_bytes, 32), generator, seeded=False)

    @classmethod
    def from_seed(cls, seed: int) -> "NoiseSource":
        """The same noise every time: for tests only."""
        draws = itertools.count()
        return cls(
            lambda: hashlib.sha256(f"{seed}/{next(draws)}".encode()).digest(),
            tf.random.Generator.from_seed(seed, alg="philox"),
            seeded=True,
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("a NoiseSource cannot be copied or pickled: the copy would repeat its noise.")


def add_gaussian_noise(
    clipped: ClippedSum, *, noise_multiplier: float, source: NoiseSource, jit_compile: bool = False
) -> list[tf.Tensor]:
    """The sum plus independent N(0, (noise_multiplier * l2_norm_clip)^2) in every coordinate.

    The Gaussian mechanism (Dwork and Roth 2014, appendix A). The normals come from the transform of Box and
    Muller (1958) in float32: the radius from 64 random bits, the angle from 32. Each is an exact normal,
    rounded by 1e-7 on average and by less than 1e-3 always; the tails are right up to 9.4 standard deviations
    (beyond: 5e-21 of the mass). Attacks on the floating-point grid (Mironov 2012) are not defended against.

    The bits are the keystream of AES-256 in counter mode (NIST SP 800-38A), made on the CPU while the step
    computes its gradients. XLA cannot run that: with ``jit_compile`` they come from Philox (Salmon et al.
    2011) inside the graph.

    Args:
      clipped: values of any floating type and static shape. The sum is made in float32 and then rounded to
        the type of the value, which is postprocessing: in a narrower type noise would be rounded before it
        is added, and in a wider one the low digits of the value would stay bare.
      noise_multiplier: standard deviation of the noise / ``l2_norm_clip``; 0 changes nothing.
      source: gives all variables their noise in one draw.
      jit_compile: whether the caller is compiled by XLA.

    Returns:
      One tensor per value, in its shape and type.

    Raises:
      ConfigError: ``noise_multiplier`` is negative or not finite.
      NotSupportedError: a value has no static shape.
    """
    require_non_negative("noise_multiplier", noise_multiplier)
    values = [tf.convert_to_tensor(value) for value in clipped.values]
    if noise_multiplier == 0 or not values:
        return values
    sizes = [value.shape.num_elements() for value in values]
    if None in sizes:
        raise NotSupportedError(f"noise needs static shapes; got {[value.shape for value in values]}.")
    stddev = noise_multiplier * clipped.l2_norm_clip
    noise = _compiled_noise(sizes, stddev, source) if jit_compile else _noise(sizes, stddev, source)
    return [
        tf.cast(tf.cast(value, tf.float32) + tf.reshape(part, value.shape), value.dtype)
        for value, part in zip(values, noise, strict=True)
    ]


def _noise(sizes: Sequence[int], stddev: float, source: NoiseSource) -> list[tf.Tensor]:
    """Noise for values of these sizes, from the CPU; in a graph it does not wait for the gradients.

    All of it is one array, in which each value's part starts where TensorFlow can use it without a copy.
    """
    ends = list(itertools.accumulate(size + -size % _ALIGNED for size in sizes))
    starts = [0, *ends[:-1]]

    def draw() -> list[np.ndarray]:
        noise = _aes_normals(ends[-1], source.next_key, stddev)
        return [noise[start : start + size] for start, size in zip(starts, sizes, strict=True)]

    parts = tf.numpy_function(draw, [], [tf.float32] * len(sizes), stateful=True)
    return [tf.ensure_shape(part, [size]) for part, size in zip(tf.nest.flatten(parts), sizes, strict=True)]


def _aes_normals(count: int, next_key: Callable[[], bytes], stddev: float = 1.0) -> np.ndarray:
    """``[count]`` normals, made in chunks on all cores: the step's own work would wait for a single one."""
    key, pairs = next_key(), -(-count // 2)
    memory = np.empty(2 * pairs + _ALIGNED, np.float32)
    first = -memory.ctypes.data // memory.itemsize % _ALIGNED
    normals = memory[first : first + 2 * pairs].reshape(2, pairs)
    workers = min(-(-pairs // _PAIRS), os.cpu_count() or 1)
    chunks = -(-pairs // (_PAIRS * workers)) * _PAIRS
    fill = functools.partial(_fill, normals, key, stddev, chunks)
    if workers == 1:
        fill(0)
    else:
        with ThreadPoolExecutor(workers) as threads:
            list(threads.map(fill, range(0, pairs, chunks)))
    return normals.ravel()[:count]


def _fill(normals: np.ndarray, key: bytes, stddev: float, pairs: int, first: int) -> None:
    """Makes so many pairs from the first on, in memory that is used again for every chunk of them."""
    keystream = _keystream(key, first * _PAIR_BYTES // 16)
    bits = bytearray(len(_ZEROS) + 15)  # as much as OpenSSL may want
    memory = np.empty([2, _PAIRS], np.float32)
    for start in range(first, min(first + pairs, normals.shape[1]), _PAIRS):
        part = normals[:, start : start + _PAIRS]
        size = part.shape[1]
        keystream.update_into(_ZEROS[: _PAIR_BYTES * size], bits)
        radius, angle = memory[:, :size]
        radius[:] = np.frombuffer(bits, "<i8", size)
        angle[:] = np.frombuffer(bits, "<i4", size, offset=8 * size)
        _box_muller_into(part, radius, angle, stddev)


def _keystream(key: bytes, first_block: int = 0) -> CipherContext:
    """Encrypts zeros to the keystream of AES in counter mode, from the block at this counter."""
    return Cipher(algorithms.AES256(key), modes.CTR(first_block.to_bytes(16))).encryptor()


def _compiled_noise(sizes: Sequence[int], stddev: float, source: NoiseSource) -> list[tf.Tensor]:
    """The same by operations that XLA knows."""
    return list(tf.split(stddev * _compiled_normals(sum(sizes), source), sizes))


def _compiled_normals(count: int, source: NoiseSource) -> tf.Tensor:
    """``[count]`` standard normals by operations that XLA knows."""
    pairs = -(-count // 2)
    radius = source.generator.uniform_full_int([pairs], tf.int64)
    angle = source.generator.uniform_full_int([pairs], tf.int32)
    pair = _box_muller(tf.cast(radius, tf.float32), tf.cast(angle, tf.float32))
    return tf.concat(pair, axis=0)[:count]


def _box_muller(radius: tf.Tensor, angle: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Two independent normals; ``radius`` and ``angle`` are integers of 64 and 32 bits as float32.

    The logarithm never sees 0.
    """
    scale = tf.sqrt(-2.0 * tf.math.log(tf.abs(radius) * 2.0**-63 + 2.0**-64))
    turned = angle * (math.pi * 2.0**-31)
    return scale * tf.cos(turned), scale * tf.sin(turned)


def _box_muller_into(normals: np.ndarray, radius: np.ndarray, angle: np.ndarray, stddev: float) -> None:
    """The same, times ``stddev``, into ``normals`` ``[2, ...]``; in place, which takes a fifth less time."""
    np.abs(radius, out=radius)
    radius *= np.float32(2.0**-63)
    radius += np.float32(2.0**-64)
    np.log(radius, out=radius)
    radius *= np.float32(-2.0)
    np.sqrt(radius, out=radius)
    radius *= np.float32(stddev)
    angle *= np.float32(math.pi * 2.0**-31)
    np.cos(angle, out=normals[0])
    np.sin(angle, out=normals[1])
    normals *= radius
