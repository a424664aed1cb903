"""Trains low-rank corrections of Rampart; needs PyTorch and NumPy only.

python benchmarks/pii/training/train_adapter.py OWN.npz RAMPART.npz OUT.npz --steps 1500
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from train_tagger import Data

SEED = 3
RANK = 8
SCALE = 2.0
LAYERS, HEADS = 6, 12
LONGEST = 160
RATE = 2e-3
GROUPS = ((1, 2, 3, 4), (29, 30, 31, 32, 33, 34), (23, 24, 25, 26, 27, 28))
"""The outputs of people, of places, and of addresses, in the order of the labels."""

Watch = Callable[[str, Tensor], None]


class Adapted(nn.Module):
    """Rampart with a low-rank correction beside each matrix, and a classifier of its own."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.plain = {name: torch.from_numpy(value.astype(np.float32)) for name, value in arrays.items()}
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for name, value in self.plain.items():
            if name.startswith("layer."):
                key = name.replace(".", "_")
                self.down[key] = nn.Parameter(torch.randn(value.shape[0], RANK) * 0.02)
                self.up[key] = nn.Parameter(torch.zeros(RANK, value.shape[1]))
        self.classifier = nn.Parameter(self.plain["classifier"].clone())
        self.bias = nn.Parameter(self.plain["classifier.bias"].clone())

    def forward(self, ids: Tensor, mask: Tensor, watch: Watch = lambda *_: None) -> Tensor:
        """The outputs ``[texts, tokens, 35]``; ``watch`` sees what each matrix is multiplied by."""
        count = ids.shape[1]
        place = "bert.embeddings."
        hidden = self.plain[f"{place}word_embeddings.weight"][ids]
        hidden = hidden + self.plain[f"{place}position_embeddings.weight"][:count]
        hidden = self._normal(
            hidden + self.plain[f"{place}token_type_embeddings.weight"][0], f"{place}LayerNorm"
        )
        for number in range(LAYERS):
            layer = f"layer.{number}"

            def linear(x: Tensor, name: str, layer: str = layer) -> Tensor:
                full = f"{layer}/{name}"
                watch(full, x)
                key = full.replace(".", "_")
                low = F.dropout(x, 0.05, self.training) @ self.down[key] @ self.up[key]
                bias = self.plain[f"bert.encoder.{layer}.{name.replace('/', '.')}.bias"]
                return x @ self.plain[full] + SCALE * low + bias

            def heads(x: Tensor) -> Tensor:
                return x.unflatten(2, (HEADS, -1)).transpose(1, 2)

            query, key, value = (
                heads(linear(hidden, f"attention/self/{k}")) for k in ("query", "key", "value")
            )
            seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
            more = linear(seen.transpose(1, 2).flatten(2), "attention/output/dense")
            hidden = self._normal(hidden + more, f"bert.encoder.{layer}.attention.output.LayerNorm")
            more = linear(F.gelu(linear(hidden, "intermediate/dense")), "output/dense")
            hidden = self._normal(hidden + more, f"bert.encoder.{layer}.output.LayerNorm")
        watch("classifier", hidden)
        return hidden @ self.classifier + self.bias

    def _normal(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.plain[f"{name}.weight"], self.plain[f"{name}.bias"]
        return F.layer_norm(x, x.shape[-1:], weight, bias, 1e-12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="What make_data.py wrote without --complaints.")
    parser.add_argument("rampart", type=Path, help="What dump_rampart.py wrote.")
    parser.add_argument("out", type=Path, help="Where to write the adapter.")
    parser.add_argument("--steps", type=int, default=1500)
    given = parser.parse_args()
    torch.manual_seed(SEED)
    data = Data(given.data)
    with np.load(given.rampart) as arrays:
        model = Adapted(dict(arrays))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    rng, step, losses = np.random.default_rng(SEED), 0, []
    model.train()
    while step < given.steps:
        for batch in data.batches((~data.held_out).nonzero()[0], rng):
            ids, mask, labels = _pieces(model, data, batch[: max(1, len(batch) // 3)])
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1, (step + 1) / 20) * max(0.02, 1 - step / given.steps)
            loss = _loss(model(ids, mask), labels, mask)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
            step += 1
            if step % 25 == 0:
                print(f"step {step} of {given.steps}, loss {np.mean(losses[-25:]):.4f}", flush=True)
            if step == given.steps:
                break
    save(model, data, given.out)


def _pieces(model: Adapted, data: Data, batch: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Token numbers, mask and labels; -1 labels nothing, 0 no name, then as ``GROUPS``."""
    first, last = int(model.plain["first"]), int(model.plain["last"])
    rows = []
    for number in batch:
        start = data.starts[number]
        ids, kinds = [first], [-1]
        for word in range(start, start + data.sizes[number]):
            own = [piece for piece in data.pieces[data.words[word]].tolist() if piece >= 0]
            ids += own
            kinds += [int(data.labels[word].argmax())] * len(own)
        rows.append(([*ids[: LONGEST - 1], last], [*kinds[: LONGEST - 1], -1]))
    longest = max(len(ids) for ids, _ in rows)
    ids, labels = torch.zeros(len(rows), longest, dtype=torch.long), torch.full((len(rows), longest), -1)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for row, (own, kinds) in enumerate(rows):
        ids[row, : len(own)], labels[row, : len(own)] = torch.tensor(own), torch.tensor(kinds)
        mask[row, : len(own)] = True
    return ids, mask, labels


def _loss(outputs: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    odds = F.log_softmax(outputs, -1)
    grouped = {column for group in GROUPS for column in group}
    others = [column for column in range(odds.shape[-1]) if column not in grouped]
    scores = torch.stack([odds[..., list(group)].logsumexp(-1) for group in (others, *GROUPS)], -1)
    weights = torch.tensor([1.0, 1.6, 1.4, 1.4])[labels.clamp(min=0)] * (mask & (labels >= 0))
    return -(weights * scores.gather(-1, labels.clamp(min=0)[..., None])[..., 0]).sum() / weights.sum()


@torch.no_grad()
def save(model: Adapted, data: Data, out: Path) -> None:
    """The factors in half precision, and between what limits the inputs of each matrix lie."""
    model.eval()
    limits: dict[str, list[tuple[float, float]]] = {}
    for batch in list(data.batches(np.arange(len(data.sizes)), np.random.default_rng(1)))[:30]:
        ids, mask, _ = _pieces(model, data, batch[:32])
        model(ids, mask, lambda name, x: limits.setdefault(name, []).append((float(x.min()), float(x.max()))))
    arrays = {
        "classifier": model.classifier.numpy().astype(np.float16),
        "classifier.bias": model.bias.numpy(),
    }
    for name, seen in limits.items():
        low, high = np.array(seen).T
        arrays[f"{name}.range"] = np.array([np.percentile(low, 1), np.percentile(high, 99)], np.float32)
        if name != "classifier":
            key = name.replace(".", "_")
            arrays[f"{name}.a"] = model.down[key].numpy().astype(np.float16)
            arrays[f"{name}.b"] = model.up[key].numpy().astype(np.float16)
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    main()
