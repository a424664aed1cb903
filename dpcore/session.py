"""A privacy session: the ledger that is charged, and the weights that private training last wrote.

Whoever runs somebody's training code opens a session around it. What is exported afterwards is private only
if it is what the session wrote: anything else was trained, changed or put there by other means.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import keras
import numpy as np
import numpy.typing as npt

from dpcore.ledger import Ledger


@dataclass
class Session:
    """One attempt at training.

    Attributes:
      ledger: where charges go.
      attempt: the name under which they are charged.
    """

    ledger: Ledger
    attempt: str
    _written: dict[int, frozenset[str]] = field(default_factory=dict, repr=False)
    _beside: dict[int, frozenset[str]] = field(default_factory=dict, repr=False)

    def record(self, model: keras.Model, optimizer: keras.Optimizer) -> None:
        """Remembers the weights of ``model`` as the last that private training wrote."""
        self._written[id(model)] = _digests(model.weights)
        seeds = [v for v in model.variables if "seed_generator_state" in v.path]
        self._beside[id(model)] = _digests([*optimizer.variables, *seeds])

    def differences(self, exported: Mapping[str, npt.NDArray[np.generic]]) -> list[str]:
        """What in an export is not what private training last wrote, in words; empty when all is.

        Args:
          exported: every array in the exported model, by name. The optimizer's variables may be among
            them, which are functions of noised gradients too, and the state of Dropout's generators, which
            sees no data.
        """
        if not self._written:
            return ["no PrivateModel was trained"]
        written = frozenset().union(*self._written.values())
        allowed = written | frozenset().union(*self._beside.values())
        found = {name: _digest(array) for name, array in exported.items()}
        strangers = [
            f"{name} was not written by it" for name, digest in found.items() if digest not in allowed
        ]
        missing = len(written - set(found.values()))
        return strangers + ([f"{missing} of its weights were not exported"] if missing else [])


_active: ContextVar[Session | None] = ContextVar("private_session", default=None)


@contextmanager
def private_session(ledger: Ledger, attempt: str) -> Iterator[Session]:
    """Opens a session: every PrivateModel trained inside charges ``ledger`` under ``attempt``."""
    session = Session(ledger, attempt)
    token = _active.set(session)
    try:
        yield session
    finally:
        _active.reset(token)


def active_session() -> Session | None:
    """The session around the caller, if there is one."""
    return _active.get()


def _digests(variables: list[keras.Variable]) -> frozenset[str]:
    return frozenset(_digest(np.asarray(variable.numpy())) for variable in variables)


def _digest(array: npt.NDArray[np.generic]) -> str:
    header = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(header + np.ascontiguousarray(array).tobytes()).hexdigest()
