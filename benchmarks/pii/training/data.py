"""What ``make_data.py`` wrote, on the device that trains; needs PyTorch and NumPy only."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

UNSURE = 255
LONGEST = 160


class Data:
    """Words, what is known of each distinct one, and sentences as stretches of words."""

    def __init__(self, path: Path, device: str) -> None:
        with np.load(path) as arrays:
            one = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        self.device = device
        self.pieces = one["pieces"].to(device, torch.int64)
        self.signs = one["signs"].to(device, torch.float32)
        self.ends = one["ends"].to(device, torch.int64)
        self.words = one["words"].to(device, torch.int64)
        self.labels = one["labels"].to(device, torch.int64)
        self.sizes, self.held_out = one["sizes"].numpy(), one["held_out"].numpy()
        self.starts = torch.from_numpy(np.cumsum(self.sizes) - self.sizes).to(device)

    def batches(
        self, sizes: np.ndarray, which: np.ndarray, most: int, rng: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """Numbers of sentences of about the same size, some thousand words together, in a new order."""
        capped = np.minimum(sizes[which], LONGEST)
        order = np.argsort(capped + rng.random(len(which)) * 2)
        cuts, count = [], 0
        for at, size in enumerate(capped[order]):
            if (count + 1) * size > most:
                cuts.append(at)
                count = 0
            count += 1
        parts = np.split(which[order], cuts)
        yield from (parts[number] for number in rng.permutation(len(parts)) if len(parts[number]))


def stretches(starts: Tensor, sizes: Tensor, longest: int = LONGEST) -> tuple[Tensor, Tensor]:
    """The places ``[sentences, words]`` of each sentence's words in the whole, and which of them exist."""
    sizes = sizes.clamp(max=longest)
    steps = torch.arange(int(sizes.max()), device=starts.device)
    there = steps[None] < sizes[:, None]
    return (starts[:, None] + steps[None]) * there, there


def cut(sizes: Tensor) -> Tensor:
    """How much is left out at the beginning of each sentence: of one in seven up to half."""
    first = (torch.rand(len(sizes), device=sizes.device) * sizes * 0.5).long()
    return first * (torch.rand(len(sizes), device=sizes.device) < 0.15)
