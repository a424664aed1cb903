"""Trains low-rank corrections of Rampart; needs PyTorch, NumPy and ONNX only.

python benchmarks/pii/training/train_adapter.py DATA.npz RAMPART.npz OUT.npz --device cuda
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from data import UNSURE, Data, cut, stretches
from loop import KINDS, halves, judged, parser, start_from, train
from torch import Tensor, nn
from torch.nn import functional as F

SEED = 3
RANK = 32
SCALE = 2.0
LAYERS, HEADS = 6, 12
RATE = 1e-3
FORGOTTEN = 0.08
"""The share of word pieces that are replaced by any other, so that wording is not learnt by heart."""

Watch = Callable[[str, Tensor], None]


class Adapted(nn.Module):
    """Rampart with a low-rank correction beside each matrix, and a classifier of none and of each kind."""

    def __init__(self, arrays: dict[str, np.ndarray], device: str) -> None:
        super().__init__()
        self.plain = {
            name: torch.from_numpy(value.astype(np.float32)).to(device) for name, value in arrays.items()
        }
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for name, value in self.plain.items():
            if name.startswith("layer."):
                key = name.replace(".", "_")
                self.down[key] = nn.Parameter(torch.randn(value.shape[0], RANK, device=device) * 0.02)
                self.up[key] = nn.Parameter(torch.zeros(RANK, value.shape[1], device=device))
        width = self.plain["classifier"].shape[0]
        self.classifier = nn.Parameter(torch.randn(width, 1 + KINDS, device=device) * 0.02)
        self.bias = nn.Parameter(torch.zeros(1 + KINDS, device=device))

    def named(self) -> dict[str, Tensor]:
        """The trained weights by their names in the file."""
        weights: dict[str, Tensor] = {"classifier": self.classifier, "classifier.bias": self.bias}
        for name in self.plain:
            if name.startswith("layer."):
                key = name.replace(".", "_")
                weights |= {f"{name}.a": self.down[key], f"{name}.b": self.up[key]}
        return weights

    def forward(self, ids: Tensor, mask: Tensor, watch: Watch = lambda *_: None) -> Tensor:
        """The outputs ``[texts, tokens, 1 + kinds]``; ``watch`` sees what each matrix is multiplied by."""
        place = "bert.embeddings."
        hidden = self.plain[f"{place}word_embeddings.weight"][ids]
        hidden = hidden + self.plain[f"{place}position_embeddings.weight"][: ids.shape[1]]
        hidden = hidden + self.plain[f"{place}token_type_embeddings.weight"][0]
        hidden = F.dropout(self._normal(hidden, f"{place}LayerNorm"), 0.05, self.training)
        if torch.is_autocast_enabled(hidden.device.type):
            hidden = hidden.bfloat16()  # Less to move, which is most of the time on a processor.
        hidden = hidden.flatten(0, 1)
        for number in range(LAYERS):
            layer = f"layer.{number}"

            def linear(x: Tensor, name: str, layer: str = layer) -> Tensor:
                full = f"{layer}/{name}"
                watch(full, x)
                key = full.replace(".", "_")
                bias = self.plain[f"bert.encoder.{layer}.{name.replace('/', '.')}.bias"]
                low = F.dropout(x @ self.down[key], 0.05, self.training)
                return torch.addmm(torch.addmm(bias, x, self.plain[full]), low, self.up[key], alpha=SCALE)

            def heads(x: Tensor) -> Tensor:
                return x.view(*ids.shape, HEADS, -1).transpose(1, 2)

            query, key, value = (
                heads(linear(hidden, f"attention/self/{k}")) for k in ("query", "key", "value")
            )
            seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
            more = linear(seen.transpose(1, 2).flatten(2).flatten(0, 1), "attention/output/dense")
            hidden = self._normal(hidden + more, f"bert.encoder.{layer}.attention.output.LayerNorm")
            more = linear(F.gelu(linear(hidden, "intermediate/dense")), "output/dense")
            hidden = self._normal(hidden + more, f"bert.encoder.{layer}.output.LayerNorm")
        watch("classifier", hidden)
        return (hidden @ self.classifier + self.bias).view(*ids.shape, -1)

    def _normal(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.plain[f"{name}.weight"], self.plain[f"{name}.bias"]
        return F.layer_norm(x, x.shape[-1:], weight, bias, 1e-12)


class Pieces:
    """The sentences as word pieces: numbers, labels, and the word of each."""

    def __init__(self, data: Data, first: int, last: int) -> None:
        own = data.pieces[data.words]
        there = own >= 0
        counts = there.sum(1)
        self.ids = own[there]
        self.word = torch.arange(len(own), device=data.device).repeat_interleave(counts)
        self.labels = data.labels[self.word]
        ends = F.pad(counts.cumsum(0), (1, 0))
        sizes = torch.from_numpy(data.sizes).to(data.device)
        self.starts = ends[data.starts]
        self.sizes_here = ends[data.starts + sizes] - self.starts
        self.sizes = self.sizes_here.cpu().numpy()
        self.first, self.last = first, last

    def batch(self, which: np.ndarray, *, changed: bool = False) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Numbers with the two ends, mask, labels (``UNSURE`` at the ends), and places in the whole.

        With ``changed``, some sentences are cut at their beginning, and some pieces are replaced.
        """
        chosen = torch.from_numpy(which).to(self.ids.device)
        starts, sizes = self.starts[chosen], self.sizes_here[chosen]
        if changed:
            first = cut(sizes)
            starts, sizes = starts + first, sizes - first
        places, there = stretches(starts, sizes)
        own = self.ids[places]
        if changed:
            lost = (torch.rand(own.shape, device=own.device) < FORGOTTEN) & (self.labels[places] == 0)
            own = torch.where(lost, self.ids[torch.randint(len(self.ids), own.shape, device=own.device)], own)
        ids = F.pad(own * there, (1, 1))
        mask = F.pad(there, (2, 0), value=True)
        ids[:, 0] = self.first
        ids.scatter_(1, there.sum(1, keepdim=True) + 1, self.last)
        labels = torch.where(there, self.labels[places], UNSURE)
        return (
            ids,
            mask,
            F.pad(labels, (1, 1), value=UNSURE),
            F.pad(torch.where(there, places, -1), (1, 1), value=-1),
        )


