"""Pays for the steps of DP-SGD before they run."""

from dpcore.accounting import calibrate_noise
from dpcore.config import DpSgdConfig
from dpcore.errors import ConfigError, NotPrivateError
from dpcore.ledger import Charge
from dpcore.sampling import PoissonSampler
from dpcore.session import Session


class StepCharges:
    """Charges the session's ledger an epoch at a time, and never for more than a target allows.

    Attributes:
      noise_multiplier: the configured noise; with a target, None until :meth:`begin` has calibrated it.
    """

    def __init__(self, config: DpSgdConfig, session: Session, *, seeded: bool) -> None:
        self.noise_multiplier = config.noise_multiplier
        self._config = config
        self._session = session
        self._seeded = seeded
        self._sampler: PoissonSampler | None = None
        self._block = 0
        self._prepaid = 0
        self._payable = 0
        self._target_is_spent = False

    @property
    def may_run(self) -> bool:
        """Whether steps may be paid for: between :meth:`begin` and :meth:`end`."""
        return self._sampler is not None

    def begin(self, sampler: PoissonSampler, *, steps_per_epoch: int, steps: int) -> None:
        """Begins one ``fit``.

        Args:
          sampler: how its batches are drawn.
          steps_per_epoch: how many steps are paid for at once.
          steps: how many there will be in all; a target's noise is calibrated to so many.

        Raises:
          ConfigError: the target is spent.
        """
        target = self._config.target
        if target is not None:
            if self._target_is_spent:
                raise ConfigError(
                    f"the target epsilon={target.epsilon} is spent by one fit(). Train longer in that one, "
                    "or give a noise_multiplier instead and watch the ledger."
                )
            self.noise_multiplier = calibrate_noise(
                target_epsilon=target.epsilon,
                target_delta=target.delta,
                sampling_probability=sampler.sampling_probability,
                steps=steps,
            )
            self._target_is_spent = True
            self._payable = steps
        self._sampler = sampler
        self._block = steps_per_epoch
        self._prepaid = 0

    def pay(self, steps: int) -> None:
        """Returns when ``steps`` more steps are paid for, durably: only then may they run.

        Raises:
          NotPrivateError: outside of a ``fit``, or beyond the steps that the target's noise is for.
        """
        if self._sampler is None:
            raise NotPrivateError("the train function runs outside fit(), on batches of unknown origin.")
        if self._prepaid < steps:
            block = max(steps, self._block)
            if self._config.target is not None and block > self._payable:
                raise NotPrivateError("training goes on beyond the steps for which the noise was calibrated.")
            self._payable -= block
            self._session.ledger.append(
                Charge(
                    event=self._sampler.event(self.noise_multiplier or 0.0),
                    count=block,
                    attempt=self._session.attempt,
                    l2_norm_clip=self._config.l2_norm_clip,
                    seeded=self._seeded,
                )
            )
            self._prepaid += block
        self._prepaid -= steps

    def end(self) -> None:
        """Ends the ``fit``: nothing more is paid for."""
        self._sampler = None
