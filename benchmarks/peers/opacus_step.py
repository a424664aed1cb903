"""Opacus: the ordinary PyTorch step, and its ways to per-example gradients."""

from collections.abc import Callable

import opacus
import torch
from opacus import layers
from opacus.grad_sample import (
    GradSampleModule,
    GradSampleModuleExpandedWeights,
    GradSampleModuleFastGradientClipping,
)
from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping
from torch import nn

from timing import CORES, ORDINARY, Step, main
from workloads import L2_NORM_CLIP, LEARNING_RATE, NOISE_MULTIPLIER, Workload, workload

HOOKS, FUNCTORCH, EXPANDED, GHOST = "hooks", "functorch", "ew", "ghost"


# On the MLP the others are slow as hooks are; layers with state and attention need hooks.
MODES = {
    "cnn": [HOOKS, GHOST, FUNCTORCH, EXPANDED],
    "mlp": [HOOKS, GHOST],
    "lstm": [HOOKS],
    "transformer": [HOOKS, GHOST],
}


def modes(spec: str) -> list[str]:
    """Values of Opacus' grad_sample_mode."""
    return [ORDINARY, *MODES[workload(spec).model]]


class LanguageModel(nn.Module):
    """Token in, logits of every token out."""

    def __init__(self, sizes: Workload, private: bool) -> None:
        super().__init__()
        lstm = layers.DPLSTM if private else nn.LSTM
        self.tokens = nn.Embedding(sizes.classes, 64)
        self.lstm = lstm(64, sizes.width, num_layers=sizes.depth, batch_first=True)
        self.head = nn.Linear(sizes.width, sizes.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.tokens(x))[0])


class Block(nn.Module):
    """Attention and a feed-forward network, each followed by normalisation."""

    def __init__(self, width: int, private: bool) -> None:
        super().__init__()
        attention = layers.DPMultiheadAttention if private else nn.MultiheadAttention
        self.attention = attention(width, 4, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        return self.norm2(x + self.feed_forward(x))


class Transformer(nn.Module):
    """Token in, logits of every token out."""

    def __init__(self, sizes: Workload, private: bool) -> None:
        super().__init__()
        self.tokens = nn.Embedding(sizes.classes, sizes.width)
        self.positions = nn.Embedding(sizes.length, sizes.width)
        self.blocks = nn.Sequential(*[Block(sizes.width, private) for _ in range(sizes.depth)])
        self.head = nn.Linear(sizes.width, sizes.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        positions = torch.arange(x.shape[1]).repeat(len(x), 1)  # Opacus wants a batch in every layer.
        return self.head(self.blocks(self.tokens(x) + self.positions(positions)))


def build_model(sizes: Workload, private: bool) -> nn.Module:
    """The model of a workload; Opacus has recurrent and attention layers of its own."""
    if sizes.model == "lstm":
        return LanguageModel(sizes, private)
    if sizes.model == "transformer":
        return Transformer(sizes, private)
    if sizes.model == "mlp":
        return nn.Sequential(
            nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, sizes.classes)
        )
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 8, stride=2, padding=3), nn.ReLU(), nn.MaxPool2d(2, stride=1)),
        *(nn.Conv2d(16, 32, 4, stride=2), nn.ReLU(), nn.MaxPool2d(2, stride=1)),
        *(nn.Flatten(), nn.Linear(512, 32), nn.ReLU(), nn.Linear(32, sizes.classes)),
    )


def step(spec: str, mode: str) -> Step:
    """One step on a batch that is already there."""
    sizes = workload(spec)
    x, y = map(torch.from_numpy, sizes.data())
    x = x.movedim(-1, 1).contiguous() if sizes.model == "cnn" else x
    y = y.long()
    model = build_model(sizes, private=mode != ORDINARY).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    run = (ghost_step if mode == GHOST else plain_step)(model, optimizer, mode, x, y)
    return Step(run, sizes.batch_size, parameters)


def plain_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, mode: str, x: torch.Tensor, y: torch.Tensor
) -> Callable[[], float]:
    """Without Opacus, or with its per-example gradients kept in memory."""
    if mode != ORDINARY:
        wrapper = GradSampleModuleExpandedWeights if mode == EXPANDED else GradSampleModule
        options = {"force_functorch": True} if mode == FUNCTORCH else {}
        model = wrapper(model, loss_reduction="mean", **options)
        optimizer = DPOptimizer(optimizer, **noise(x))
    criterion = nn.CrossEntropyLoss()

    def run() -> float:
        optimizer.zero_grad()
        loss = criterion(model(x).flatten(0, -2), y.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def ghost_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, mode: str, x: torch.Tensor, y: torch.Tensor
) -> Callable[[], float]:
    """Ghost clipping: norms first, then a second backward pass."""
    del mode
    model = GradSampleModuleFastGradientClipping(
        model, loss_reduction="mean", max_grad_norm=L2_NORM_CLIP, use_ghost_clipping=True
    )
    optimizer = DPOptimizerFastGradientClipping(optimizer, **noise(x))
    criterion = DPLossFastGradientClipping(model, optimizer, nn.CrossEntropyLoss(), loss_reduction="mean")

    def run() -> float:
        optimizer.zero_grad()
        logits = model(x)
        shape = {"shape": logits.shape} if logits.dim() == 3 else {}
        loss = criterion(logits.flatten(0, -2), y.flatten(), **shape)
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def noise(x: torch.Tensor) -> dict[str, object]:
    """The arguments of Opacus' optimizers."""
    return {
        "noise_multiplier": NOISE_MULTIPLIER,
        "max_grad_norm": L2_NORM_CLIP,
        "expected_batch_size": len(x),
        "loss_reduction": "mean",
    }


if __name__ == "__main__":
    torch.set_num_threads(CORES)
    main(step, modes, versions=f"Opacus {opacus.__version__}, PyTorch {torch.__version__}")
