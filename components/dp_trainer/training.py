"""Runs somebody's training code under a privacy session and settles what it cost. Knows no TFX."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import dp_accounting
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.dp_trainer.steps import dp_sgd_steps
from components.dp_trainer.uncharged import non_private_charge
from components.storage.uris import parent
from dpcore import ledger as ledgers
from dpcore.config import DpSgdConfig, PrivacyTarget
from dpcore.ledger import Charge, Entry, Ledger, Settled
from dpcore.session import private_session


def train_in_session(
    train: Callable[[], None],
    *,
    journal: Ledger,
    attempt: str,
    entries: Iterable[Entry],
    exported_model: str,
    write: Callable[[Ledger], None] = lambda ledger: None,
    when_kept: Callable[[Callable[[], None]], None] = lambda settle: settle(),
) -> Ledger:
    """Trains, and returns the ledger of the model that came out.

    Args:
      train: the training code; it writes the model to ``exported_model``.
      journal: the durable ledger of all attempts. If this attempt dies, its charges stay here, and the next
        attempt that finishes carries them.
      attempt: the name of this attempt.
      entries: what is known beforehand to reach the model beside the gradients.
      exported_model: folder of a SavedModel. Where its weights are not the ones that the private session
        wrote last, the run is charged as non-private.
      write: keeps the ledger. The attempt is settled only after it, so that no charge is lost in between.
      when_kept: calls what it is given as soon as the model and the ledger are where they will stay; at
        once, if :data:`write` and ``train`` put them there. If it never does, the next attempt on the same
        journal carries these charges too: too much is counted, never too little.
    """
    carried = [entry for entry in journal.unsettled() if isinstance(entry, Charge)]
    start = len(journal.entries)
    for entry in entries:
        journal.append(entry)
    with private_session(journal, attempt) as session:
        train()
    differences = session.differences(exported_weights(exported_model))
    if differences:
        journal.append(non_private_charge(attempt, f"the exported model is not private: {differences[0]}"))
    ledger = ledgers.of([*carried, *journal.entries[start:]])
    write(ledger)
    when_kept(lambda: journal.append(Settled(attempt=attempt)))
    return ledger


def exported_weights(exported_model: str) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays in a SavedModel's checkpoint, by name; none where there is no checkpoint."""
    prefix = f"{exported_model}/variables/variables"
    if not tf.io.gfile.exists(f"{prefix}.index"):
        return {}
    reader = tf.train.load_checkpoint(prefix)
    names = (n for n in reader.get_variable_to_shape_map() if not _is_bookkeeping(n))
    return {name: np.asarray(reader.get_tensor(name)) for name in names}


def metadata_properties(ledger: Ledger) -> dict[str, str | int | float]:
    """What people query on, for ML Metadata, beside the whole ledger as text."""
    properties: dict[str, str | int | float] = {
        "ledger": ledger.dumps(),
        "attempts": len({charge.attempt for charge in ledger.charges}),
        "seeded": int(ledger.seeded),
        "private": int(not any(_is_unbounded(charge.event) for charge in ledger.charges)),
        "neighboring_relation": ", ".join(sorted({c.neighboring_relation.name for c in ledger.charges})),
        "privacy_unit": ", ".join(sorted({charge.privacy_unit for charge in ledger.charges})),
    }
    steps = dp_sgd_steps(ledger)
    if steps:
        last = steps[-1]
        properties["steps"] = sum(charge.count for charge in steps)
        properties["sampling_probability"] = last.event.sampling_probability
        properties["noise_multiplier"] = last.event.event.noise_multiplier
        if last.l2_norm_clip is not None:
            properties["l2_norm_clip"] = last.l2_norm_clip
    return properties


def config_to_json(config: DpSgdConfig | None) -> str:
    """The configuration as an execution property."""
    return json.dumps(None if config is None else asdict(config))


def config_from_json(text: str) -> DpSgdConfig | None:
    """The inverse of :func:`config_to_json`; raises ConfigError where a number breaks its rule."""
    content: dict[str, Any] | None = json.loads(text)
    if content is None:
        return None
    target = content.pop("target", None)
    return DpSgdConfig(**content, target=None if target is None else PrivacyTarget(**target))


def default_journal(ledger_uri: str) -> str:
    """Beside the folders of the single executions, so that it outlives each of them."""
    return f"{parent(ledger_uri)}/attempts.jsonl"


def _is_unbounded(event: dp_accounting.DpEvent) -> bool:
    return isinstance(event, dp_accounting.NonPrivateDpEvent)


def _is_bookkeeping(name: str) -> bool:
    return name == "_CHECKPOINTABLE_OBJECT_GRAPH" or name.startswith("save_counter")
