"""How both networks are trained: from the beginning, or further from saved weights."""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from data import UNSURE
from torch import Tensor, nn
from torch.nn import functional as F

KINDS = 12
FOUND = 0.3
"""A word is found where the kinds together are as likely as this."""
AVERAGED = 0.998
"""The weights that are kept are a running average with this decay."""
_WARM_UP = 100


def parser(doc: str | None, rate: float) -> argparse.ArgumentParser:
    """What both programs are told."""
    made = argparse.ArgumentParser(description=doc)
    made.add_argument("data", type=Path, help="What make_data.py wrote.")
    made.add_argument("rampart", type=Path, help="What dump_rampart.py wrote.")
    made.add_argument("out", type=Path, help="Where to write the weights.")
    made.add_argument("--start", type=Path, help="Weights to continue from.")
    made.add_argument("--minutes", type=float, default=4)
    made.add_argument("--rate", type=float, default=rate, help="The rate at its highest.")
    made.add_argument("--at-once", type=int, default=16_384, help="How many pieces or words a step reads.")
    made.add_argument("--device", default="cuda", help="cuda, or cpu: one with bfloat16 arithmetic.")
    return made


@torch.no_grad()
def start_from(weights: dict[str, Tensor], path: Path) -> None:
    """Gives the weights the values that were saved by these names."""
    with np.load(path) as arrays:
        for name, weight in weights.items():
            weight.copy_(torch.from_numpy(arrays[name].astype(np.float32)))


def halves(weights: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """The weights as they are saved: in half precision."""
    return {name: value.detach().cpu().numpy().astype(np.float16) for name, value in weights.items()}


def train(
    model: nn.Module,
    batches: Callable[[np.random.Generator], Iterable[np.ndarray]],
    loss_of: Callable[[np.ndarray], Tensor],
    judge: Callable[[], str],
    given: argparse.Namespace,
    seed: int,
) -> None:
    """Until the minutes are over; the rate falls to nothing by then. The best average of the weights is kept:
    it is judged after each pass of the batches."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=given.rate, weight_decay=0.01, betas=(0.9, 0.98))
    average = Average(model)
    rng, start, step, done, losses = np.random.default_rng(seed), time.monotonic(), 0, 0.0, []
    while done < 1:
        model.train()
        for which in batches(rng):
            done = (time.monotonic() - start) / 60 / given.minutes
            if done >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = given.rate * min(1, (step + 1) / _WARM_UP) * max(0.01, 1 - done)
            with torch.autocast(given.device, torch.bfloat16):
                loss = loss_of(which)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            average.add(model)
            losses.append(loss.detach())
            step += 1
        with average.in_place_of(model), torch.autocast(given.device, torch.bfloat16):
            found = judge()
        average.keep_if_best(float(found.split()[0]))
        print(
            f"{time.monotonic() - start:.0f} s, step {step}, loss {torch.stack(losses[-500:]).mean():.4f}, "
            f"F2 of any kind, then by kind: {found}",
            flush=True,
        )
    average.restore_best(model)


@torch.no_grad()
def judged(outputs: Iterable[tuple[Tensor, Tensor]]) -> str:
    """F2 of any kind, and of each kind: of outputs ``[..., 1 + kinds]`` with labels ``[...]``."""
    counts = 0
    for output, labels in outputs:
        odds, known = F.softmax(output.float(), -1), labels != UNSURE
        found, best = 1 - odds[..., 0] > FOUND, odds[..., 1:].argmax(-1) + 1
        rows = []
        for kind in range(1 + KINDS):
            true = (labels > 0 if kind == 0 else labels == kind) & known
            said = (found if kind == 0 else found & (best == kind)) & known
            rows.append(torch.stack([(said & true).sum(), (said & ~true).sum(), (~said & true).sum()]))
        counts = counts + torch.stack(rows)
    right, false, missed = counts.cpu().numpy().T
    return " ".join(f"{value:.4f}" for value in 5 * right / (5 * right + 4 * missed + false))


class Average:
    """A running average of a model's weights."""

    def __init__(self, model: nn.Module) -> None:
        self._steps = 0
        self._own = [weight.detach().clone() for weight in model.parameters()]
        self._kept, self._best = self._own, 0.0

    @torch.no_grad()
    def add(self, model: nn.Module) -> None:
        self._steps += 1
        decay = min(AVERAGED, (1 + self._steps) / (10 + self._steps))
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
