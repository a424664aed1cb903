"""What a training run promises. Holds public facts only: no data set size, no key, no random state."""

import math
from dataclasses import dataclass

from dpcore.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class PrivacyTarget:
    """An (epsilon, delta) that a training run must not exceed.

    Attributes:
      epsilon: > 0, finite.
      delta: in (0, 1); well below one over the number of examples.
    """

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        require_positive("epsilon", self.epsilon)
        require_delta("delta", self.delta)


@dataclass(frozen=True, kw_only=True)
class DpSgdConfig:
    """The settings of DP-SGD (Abadi et al. 2016, https://arxiv.org/abs/1607.00133, Algorithm 1).

    Exactly one of ``noise_multiplier`` and ``target`` is given; with a target, the noise is calibrated to
    the number of examples and steps when training starts.

    Attributes:
      l2_norm_clip: largest L2 norm of one example's gradient, in units of the loss per parameter; > 0.
      expected_batch_size: mean number of examples in a Poisson batch; the public constant by which the
        noised sum is divided; > 0.
      noise_multiplier: standard deviation of the noise / ``l2_norm_clip``, no unit; >= 0 (0: no privacy).
      target: what the whole of one ``fit`` may cost.
    """

    l2_norm_clip: float
    expected_batch_size: int
    noise_multiplier: float | None = None
    target: PrivacyTarget | None = None

    def __post_init__(self) -> None:
        require_positive("l2_norm_clip", self.l2_norm_clip)
        if isinstance(self.expected_batch_size, bool) or not isinstance(self.expected_batch_size, int):
            raise ConfigError(
                f"expected_batch_size must be a whole number; got {self.expected_batch_size!r}."
            )
        require_positive("expected_batch_size", self.expected_batch_size)
        if (self.noise_multiplier is None) == (self.target is None):
            raise ConfigError(
                "exactly one of noise_multiplier and target must be given; "
                f"got noise_multiplier={self.noise_multiplier!r} and target={self.target!r}."
            )
        if self.noise_multiplier is not None:
            require_non_negative("noise_multiplier", self.noise_multiplier)


def require_positive(name: str, value: float) -> None:
    """Raises ConfigError unless ``value`` is finite and > 0. NaN fails."""
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{name} must be finite and > 0; got {value!r}.")


def require_non_negative(name: str, value: float) -> None:
    """Raises ConfigError unless ``value`` is finite and >= 0. NaN fails."""
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"{name} must be finite and >= 0; got {value!r}.")


def require_delta(name: str, value: float) -> None:
    """Raises ConfigError unless ``value`` lies strictly between 0 and 1. NaN fails."""
    if not 0 < value < 1:
        raise ConfigError(f"{name} must lie strictly between 0 and 1; got {value!r}.")


def require_probability(name: str, value: float) -> None:
    """Raises ConfigError unless ``value`` lies in (0, 1]. NaN fails."""
    if not 0 < value <= 1:
        raise ConfigError(f"{name} must lie in (0, 1]; got {value!r}.")
