"""Trains the quick tagger; needs PyTorch and NumPy only.

python benchmarks/pii/training/train_tagger.py DATA.npz RAMPART.npz OUT.npz --taught TAUGHT.pt
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from data import UNSURE, Data, cut, stretches
from loop import KINDS, halves, judged, parser, start_from, train
from torch import Tensor, nn
from torch.nn import functional as F

SEED = 11
WIDTH = 160
HIDDEN = 192
END_WIDTH = 64
DILATIONS = (1, 2, 4, 8, 1)
BUCKETS = 8192
NAME_SIGNS = 4
RATE = 3e-3
FORGOTTEN = 0.1
SOFT = 0.5
"""How much of the loss is Rampart's opinion, where it is known; the rest is the label."""


class Tagger(nn.Module):
    """A vector for each word by itself, then convolutions over the words of a sentence."""

    def __init__(self, table: Tensor, signs: int) -> None:
        super().__init__()
        self.register_buffer("table", table)
        self.pieces = nn.Linear(3 * table.shape[1], HIDDEN)
        self.signs = nn.Linear(signs, HIDDEN, bias=False)
        self.ends = nn.Embedding(BUCKETS, END_WIDTH)
        nn.init.normal_(self.ends.weight, std=0.05)
        self.end_mix = nn.Linear(END_WIDTH, HIDDEN, bias=False)
        self.word = nn.Linear(HIDDEN, WIDTH)
        self.blocks = nn.ModuleList(nn.Linear(3 * WIDTH, WIDTH) for _ in DILATIONS)
        self.out = nn.Linear(WIDTH, 1 + KINDS)

    def words(self, pieces: Tensor, signs: Tensor, ends: Tensor) -> Tensor:
        """The vectors ``[words, WIDTH]`` of words."""
        there = pieces >= 0
        count = there.sum(1, keepdim=True)
        vectors = self.table[pieces.clamp(min=0)] * there[..., None]
        last = vectors[torch.arange(len(pieces), device=pieces.device), (count[:, 0] - 1).clamp(min=0)]
        known = torch.cat([vectors.sum(1) / count.clamp(min=1), vectors[:, 0], last], dim=1)
        if self.training:
            signs = signs.clone()
            signs[:, :NAME_SIGNS] *= _kept(len(signs), 0.2, signs)
            known = known * _kept(len(known), 0.05, known)
        hidden = self.pieces(known) + self.signs(signs) + self.end_mix(self.ends(ends).sum(1))
        return self.word(F.dropout(F.relu(hidden), 0.1, self.training))

    def inputs(self, words: Tensor, mask: Tensor) -> Iterator[Tensor]:
        """What each block reads ``[texts, words, WIDTH]``, then what the last one gives."""
        hidden = words * mask
        for block, dilation in zip(self.blocks, DILATIONS, strict=True):
            yield hidden
            padded, size = F.pad(hidden, (0, 0, dilation, dilation)), hidden.shape[1]
            three = [padded[:, :size], hidden, padded[:, 2 * dilation :]]
            more = F.relu(block(torch.cat(three, dim=2)))
            hidden = (hidden + F.dropout(more, 0.1, self.training)) * mask
        yield hidden

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        *_, last = self.inputs(words, mask)
        return self.out(last)


def main() -> None:
    asked = parser(__doc__, RATE)
    asked.add_argument("--taught", type=Path, help="What train_adapter.py --teach wrote.")
    given = asked.parse_args()
    torch.manual_seed(SEED)
    data = Data(given.data, given.device)
    taught = torch.load(given.taught).to(given.device) if given.taught else None
    with np.load(given.rampart) as arrays:
        table = torch.from_numpy(arrays["bert.embeddings.word_embeddings.weight"].astype(np.float32))
    model = Tagger(table, data.signs.shape[1]).to(given.device)
    if given.start:
        start_from(named(model), given.start)
    learnt, held_out = (~data.held_out).nonzero()[0], data.held_out.nonzero()[0]
    train(
        model,
        lambda rng: data.batches(data.sizes, learnt, given.at_once, rng),
        lambda which: loss_of(model, data, taught, which),
        lambda: judged(outputs(model, data, held_out)),
        given,
        SEED,
    )
    save(model, data, learnt, given.out)


