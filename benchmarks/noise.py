"""What a million normals cost, by the road that ``dpcore`` takes and by others: `python benchmarks/noise.py`.

Alone, and beside a step of matrix products that keeps all cores busy: what noise adds to that is what it
costs in training.
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import special

from dpcore import noise
from timing import CORES, OtherLoad

Normals = Callable[[int], tf.Tensor]

_SOURCE = noise.NoiseSource.from_system()
_PCG64 = np.random.Generator(np.random.PCG64())
_PHILOX = np.random.Generator(np.random.Philox())
_WIDTH = 768  # of the matrices that keep the cores busy


def _from_numpy(draw: Callable[[int], np.ndarray], count: int) -> tf.Tensor:
    return tf.ensure_shape(tf.numpy_function(lambda: draw(count), [], tf.float32), [count])


def _aes_words(count: int) -> np.ndarray:
    return np.frombuffer(noise._keystream(_SOURCE.next_key()).update(bytes(4 * count)), np.int32)


def _aes_then_tensorflow(count: int) -> tf.Tensor:
    pairs = count // 2
    words = tf.ensure_shape(tf.numpy_function(lambda: _aes_words(3 * pairs), [], tf.int32), [3 * pairs])
    radius = tf.bitcast(tf.reshape(words[: 2 * pairs], [pairs, 2]), tf.int64)
    pair = noise._box_muller(tf.cast(radius, tf.float32), tf.cast(words[2 * pairs :], tf.float32))
    return tf.concat(pair, axis=0)


def _aes_then_inverse(count: int) -> np.ndarray:
    uniform = (_aes_words(count).view(np.uint32).astype(np.float32) + 0.5) * 2.0**-32
    return special.ndtri(np.minimum(uniform, 1 - 2.0**-24))


@tf.function(jit_compile=True)
def _xla(count: int) -> tf.Tensor:
    return noise._compiled_normals(count, _SOURCE)


# By name: how to draw, and whether the bits are those of a cipher.
WAYS: dict[str, tuple[Normals, bool]] = {
    "dpcore: AES, Box-Muller in NumPy": (lambda n: noise._noise([n], 1.0, _SOURCE)[0], True),
    "AES, Box-Muller in TensorFlow": (_aes_then_tensorflow, True),
    "AES, inverse CDF of SciPy": (lambda n: _from_numpy(_aes_then_inverse, n), True),
    "dpcore for XLA: Philox, Box-Muller in XLA": (_xla, False),
    "Philox, Box-Muller in TensorFlow": (lambda n: noise._compiled_normals(n, _SOURCE), False),
    "TensorFlow Generator.normal": (lambda n: _SOURCE.generator.normal([n]), False),
    "NumPy PCG64, ziggurat": (
        lambda n: _from_numpy(lambda m: _PCG64.standard_normal(m, np.float32), n),
        False,
    ),
    "NumPy Philox, ziggurat": (
        lambda n: _from_numpy(lambda m: _PHILOX.standard_normal(m, np.float32), n),
        False,
    ),
}


def step(normals: Normals | None, count: int, products: int) -> Callable[[], object]:
    """A step that adds normals to a variable, if any are wanted, once some matrix products are done."""
    weights, matrix = tf.Variable(tf.zeros([count])), tf.random.normal([_WIDTH, _WIDTH]) / _WIDTH

    @tf.function
    def run() -> None:
        product = matrix
        for _ in range(products):
            product = product @ matrix
        weights.assign(weights * product[0, 0] + (1.0 if normals is None else normals(count)))

    run()
    return run


def added_ms(
    steps: dict[str, Callable[[], object]], rounds: int, title: str
) -> dict[str, tuple[float, float]]:
    """Wall and CPU that each step needs beyond the first, in ms: medians over interleaved rounds."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for number in track(range(rounds), title, transient=True):
        for name in list(steps) if number % 2 == 0 else reversed(steps):
            wall, cpu = time.perf_counter(), time.process_time()
            steps[name]()
            times[name].append((1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)))
    base = next(iter(steps))
    return {
        name: tuple(
            median(a[i] - (b[i] if name != base else 0.0) for a, b in zip(own, times[base], strict=True))
            for i in (0, 1)
        )
        for name, own in times.items()
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_860_000, help="normals per step")
    parser.add_argument("--products", type=int, default=6, help="matrix products in the busy step")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    load = OtherLoad()
    measured = []
    for products in (0, options.products):
        steps = {"": step(None, options.count, products)}
        steps |= {name: step(normals, options.count, products) for name, (normals, _) in WAYS.items()}
        measured.append(added_ms(steps, options.rounds, f"{products} products"))
    alone, busy = measured
    table = Table(title=f"ms per million normals, {options.count:,} at a time")
    for heading in ("way", "cipher", "wall alone", "CPU alone", "wall added", "CPU added"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for name, (_, cipher) in WAYS.items():
        figures = (1e6 / options.count * value for value in (*alone[name], *busy[name]))
        table.add_row(name, "yes" if cipher else "no", *(f"{value:.2f}" for value in figures))
    wall, cpu = busy[""]
    table.caption = (
        f"added: to a busy step of {wall:.1f} ms wall, {cpu:.1f} ms CPU; {CORES} cores, "
        f"of which other programs used {load.cores():.1f}"
    )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
