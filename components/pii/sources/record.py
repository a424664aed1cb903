"""What every format gives: records with text cells, and parts of a file that can be read on their own."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file, from ``line`` to ``last_line``. Its cells stay out of its repr.

    Formats without lines (Parquet, TFRecord, Avro) count records from 1. ``problem`` says why the cells could
    not be read, in words that hold nothing of them; then there are none.
    """

    file: str
    line: int
    last_line: int
    cells: tuple[str, ...] = field(default=(), repr=False)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """``count`` records of a file, the first of them at ``line``.

    ``start`` is where the format finds them: a byte, or the number of a row group. None: at the beginning.
    """

    start: int | None
    line: int
    count: int
