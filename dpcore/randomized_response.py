"""Randomised response: every answer is noisy before anybody sees it, and counts can still be estimated.

Of ``k`` possible values the true one is told with probability ``e^epsilon / (e^epsilon + k - 1)``, and each
other one with probability ``1 / (e^epsilon + k - 1)``: Warner (1965) for two values; for ``k`` values
Kairouz, Bonawitz and Ramage, "Discrete distribution estimation under local privacy" (2016).

Formal guarantee, in the local model: whatever the true value of one answer is, the probability of any
output changes by a factor of at most ``e^epsilon``; there is no delta, and nobody has to be trusted with the
answers. Several answers of one person add up: ``epsilon`` each.

:func:`event` is dp_accounting's ``RandomizedResponseDpEvent``: the same mechanism, told as "with probability
``p`` a value drawn uniformly from all ``k``". It is defined where one answer is *replaced* by another; so is
:func:`charge`. A ledger of training charges counts whole examples that are added or removed, as seen in the
model. That is another neighbour and another observer: the two epsilons are never added up, and
:class:`dpcore.ledger.Ledger` refuses to compose them.
"""

import math
import secrets
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dpcore.config import require_positive
from dpcore.errors import ConfigError

if TYPE_CHECKING:
    import dp_accounting

    from dpcore.ledger import Charge

MAX_EPSILON = 20.0
RANDOM_BYTES = 32
_HALF = RANDOM_BYTES // 2

V = TypeVar("V", bound=Hashable)


@dataclass(frozen=True)
class CountEstimate:
    """How many true answers had this value: an unbiased estimate and its standard error.

    ``count`` may be negative or above the number of answers: cutting it off would bias it.
    """

    count: float
    standard_error: float


def truth_probability(epsilon: float, num_values: int) -> float:
    """The probability that the answer is the true value; raises ConfigError as :func:`event` does."""
    _check(epsilon, num_values)
    return math.exp(epsilon) / (math.exp(epsilon) + num_values - 1)


def answer(truth: int | None, *, epsilon: float, num_values: int, random_bytes: bytes | None = None) -> int:
    """One noisy answer.

    Args:
      truth: the index of the true value, 0 to ``num_values - 1``; None for an answer that is none of the
        values. Then all values are equally likely, which lies between any two of the distributions that the
        values have: the guarantee holds for it too, with the same epsilon.
      epsilon: of the local guarantee, no unit; finite and > 0.
      num_values: how many values there are; >= 2.
      random_bytes: 32 bytes, uniform and used for nothing else; the operating system's where None. Whoever
        knows them knows when the answer is the truth.

    Raises:
      ConfigError: an argument breaks its rule.
    """
    _check(epsilon, num_values)
    if truth is not None and not 0 <= truth < num_values:
        raise ConfigError(f"truth must be an index below {num_values}, or None.")
    drawn = secrets.token_bytes(RANDOM_BYTES) if random_bytes is None else random_bytes
    if len(drawn) != RANDOM_BYTES:
        raise ConfigError(f"random_bytes must be {RANDOM_BYTES} bytes; got {len(drawn)}.")
    # Rounded up: the answer is random at least as often as it has to be.
    below = math.ceil(_uniform_probability(epsilon, num_values) * 2.0 ** (8 * _HALF))
    if truth is None or int.from_bytes(drawn[:_HALF]) < below:
        return int.from_bytes(drawn[_HALF:]) % num_values
    return truth


def event(epsilon: float, num_values: int) -> "dp_accounting.DpEvent":
    """The event of one answer.

    Raises:
      ConfigError: epsilon is not finite and > 0, or there are fewer than two values.
    """
    # Imported here, as in charge(): whoever only answers need not wait for the accountants.
    import dp_accounting

    _check(epsilon, num_values)
    return dp_accounting.RandomizedResponseDpEvent(_uniform_probability(epsilon, num_values), num_values)


def charge(epsilon: float, num_values: int, *, attempt: str, privacy_unit: str, note: str = "") -> "Charge":
    """The ledger's line for one answer of everybody; raises ConfigError as :func:`event` does.

    Answers of different people cost nobody more than the own one, so ``count`` is 1 however many rows there
    are. A second answer about the same value is a second charge.
    """
    from dp_accounting import NeighboringRelation

    from dpcore.ledger import Charge

    return Charge(
        event=event(epsilon, num_values),
        attempt=attempt,
        neighboring_relation=NeighboringRelation.REPLACE_ONE,
        privacy_unit=privacy_unit,
        note=note,
    )


def estimate_counts(observed: Mapping[V, int], epsilon: float) -> dict[V, CountEstimate]:
    """How many true answers there were of each value, from the noisy ones.

    Args:
      observed: noisy answers by value. Every possible value is a key, also where it was never seen.
      epsilon: that with which the answers were made.

    Returns:
      By value, ``(observed - n q) / (p - q)`` with ``p`` the probability of the truth, ``q`` that of each
      other value and ``n`` the number of answers; the standard error is that of the noise, for these rows
      (not for a population that they are drawn from). Answers that were none of the values (``truth=None``)
      are spread evenly over all.

    Raises:
      ConfigError: fewer than two values, a negative count, or epsilon not finite and > 0.
    """
    num_values = len(observed)
    p = truth_probability(epsilon, num_values)
    q = (1 - p) / (num_values - 1)
    if any(count < 0 for count in observed.values()):
        raise ConfigError("observed counts must be >= 0.")
    n = sum(observed.values())
    estimates = {}
    for value, count in observed.items():
        estimate = (count - n * q) / (p - q)
        true = min(max(estimate, 0.0), float(n))
        variance = true * p * (1 - p) + (n - true) * q * (1 - q)
        estimates[value] = CountEstimate(estimate, math.sqrt(variance) / (p - q))
    return estimates


def _uniform_probability(epsilon: float, num_values: int) -> float:
    """The probability of an answer that is drawn from all values, the true one among them."""
    return num_values / (math.exp(epsilon) + num_values - 1)


def _check(epsilon: float, num_values: int) -> None:
    require_positive("epsilon", epsilon)
    if epsilon > MAX_EPSILON:
        raise ConfigError(
            f"epsilon must be at most {MAX_EPSILON}: above, it protects nothing; got {epsilon!r}."
        )
    if num_values < 2:
        raise ConfigError(f"there must be at least two values; got {num_values}.")
