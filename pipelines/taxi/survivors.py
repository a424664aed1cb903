"""Which of the taxi example's personal values survived a scrub: all of them are known."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from faker.providers.address.en_US import Provider as EnglishAddresses

from components.pii.scrubber import PSEUDONYM_HEX_DIGITS
from pipelines.taxi.data import PersonalValue
from pipelines.taxi.people import STREET_ABBREVIATIONS

_COMMON_WORDS = frozenset(("apt", "suite", "unit", "chicago", "north", "south", "west", "east"))

_PSEUDONYM = re.compile(rf"\b[0-9a-f]{{{PSEUDONYM_HEX_DIGITS}}}\b")
_GROUPING = str.maketrans("", "", " .-()")
_SUFFIXES = frozenset(word.casefold() for word in (*EnglishAddresses.street_suffixes, *STREET_ABBREVIATIONS))


class Survival(NamedTuple):
    """Of the personal values that were generated, how many still stand in what came out."""

    generated: int
    survived: int


def read_texts(file_pattern: str) -> Iterator[tuple[int, str]]:
    """For each Example in TFRecord files: its ``trip_start_timestamp``, and all its text in one.

    Pseudonyms are left out: their digits are random, and would be taken for those of a card now and then.
    """
    import tensorflow as tf  # Slow to import, and only this function needs it.

    files = sorted(tf.io.gfile.glob(file_pattern))
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        texts = [cell.decode() for feature in features.values() for cell in feature.bytes_list.value]
        yield features["trip_start_timestamp"].int64_list.value[0], _PSEUDONYM.sub("", "\n".join(texts))


def count_survivors(truth: Iterable[PersonalValue], texts: Iterable[tuple[int, str]]) -> dict[str, Survival]:
    """Counts, by entity type, the generated values of which a distinctive part still stands in the output.

    A distinctive part is, whatever its case: any name of three letters or more of a person; of an address,
    the street's name or a number of four digits or more (all of it, where it has neither); the local part
    of an e-mail address with its @; the last seven digits of a phone number, however grouped; the last
    four digits of a card; the last group of a receipt number.

    Examples are shuffled, so a value is looked for in every output that has its row's
    ``trip_start_timestamp`` (at most three rows share one): the count can be a little too high, never too
    low. Values of rows that did not come out count as generated and not survived.

    Args:
      truth: what was generated.
      texts: for each row that came out, its ``trip_start_timestamp`` and all its text.
    """
    outputs: dict[int, list[str]] = defaultdict(list)
    for timestamp, text in texts:
        outputs[timestamp] += [text.casefold(), _digits(text)]
    generated: dict[str, int] = defaultdict(int)
    survived: dict[str, int] = defaultdict(int)
    for value in truth:
        generated[value.entity_type] += 1
        parts = distinctive_parts(value.entity_type, value.value)
        survived[value.entity_type] += any(
            _stands(part, text) for part in parts for text in outputs[value.trip_start_timestamp]
        )
    return {kind: Survival(count, survived[kind]) for kind, count in sorted(generated.items())}


def distinctive_parts(entity_type: str, value: str) -> list[str]:
    """What of a value must not be left: see :func:`count_survivors`."""
    value = value.casefold()
    if entity_type == "PHONE_NUMBER":
        digits = "".join(filter(str.isdigit, value.partition("ext")[0]))
        return [digits[-7:]]
    if entity_type == "EMAIL_ADDRESS":
        return [value.partition("@")[0] + "@"]
    if entity_type == "RECEIPT_NUMBER":
        return [value.rpartition("-")[2]]
    if entity_type == "PERSON":
        return [part for part in value.split() if len(part) >= 3]
    if entity_type == "ADDRESS":
        words = [word for word in value.replace(",", " ").split() if _is_distinctive(word)]
        return words or [value.partition(",")[0]]
    return [value]


def _is_distinctive(word: str) -> bool:
    if word[0].isdigit():
        return len(word) >= 4
    street = word.strip(".")
    return len(street) >= 3 and street not in _COMMON_WORDS and street not in _SUFFIXES


def _stands(part: str, text: str) -> bool:
    """Whether the part is in the text, and not inside a longer word or number."""
    start = text.find(part)
    while start >= 0:
        before, after = text[start - 1 : start], text[start + len(part) :][:1]
        if not (_continues(before, part[0]) or _continues(after, part[-1])):
            return True
        start = text.find(part, start + 1)
    return False


def _continues(neighbour: str, edge: str) -> bool:
    return neighbour.isdigit() if edge.isdigit() else edge.isalpha() and neighbour.isalpha()


def _digits(text: str) -> str:
    """The last seven digits of everything that could be a phone number, one after another."""
    compact = text.translate(_GROUPING)
    runs = "".join(char if char.isdigit() else " " for char in compact).split()
    return " ".join(run[-7:] for run in runs if len(run) >= 7)
