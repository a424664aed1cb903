"""Whole cells by their rules, where no text has to be read."""

import math
from collections.abc import Callable, Mapping

from components.pii.operators.generalize import generalize, lower_bound
from components.pii.operators.keyed import Keyed
from components.pii.operators.mask import mask
from components.pii.operators.names import People
from components.pii.operators.surrogates import surrogate
from components.pii.policy import Generalize, Hash, Keep, Mask, Pseudonymize, Randomize, Rule, same_value
from components.pii.sources import Record
from dpcore import randomized_response

Value = str | int | float | None

PSEUDONYM_HEX_DIGITS = 32
_INT64 = 2**63
_MAX_FLOAT32 = 3.4028234e38


def pseudonym(column: str, value: str, keyed: Keyed) -> str:
    """HMAC-SHA256 of the value under the key, apart for each column, as 32 hex digits (128 bits)."""
    return keyed.column(column, value).hex()[:PSEUDONYM_HEX_DIGITS]


def convert(name: str, rule: Rule, cell: str, keyed: Keyed | None, people: People) -> Value:
    """What leaves of a cell that is not empty; None where the rule leaves nothing here.

    Raises:
      ValueError: the cell is not what the rule expects. The message holds nothing of it.
    """
    if isinstance(rule, Keep):
        return _TYPES[rule.type](cell)
    if isinstance(rule, Mask):
        return mask(cell, rule)
    if isinstance(rule, Generalize):
        if rule.type == "string":
            return generalize(cell, rule)
        number = lower_bound(cell, rule)
        return int(number) if rule.type == "int" else number
    if keyed is None:
        return None
    if isinstance(rule, Hash):
        context = ("column", name) if rule.entity is None else ("entity", rule.entity)
        return keyed.digest("hash", *context, cell).hex()[: rule.length]
    if isinstance(rule, Pseudonymize):
        if rule.surrogate and rule.entity:
            return surrogate(cell, rule.entity, keyed, people)
        return pseudonym(name, cell, keyed)
    return None


def randomized(name: str, rule: Randomize, row: Record, position: int, keyed: Keyed) -> str:
    """The noisy answer of a row in a column, by randomised response.

    Its coins are HMAC-SHA256 under the policy's key of the column, the row's file and line, and all its
    cells. So they are the same whenever the same row of the same file is read again: a bundle that a worker
    repeats, or a second run on the same input, releases the same answer and costs nothing more.

    To anyone without the key this is randomised response: HMAC is a pseudorandom function, no two rows of a
    data set have the same input, so all answers are, to whoever cannot break it, those of independent coins
    (the guarantee is computational: Mironov, Pandey, Reingold and Vadhan 2009). The cells, the answered value
    among them, are part of the input because lines move and cells are corrected. Coins of the line alone
    would then serve for two values, and whoever knows one of the values would read off the other; like this,
    a changed row is answered anew, and both releases together cost twice epsilon, not everything. For the
    same reason a second release is charged when the file gets another name or the key changes. What is not
    hidden is whether a row changed between two releases, and nothing is hidden from who has the key.
    """
    places = {same_value(value): index for index, value in enumerate(rule.values)}
    coins = keyed.digest("randomize", name, row.file, str(row.line), *row.cells)
    told = randomized_response.answer(
        places.get(same_value(row.cells[position])),
        epsilon=rule.epsilon,
        num_values=len(rule.values),
        random_bytes=coins,
    )
    return rule.values[told]


def _int(cell: str) -> int:
    value = int(_plain(cell))
    if not -_INT64 <= value < _INT64:
        raise ValueError
    return value


def _float(cell: str) -> float:
    value = float(_plain(cell))
    if not math.isfinite(value) or abs(value) > _MAX_FLOAT32:
        raise ValueError
    return value


def _plain(cell: str) -> str:
    """Python reads 1_000 and other scripts' digits as numbers; a table of numbers does not hold them."""
    if "_" in cell or not cell.isascii():
        raise ValueError
    return cell


_TYPES: Mapping[str, Callable[[str], Value]] = {"string": str, "int": _int, "float": _float}
