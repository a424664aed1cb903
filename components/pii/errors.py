"""What can go wrong while rows are scrubbed. No message ever holds a cell's text.

ScrubError
├── ColumnMismatchError    the data's columns are not the policy's columns
├── KeyUnavailableError    the pseudonymisation key is not set, not readable or too short
├── UnreadableSourceError  a file has no header, no rows, or a quote that is never closed
├── PatternTimeoutError    a regular expression of the policy takes too long for a text
├── TooManyRejectedError   more rows are malformed than the policy allows
└── RowsLostError          a row went in and came out neither scrubbed nor rejected
"""


class ScrubError(ValueError):
    """Base of every error of the scrubber."""


class ColumnMismatchError(ScrubError):
    """The data has a column that the policy does not name, or the reverse."""


class KeyUnavailableError(ScrubError):
    """The policy pseudonymises, and its key cannot be used. The message names the source only."""


class UnreadableSourceError(ScrubError):
    """A file cannot be read as rows under a header."""


class PatternTimeoutError(ScrubError):
    """A pattern needs too long for a text. The message names the policy's rule, and nothing of the text."""


class TooManyRejectedError(ScrubError):
    """The share of malformed rows is above the policy's ``max_malformed_share``."""


class RowsLostError(ScrubError):
    """Rows in are not rows out plus rows rejected."""
