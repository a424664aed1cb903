"""Which charges of a ledger are steps of DP-SGD."""

import dp_accounting

from dpcore.ledger import Charge, Ledger


def dp_sgd_steps(ledger: Ledger) -> tuple[Charge, ...]:
    """The charges of Gaussian noise on Poisson samples, oldest first; each stands for ``count`` steps."""
    return tuple(
        charge
        for charge in ledger.charges
        if isinstance(charge.event, dp_accounting.PoissonSampledDpEvent)
        and isinstance(charge.event.event, dp_accounting.GaussianDpEvent)
    )
