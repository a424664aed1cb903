"""Decisions during training, and arguments of ``fit``, that come from private rows without noise."""

from collections.abc import Iterator
from typing import Any

from keras import callbacks as keras_callbacks
from keras import tree

from dpcore.errors import ConfigError, NotSupportedError
from dpcore.validation.rules import Rule, problems_of, refuse


def check_callbacks(callbacks: Any, *, validation_is_public: bool = False) -> None:
    """Refuses callbacks that decide about training, or about what is kept, by looking at private rows.

    Loss and metrics of private rows are not noised. Looking at them (History, CSVLogger, TensorBoard) leaves
    the weights alone; stopping, changing the rate or choosing a checkpoint by them is a release that nothing
    charges for (Papernot and Steinke 2022, "Hyperparameter Tuning with Renyi Differential Privacy"). What
    callbacks of your own do cannot be seen: the same rule holds for them.

    Args:
      callbacks: as in ``fit``: None, a callback, a nest of these, or a ``keras.callbacks.CallbackList``.
      validation_is_public: the validation rows are public, so ``val_`` metrics may decide.

    Raises:
      NotPrivateError: a callback that decides by private rows.
      NotSupportedError: a callback that goes on with an earlier run.
    """
    refuse(
        problem
        for callback in _flat(callbacks)
        if not (validation_is_public and str(getattr(callback, "monitor", "")).startswith("val_"))
        for problem in problems_of(callback, _RULES, noun="callback", kind=type(callback).__name__)
    )


def check_fit_arguments(
    *, class_weight: Any = None, validation_split: float = 0.0, validation_is_public: bool = False
) -> None:
    """Refuses arguments of ``fit`` that would use private rows without noise.

    Raises:
      NotSupportedError: ``class_weight`` is given.
      ConfigError: the validation rows are said to be public, and are taken from the private ones.
    """
    if class_weight is not None:
        raise NotSupportedError(
            "class_weight is not supported: weights that come from counting labels would give these counts "
            "away. Choose weights by public knowledge and pass sample_weight, one for each row."
        )
    if validation_is_public and validation_split:
        raise ConfigError(
            f"validation_is_public=True needs rows of their own; got validation_split={validation_split}, "
            "which takes them from x. Pass the public rows as validation_data."
        )


def _flat(callbacks: Any) -> Iterator[Any]:
    for callback in tree.flatten(callbacks):
        if isinstance(callback, keras_callbacks.CallbackList):
            yield from _flat(callback.callbacks)
        elif callback is not None:
            yield callback


def _monitor(callback: Any) -> str:
    return f"monitor={callback.monitor!r}"


_DECIDES = "is taken from rows that are private, a release without noise that nothing charges for"
_OR_PUBLIC = (
    "monitor a val_ metric of public rows and say so: fit(validation_data=..., validation_is_public=True)."
)

_RULES = (
    Rule(
        of=keras_callbacks.EarlyStopping,
        breaks=_monitor,
        why=f"the decision to stop {_DECIDES}",
        instead=f"Fix the number of epochs beforehand, or {_OR_PUBLIC}",
    ),
    Rule(
        of=keras_callbacks.ReduceLROnPlateau,
        breaks=_monitor,
        why=f"the learning rate {_DECIDES}",
        instead="Use a schedule that follows the step (keras.optimizers.schedules) or the epoch "
        f"(LearningRateScheduler), or {_OR_PUBLIC}",
    ),
    Rule(
        of=(keras_callbacks.ModelCheckpoint, keras_callbacks.OrbaxCheckpoint),
        breaks=lambda callback: callback.save_best_only and f"save_best_only=True, {_monitor(callback)}",
        why=f"the choice of a checkpoint {_DECIDES}",
        instead=f"Use save_best_only=False and take the last one, or {_OR_PUBLIC}",
    ),
    Rule(
        of=keras_callbacks.TerminateOnNaN,
        breaks=lambda _: True,
        why="the decision to stop is taken from the loss of private rows, a release without noise that "
        "nothing charges for",
        instead="Leave it out: an example whose gradient is not finite counts as zero, and the noised "
        "weights may be looked at after training.",
    ),
    Rule(
        of=keras_callbacks.BackupAndRestore,
        breaks=lambda _: True,
        why="going on with a killed fit is not supported yet: the steps that made the restored weights may "
        "be charged to another ledger, and random states would be used twice",
        instead="Save with ModelCheckpoint and, after a crash, load the weights and fit for the epochs that "
        "are left with the same ledger, on disk.",
        error=NotSupportedError,
    ),
)
