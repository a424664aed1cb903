"""Keras losses that are known to mix examples; others are tried out by ``dpcore.losses.check_loss``."""

import functools
import inspect
from dataclasses import dataclass
from typing import Any

import keras

from dpcore.validation.rules import Rule, problems_of, refuse


def check_losses(loss: Any) -> None:
    """Refuses Keras losses that compare or pool the examples of a batch.

    Args:
      loss: what the user compiles with: a name, a Loss, a function, or a nest of these.

    Raises:
      NotPrivateError: a loss that can never be private per example, with the one to use instead.
    """
    known = [_KerasLoss.of(one) for one in keras.tree.flatten(loss) if one is not None]
    refuse(p for one in known for p in problems_of(one, _RULES, noun="loss", kind=one.name))


@dataclass(frozen=True)
class _KerasLoss:
    """What a loss computes: a function and its arguments."""

    name: str
    function: Any
    arguments: dict[str, Any]

    @classmethod
    def of(cls, loss: Any) -> "_KerasLoss":
        loss = keras.losses.get(loss) if isinstance(loss, str) else loss
        if isinstance(loss, functools.partial):
            return cls(getattr(loss.func, "__name__", ""), loss.func, loss.keywords)
        if isinstance(loss, keras.losses.Loss):
            return cls(type(loss).__name__, getattr(loss, "fn", None), getattr(loss, "_fn_kwargs", {}))
        return cls(getattr(loss, "__name__", ""), loss, {})

    @property
    def axis(self) -> Any:
        """The axis that is given, or else the function's default; -1 where it has none."""
        return self.arguments.get("axis", _default_axis(self.function))


def _default_axis(function: Any) -> Any:
    if function not in vars(keras.losses).values():
        return -1
    parameters = inspect.signature(function).parameters
    return parameters["axis"].default if "axis" in parameters else -1


def _batch_axis(loss: _KerasLoss) -> str:
    axes = loss.axis if isinstance(loss.axis, list | tuple) else [loss.axis]
    return f"axis={loss.axis}" if {None, 0} & set(axes) else ""


def _overlap(loss: _KerasLoss) -> bool:
    return loss.function in (keras.losses.dice, keras.losses.tversky)


_RULES = (
    Rule(
        of=_KerasLoss,
        breaks=lambda loss: loss.function is keras.losses.circle and "ref_embeddings" not in loss.arguments,
        why="each example is compared with all others in the batch, so one example's gradient depends on "
        "the others and cannot be clipped",
        instead="Use a loss on each example's own label, such as SparseCategoricalCrossentropy on a layer "
        "with one output per class.",
    ),
    Rule(
        of=_KerasLoss,
        breaks=lambda loss: _overlap(loss) and _batch_axis(loss),
        why="the overlap is computed once for the whole batch, so one example's gradient depends on the "
        "others and cannot be clipped",
        instead="Give it the axes of one example, without 0: for images, a Dice or Tversky with "
        "axis=(1, 2, 3).",
    ),
    Rule(
        of=_KerasLoss,
        breaks=lambda loss: not _overlap(loss) and _batch_axis(loss),
        why="axis 0 holds the examples, so one example's gradient depends on the others and "
        "cannot be clipped",
        instead="Use an axis of the features, such as axis=-1.",
    ),
)
