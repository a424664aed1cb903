"""What ``make_data.py`` wrote, on the device that trains; needs PyTorch and NumPy only."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

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


class Average:
    """A running average of a model's weights."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay, self._steps = decay, 0
        self._own = [weight.detach().clone() for weight in model.parameters()]
        self._kept, self._best = self._own, 0.0

    @torch.no_grad()
    def add(self, model: nn.Module) -> None:
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        torch._foreach_lerp_(self._own, list(model.parameters()), 1 - decay)

    @torch.no_grad()
    def restore(self, model: nn.Module) -> None:
        """Gives the model the average."""
        for weight, own in zip(model.parameters(), self._own, strict=True):
            weight.copy_(own)

    def keep_if_best(self, score: float) -> None:
        """Remembers the average as it is now, if no score so far was better."""
        if score > self._best:
            self._best, self._kept = score, [own.clone() for own in self._own]

    def restore_best(self, model: nn.Module) -> None:
        """Gives the model the average that was remembered."""
        self._own = self._kept
        self.restore(model)

    @contextmanager
    def in_place_of(self, model: nn.Module) -> Iterator[None]:
        """The model has the average, until it is left."""
        before = [weight.detach().clone() for weight in model.parameters()]
        self.restore(model)
        yield
        with torch.no_grad():
            for weight, own in zip(model.parameters(), before, strict=True):
                weight.copy_(own)


def scored(counts: np.ndarray) -> str:
    """F2 of rows of right, false and missed words."""
    right, false, missed = counts.T
    return " ".join(f"{value:.4f}" for value in 5 * right / (5 * right + 4 * missed + false))
