"""The mean of two files of weights of one network, one trained further from the other; needs NumPy only.

python benchmarks/pii/training/average.py BEFORE.npz AFTER.npz OUT.npz

It keeps what was known before and has most of what was learnt since (Wortsman et al. 2022, "Robust
fine-tuning of zero-shot models", https://arxiv.org/abs/2109.01903).
"""

import argparse
from pathlib import Path

import numpy as np


def mean(before: Path, after: Path) -> dict[str, np.ndarray]:
    """The mean of each array, in the precision that it has."""
    with np.load(before) as first, np.load(after) as second:
        return {
            name: ((first[name].astype(np.float32) + second[name]) / 2).astype(first[name].dtype)
            for name in first.files
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("before", "after", "out"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    np.savez_compressed(given.out, **mean(given.before, given.after))


if __name__ == "__main__":
    main()