def loss_of(outputs: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy; a word of a kind counts for half more than one of none."""
    known = labels != UNSURE
    each = F.cross_entropy(outputs[known].float(), labels[known], reduction="none", label_smoothing=0.02)
    weights = torch.where(labels[known] > 0, 1.5, 1.0)
    return (each * weights).sum() / weights.sum()


def outputs(model: Adapted, data: Data, pieces: Pieces, which: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    """What the model says of sentences as they are, and their labels."""
    model.eval()
    for batch in data.batches(pieces.sizes, which, 8192, np.random.default_rng(0)):
        ids, mask, labels, _ = pieces.batch(batch)
        yield model(ids, mask), labels


@torch.no_grad()
def save(model: Adapted, data: Data, pieces: Pieces, out: Path) -> None:
    """The factors in half precision, and between what limits the inputs of each matrix lie."""
    model.eval()
    limits: dict[str, list[tuple[float, float]]] = {}
    everything = np.arange(len(data.sizes))
    for which in list(data.batches(pieces.sizes, everything, 8192, np.random.default_rng(1)))[:24]:
        ids, mask, _, _ = pieces.batch(which)
        model(ids, mask, lambda name, x: limits.setdefault(name, []).append((float(x.min()), float(x.max()))))
    arrays = halves(model.named()) | {"classifier.bias": model.bias.cpu().numpy()}
    for name, seen in limits.items():
        low, high = np.array(seen).T
        arrays[f"{name}.range"] = np.array([np.percentile(low, 1), np.percentile(high, 99)], np.float32)
    np.savez_compressed(out, **arrays)


@torch.no_grad()
def teach(model: Adapted, data: Data, pieces: Pieces) -> Tensor:
    """What the model says of each word ``[words, 1 + kinds]``: that of the piece that is likeliest a kind."""
    model.eval()
    said = torch.zeros(len(data.words), 1 + KINDS, device=data.device, dtype=torch.float16)
    said[:, 0] = 1
    everything = np.arange(len(data.sizes))
    for which in data.batches(pieces.sizes, everything, 8192, np.random.default_rng(0)):
        ids, mask, _, places = pieces.batch(which)
        with torch.autocast(data.device, torch.bfloat16):
            odds = F.softmax(model(ids, mask).float(), -1)
        odds, at = odds[places >= 0], pieces.word[places[places >= 0]]
        order = odds[:, 0].argsort(descending=True, stable=True)
        said[at[order]] = odds[order].half()
    return said


def main() -> None:
    asked = parser(__doc__, RATE)
    asked.add_argument("--teach", type=Path, help="Where to write what the trained model says of each word.")
    given = asked.parse_args()
    torch.manual_seed(SEED)
    data = Data(given.data, given.device)
    with np.load(given.rampart) as arrays:
        model = Adapted(dict(arrays), given.device)
        pieces = Pieces(data, int(arrays["first"]), int(arrays["last"]))
    if given.start:
        start_from(model.named(), given.start)
    learnt, held_out = (~data.held_out).nonzero()[0], data.held_out.nonzero()[0]

    def loss(which: np.ndarray) -> Tensor:
        ids, mask, labels, _ = pieces.batch(which, changed=True)
        return loss_of(model(ids, mask), labels)

    train(
        model,
        lambda rng: data.batches(pieces.sizes, learnt, given.at_once, rng),
        loss,
        lambda: judged(outputs(model, data, pieces, held_out)),
        given,
        SEED,
    )
    save(model, data, pieces, given.out)
    if given.teach:
        torch.save(teach(model, data, pieces).cpu(), given.teach)


if __name__ == "__main__":
    main()
