"""What can go wrong, by what the reader has to do about it.

::

    DpError
    ├── ConfigError           a number or a combination of numbers makes no sense: correct it
    ├── NotPrivateError       this can never be private per example: replace it (the message says by what)
    ├── NotSupportedError     this could be private, but is not covered yet: do without it for now
    ├── LedgerError           a ledger is missing, malformed or incomplete: the guarantee is unknown
    └── AccountingError       no finite, trustworthy epsilon can be computed from what was charged
"""


class DpError(Exception):
    """Base of every error that dpcore raises on purpose."""


class ConfigError(DpError, ValueError):
    """A configured value breaks its rule. The message names the field, the rule and the value."""


class NotPrivateError(DpError):
    """A layer, loss or way of training whose influence cannot be bounded per example."""


class NotSupportedError(DpError):
    """A way of training that could be private and that dpcore does not cover yet."""


class LedgerError(DpError):
    """A ledger cannot be read, or contradicts itself."""


class AccountingError(DpError):
    """The accountants give no epsilon that can be relied on."""
