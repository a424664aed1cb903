"""Trains the quick tagger; needs PyTorch and NumPy only.

python benchmarks/pii/training/train_tagger.py DATA.npz components/pii/ner/tagger.npz --epochs 8
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

SEED = 11
WIDTH = 160
HIDDEN = 192
END_WIDTH = 64
DILATIONS = (1, 2, 4, 8, 1)
BUCKETS = 8192
NAME_SIGNS = 4
TOKENS_AT_ONCE = 4096
RATE = 2.5e-3
LONGEST = 160


class Tagger(nn.Module):
    """A vector for each word by itself, then convolutions over the words of a sentence."""

    def __init__(self, table: Tensor, signs: int, kinds: int) -> None:
        super().__init__()
        self.register_buffer("table", table)
        self.pieces = nn.Linear(3 * table.shape[1], HIDDEN)
        self.signs = nn.Linear(signs, HIDDEN, bias=False)
        self.ends = nn.Embedding(BUCKETS, END_WIDTH)
        nn.init.normal_(self.ends.weight, std=0.05)
        self.end_mix = nn.Linear(END_WIDTH, HIDDEN, bias=False)
        self.word = nn.Linear(HIDDEN, WIDTH)
        self.blocks = nn.ModuleList(nn.Linear(3 * WIDTH, WIDTH) for _ in DILATIONS)
        self.out = nn.Linear(WIDTH, kinds)

    def words(self, pieces: Tensor, signs: Tensor, ends: Tensor) -> Tensor:
        """The vectors ``[words, WIDTH]`` of distinct words."""
        there = pieces >= 0
        count = there.sum(1, keepdim=True)
        vectors = self.table[pieces.clamp(min=0)] * there[..., None]
        last = vectors[torch.arange(len(pieces)), (count[:, 0] - 1).clamp(min=0)]
        known = torch.cat([vectors.sum(1) / count.clamp(min=1), vectors[:, 0], last], dim=1)
        if self.training:
            signs = signs.clone()
            signs[:, :NAME_SIGNS] *= (torch.rand(len(signs), 1) > 0.2).float()
            known = known * (torch.rand(len(known), 1) > 0.05).float()
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="What make_data.py wrote.")
    parser.add_argument("out", type=Path, help="Where to write the tagger.")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=60, help="Learning slows to its end by then.")
    parser.add_argument("--start", type=Path, help="A tagger to go on from.")
    parser.add_argument("--all", action="store_true", help="Learn from the held out templates too.")
    given = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    data = Data(given.data)
    model = Tagger(data.table, data.signs.shape[1], data.labels.shape[1])
    if given.start:
        restore(model, given.start)
    held_out = data.held_out.nonzero()[0]
    learnt = np.arange(len(data.sizes)) if given.all else (~data.held_out).nonzero()[0]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    rng, start, step, done = np.random.default_rng(SEED), time.monotonic(), 0, 0.0
    steps = given.epochs * len(list(data.batches(learnt, rng)))
    while done < 1:
        model.train()
        losses = []
        for batch in data.batches(learnt, rng):
            done = max(step / steps, (time.monotonic() - start) / 60 / given.minutes)
            if done >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1, (step + 1) / 100) * max(0.01, 1 - done)
            with torch.autocast("cpu", torch.bfloat16):
                loss = data.loss(model, batch, rng)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
            step += 1
            if step % 200 == 0:
                print(f"step {step} of {steps}, loss {np.mean(losses[-200:]):.4f}", flush=True)
        print(
            f"{time.monotonic() - start:.0f} s, loss {np.mean(losses):.4f}, {data.judged(model, held_out)}",
            flush=True,
        )
        save(model, data, learnt, given.out)


class Data:
    """The arrays, and batches of sentences of about the same length."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            self.pieces = torch.from_numpy(arrays["pieces"].astype(np.int64))
            self.signs = torch.from_numpy(arrays["signs"].astype(np.float32))
            self.ends = torch.from_numpy(arrays["ends"].astype(np.int64))
            self.table = torch.from_numpy(arrays["table"].astype(np.float32))
            self.words, self.labels = arrays["words"], arrays["labels"].astype(np.float32)
            self.sizes, self.held_out = arrays["sizes"], arrays["held_out"]
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.runs = self._runs()

    def batches(self, which: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Numbers of sentences, some thousand words together, in a new order each time."""
        order = which[np.argsort(np.minimum(self.sizes[which], LONGEST) + rng.random(len(which)) * 2)]
        cuts, count = [], 0
        for at, size in enumerate(np.minimum(self.sizes[order], LONGEST)):
            if (count + 1) * size > TOKENS_AT_ONCE:
                cuts.append(at)
                count = 0
            count += 1
        parts = np.split(order, cuts)
        yield from (parts[number] for number in rng.permutation(len(parts)) if len(parts[number]))

    def _runs(self) -> dict[tuple[int, str], list[tuple[np.ndarray, np.ndarray]]]:
        """The people, places and addresses of the sentences to learn from, by kind and case."""
        learnt = np.repeat(~self.held_out, self.sizes)
        ends = np.zeros(len(self.words), bool)
        ends[self.starts] = True
        kinds = np.where((self.labels.max(1) > 0.9) & learnt, self.labels.argmax(1), 0)
        cuts = np.flatnonzero((np.diff(kinds, prepend=0) != 0) | ends)
        runs: dict[tuple[int, str], list[tuple[np.ndarray, np.ndarray]]] = {}
        for start, end in zip(cuts, [*cuts[1:], len(kinds)], strict=True):
            if kinds[start] and end - start <= (4 if kinds[start] < 3 else 12):
                run = self.words[start:end], self.labels[start:end]
                runs.setdefault((int(kinds[start]), self._case(run[0])), []).append(run)
        return runs

    def _case(self, words: np.ndarray) -> str:
        signs = self.signs[words]
        return "lower" if not signs[:, 5:9].any() else "upper" if not signs[:, [4, 5, 8]].any() else "mixed"

    def _changed(
        self, words: np.ndarray, labels: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Half of the sentences as they are; of others a part, or with a name where a plain word stood."""
        roll = rng.random()
        if roll < 0.15 and len(words) > 4:
            start, end = np.sort(rng.choice(len(words) + 1, 2, replace=False))
            return words[start:end], labels[start:end]
        if roll < 0.4:
            plain = np.flatnonzero((labels[:, 0] > 0.9) & (self.signs[words, 18].numpy() == 0))
            runs = self.runs.get((int(rng.choice([1, 1, 1, 2, 3])), self._case(words)))
            if len(plain) and runs:
                at, (name, kinds) = rng.choice(plain), runs[rng.integers(len(runs))]
                with_name = ((words[:at], name, words[at + 1 :]), (labels[:at], kinds, labels[at + 1 :]))
                words, labels = (np.concatenate(parts) for parts in with_name)
        return words, labels

    def arrays(
        self, batch: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Distinct words, and for each place its word's number there (0 in the padding) and its labels."""
        longest = int(min(self.sizes[batch].max(), LONGEST))
        words = np.full((len(batch), longest), -1)
        labels = np.zeros((len(batch), longest, self.labels.shape[1]), np.float32)
        for row, number in enumerate(batch):
            start = self.starts[number]
            own = slice(start, start + min(self.sizes[number], longest))
            sentence, kinds = self.words[own], self.labels[own]
            if rng is not None:
                sentence, kinds = (part[:longest] for part in self._changed(sentence, kinds, rng))
            words[row, : len(sentence)], labels[row, : len(sentence)] = sentence, kinds
        distinct, places = np.unique(words, return_inverse=True)
        return (
            torch.from_numpy(distinct),
            torch.from_numpy(places.reshape(words.shape)),
            torch.from_numpy(labels),
        )

    def read(
        self, model: Tagger, batch: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The words' vectors, the mask, the labels, and the weight of each word."""
        distinct, places, labels = self.arrays(batch, rng)
        known = distinct.clamp(min=0)
        vectors = model.words(self.pieces[known], self.signs[known], self.ends[known])
        vectors = vectors[places]
        if rng is not None:
            vectors = vectors * (torch.rand(*places.shape, 1) > 0.06)
        mask = (distinct[places] >= 0).float()[..., None]
        plain = 1 - 0.8 * self.signs[known][:, 18][places]
        return vectors, mask, labels, mask[..., 0] * plain * (1 + labels[..., 1:].sum(-1))

    def loss(self, model: Tagger, batch: np.ndarray, rng: np.random.Generator) -> Tensor:
        vectors, mask, labels, weights = self.read(model, batch, rng)
        each = -(labels * F.log_softmax(model(vectors, mask).float(), -1)).sum(-1)
        return (weights * each).sum() / weights.sum()

    @torch.no_grad()
    def judged(self, model: Tagger, which: np.ndarray) -> str:
        """F2 of words on these sentences: of anything, and of people."""
        model.eval()
        counts = np.zeros((2, 3))
        for batch in self.batches(which, np.random.default_rng(0)):
            vectors, mask, labels, _ = self.read(model, batch)
            odds = F.softmax(model(vectors, mask), -1) * mask
            for row, (found, true) in enumerate(
                [
                    (odds[..., 1:].sum(-1) > 0.3, labels[..., 1:].sum(-1) > 0.5),
                    (odds[..., 1] > 0.3, labels[..., 1] > 0.5),
                ]
            ):
                counts[row] += [float(n.sum()) for n in (found & true, found & ~true, ~found & true)]
        right, false, missed = counts.T
        return "F2 {:.4f}, of people {:.4f}".format(*(5 * right / (5 * right + 4 * missed + false)))


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
def restore(model: Tagger, path: Path) -> None:
    """Takes the weights of a file that ``save`` wrote."""
    with np.load(path) as arrays:
        for name, value in named(model).items():
            value.copy_(torch.from_numpy(arrays[name].astype(np.float32)))


@torch.no_grad()
def save(model: Tagger, data: Data, which: np.ndarray, out: Path) -> None:
    """Weights in half precision, and between what limits each block's inputs lie."""
    model.eval()
    lows, highs = [], []
    for batch in list(data.batches(which, np.random.default_rng(1)))[:40]:
        vectors, mask, _, _ = data.read(model, batch)
        inputs = list(model.inputs(vectors, mask))
        lows.append([float(torch.quantile(x.flatten()[::7], 0.00005)) for x in inputs])
        highs.append([float(torch.quantile(x.flatten()[::7], 0.99995)) for x in inputs])
    ranges = np.stack([np.median(lows, 0), np.median(highs, 0)], 1).astype(np.float32)
    np.savez_compressed(
        out,
        ranges=ranges,
        dilations=np.array(DILATIONS),
        **{name: value.numpy().astype(np.float16) for name, value in named(model).items()},
    )


if __name__ == "__main__":
    main()
