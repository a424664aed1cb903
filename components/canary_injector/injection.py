"""Draws canary rows after a plan and puts them among the rows of a training split. Knows no TFX."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from components.canary_injector.canary_set import CanarySet, Candidate
from components.canary_injector.plan import Choice, Constant, Integers, Plan, Rule, Secret, Uniform
from components.documents import DocumentError
from dpcore import canaries

_IN_WORDS = {"int64_list": "whole numbers", "float_list": "numbers", "bytes_list": "text"}
_REDRAWS = 100


def feature_kinds(records: Iterable[bytes]) -> tuple[int, dict[str, str | None]]:
    """Counts serialised tf.Examples, and names the kind of each column (``int64_list``, ...; None if empty).

    Raises:
      DocumentError: a column holds two kinds.
    """
    rows = 0
    kinds: dict[str, str | None] = {}
    for record in records:
        rows += 1
        for name, feature in tf.train.Example.FromString(record).features.feature.items():
            kind = feature.WhichOneof("kind")
            if kinds.setdefault(name, kind) is None:
                kinds[name] = kind
            elif kind not in (None, kinds[name]):
                raise DocumentError(f"column {name!r} must hold one kind; got {kinds[name]} and {kind}.")
    return rows, kinds


def draw_candidates(plan: Plan, kinds: Mapping[str, str | None], rng: np.random.Generator) -> list[bytes]:
    """The plan's candidates as serialised tf.Examples, all distinct. A column without a rule stays empty.

    Raises:
      DocumentError: a column of the plan is not in the data or holds another kind, or the plan's columns
        cannot give enough distinct rows.
    """
    for name in plan.columns:
        if name not in kinds:
            raise DocumentError(
                f"plan: columns.{name}: the data has no such column; it has {', '.join(sorted(kinds))}."
            )
    rows: dict[bytes, None] = {}
    for _ in range(_REDRAWS):
        drawn = [_draw(name, rule, kinds[name], plan.candidates, rng) for name, rule in plan.columns.items()]
        for values in zip(*drawn, strict=True):
            rows[_row(kinds, dict(zip(plan.columns, values, strict=True)))] = None
        if len(rows) >= plan.candidates:
            return list(rows)[: plan.candidates]
    raise DocumentError(
        f"plan: columns: must give {plan.candidates} distinct rows; got {len(rows)}. Add a random column."
    )


def assign_candidates(plan: Plan, rng: np.random.Generator) -> CanarySet:
    """Draws which candidates go in, and how often."""
    drawn = canaries.assign(plan.canaries(), rng)
    fates = zip(drawn.repetitions.tolist(), drawn.coin_flipped.tolist(), strict=True)
    return CanarySet(
        plan_digest=plan.digest,
        candidates=tuple(
            Candidate(index=index, repetitions=repetitions, coin_flip=coin_flip)
            for index, (repetitions, coin_flip) in enumerate(fates)
        ),
    )


def copies(candidates: Sequence[bytes], canary_set: CanarySet) -> list[bytes]:
    """The rows to insert: every canary as often as it is repeated."""
    return [candidates[c.index] for c in canary_set.candidates for _ in range(c.repetitions)]


def inject(
    records: Iterable[bytes], rows: int, canaries: Sequence[bytes], rng: np.random.Generator
) -> Iterator[bytes]:
    """The records in their order, with the canaries at random places among them.

    Args:
      records: serialised rows, read once and not held in memory.
      rows: how many there are.
      canaries: serialised rows to insert, with their repetitions.
      rng: draws the places and the order of the canaries.
    """
    total = rows + len(canaries)
    places = set(rng.choice(total, size=len(canaries), replace=False).tolist())
    waiting = iter([canaries[i] for i in rng.permutation(len(canaries))])
    originals = iter(records)
    for place in range(total):
        yield next(waiting) if place in places else next(originals)


def _draw(name: str, rule: Rule, kind: str | None, count: int, rng: np.random.Generator) -> list[Any]:
    match rule:
        case Constant():
            values: list[Any] = [rule.constant] * count
        case Uniform():
            values = rng.uniform(*rule.uniform, size=count).tolist()
        case Integers():
            values = rng.integers(*rule.integers, size=count, endpoint=True).tolist()
        case Choice():
            values = [rule.choice[i] for i in rng.integers(len(rule.choice), size=count)]
        case Secret():
            numbers = rng.choice(10**rule.digits, size=count, replace=False)
            values = [rule.text(number) for number in numbers.tolist()]
    for value in values:
        _require_kind(name, kind, value)
    return values


def _require_kind(name: str, kind: str | None, value: Any) -> None:
    fits = {
        "int64_list": isinstance(value, int),
        "float_list": isinstance(value, int | float),
        "bytes_list": isinstance(value, str),
    }
    if kind is None:
        raise DocumentError(
            f"plan: columns.{name}: the column is empty in every row, so its kind is unknown."
        )
    if not fits[kind]:
        raise DocumentError(f"plan: columns.{name}: the column holds {_IN_WORDS[kind]}; got {value!r}.")


def _row(kinds: Mapping[str, str | None], values: Mapping[str, Any]) -> bytes:
    features = {name: _feature(kind, values.get(name)) for name, kind in sorted(kinds.items())}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def _feature(kind: str | None, value: Any) -> tf.train.Feature:
    held = [] if value is None else [value.encode() if isinstance(value, str) else value]
    match kind:
        case "int64_list":
            return tf.train.Feature(int64_list=tf.train.Int64List(value=held))
        case "float_list":
            return tf.train.Feature(float_list=tf.train.FloatList(value=held))
        case "bytes_list":
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=held))
        case _:
            return tf.train.Feature()