def read(model: Tagger, data: Data, which: np.ndarray, *, changed: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The words' vectors, the mask, the places in the whole. With ``changed``, some sentences are parts."""
    chosen = torch.from_numpy(which).to(data.device)
    starts, sizes = data.starts[chosen], torch.from_numpy(data.sizes[which]).to(data.device)
    if changed:
        first = cut(sizes)
        starts, sizes = starts + first, sizes - first
    places, there = stretches(starts, sizes)
    words = data.words[places]
    vectors = model.words(*(x[words].flatten(0, 1) for x in (data.pieces, data.signs, data.ends)))
    vectors = vectors.unflatten(0, words.shape)
    if model.training:
        vectors = vectors * _kept(words.shape, FORGOTTEN, vectors)
    return vectors, there.float()[..., None], places


def loss_of(model: Tagger, data: Data, taught: Tensor | None, which: np.ndarray) -> Tensor:
    """Cross entropy to the labels and to what Rampart says; a word of a kind counts more, a sign less."""
    vectors, mask, places = read(model, data, which, changed=True)
    odds = F.log_softmax(model(vectors, mask).float(), -1)
    labels = data.labels[places]
    known = labels != UNSURE
    each = -odds.gather(-1, (labels * known)[..., None])[..., 0] * known
    if taught is not None:
        soft = -(taught[places].float() * odds).sum(-1)
        each = torch.where(known, (1 - SOFT) * each + SOFT * soft, soft)
    plain = 1 - 0.8 * data.signs[data.words[places]][..., 18]
    weights = mask[..., 0] * plain * torch.where(known & (labels > 0), 2.0, 1.0)
    return (weights * each).sum() / weights.sum()


def outputs(model: Tagger, data: Data, which: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    """What the model says of sentences as they are, and their labels."""
    model.eval()
    for batch in data.batches(data.sizes, which, 32_768, np.random.default_rng(0)):
        vectors, mask, places = read(model, data, batch, changed=False)
        yield model(vectors, mask), torch.where(mask[..., 0] > 0, data.labels[places], UNSURE)


def _kept(shape: int | torch.Size, share: float, like: Tensor) -> Tensor:
    """Ones, and zeros for this share, ``[*shape, 1]``."""
    size = (shape,) if isinstance(shape, int) else tuple(shape)
    return (torch.rand(*size, 1, device=like.device) >= share).float()


def named(model: Tagger) -> dict[str, Tensor]:
    """The weights by their names in the file; matrices are ``[inputs, outputs]``."""
    weights = {
        "pieces": model.pieces.weight.T,
        "pieces.bias": model.pieces.bias,
        "signs": model.signs.weight.T,
        "ends": model.ends.weight,
        "end_mix": model.end_mix.weight.T,
        "word": model.word.weight.T,
        "word.bias": model.word.bias,
        "out": model.out.weight.T,
        "out.bias": model.out.bias,
    }
    for number, block in enumerate(model.blocks):
        weights |= {f"block.{number}": block.weight.T, f"block.{number}.bias": block.bias}
    return weights


@torch.no_grad()
def save(model: Tagger, data: Data, which: np.ndarray, out: Path) -> None:
    """Weights in half precision, and between what limits each block's inputs lie."""
    model.eval()
    lows, highs = [], []
    for batch in list(data.batches(data.sizes, which, 4096, np.random.default_rng(1)))[:80]:
        vectors, mask, _ = read(model, data, batch, changed=False)
        inputs = list(model.inputs(vectors, mask))
        lows.append([float(torch.quantile(x.flatten()[::7], 0.00005)) for x in inputs])
        highs.append([float(torch.quantile(x.flatten()[::7], 0.99995)) for x in inputs])
    ranges = np.stack([np.median(lows, 0), np.median(highs, 0)], 1).astype(np.float32)
    np.savez_compressed(
        out,
        ranges=ranges,
        dilations=np.array(DILATIONS),
        **halves(named(model)),
    )


if __name__ == "__main__":
    main()
