"""The taxi example's data: real trips, and riders who never lived.

The trips are the 10,000 Chicago taxi trips of the TFX wheel. What a ride company would hold beside them
(who rode, and the receipt) is made up, so every personal value and its place is known, and what survives
a scrub can be counted instead of guessed. No receipt tells the fare, the tip or the total.
"""

import calendar
import csv
import importlib.util
import io
import json
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import numpy as np
from faker import Faker
from faker.providers.address.en_US import Provider as EnglishAddresses

from components.pii.scrubber import PSEUDONYM_HEX_DIGITS

SEED = 2013
RIDERS_PER_TRIP = 0.3
TRIPS_FILE = Path("tfx/components/testdata/external/csv/data.csv")
ADDED_COLUMNS = ("rider_id", "rider_name", "rider_email", "rider_phone", "receipt")

BRAND = "Lakeshore Rides"
TEMPLATES = (
    "Thanks for riding with {brand}, {rider}! We picked you up at {pickup} and dropped you off at {dropoff}. "
    "{payment} Receipt {receipt}. Your driver was {driver}. A copy of this receipt went to {email}.",
    "Hi {first}, here is your receipt for {date}. From: {pickup}. To: {dropoff}. Driver: {driver}. {payment} "
    "Confirmation no. {receipt}. If {rider} did not take this trip, text us from {phone}.",
    "RIDE RECEIPT {receipt}\nPassenger: {rider}\nPhone: {phone}\nPick-up: {pickup}\nDrop-off: {dropoff}\n"
    "Distance: {miles} miles\n{payment}\nThank you for choosing {brand}.",
    "Dear {rider}, {driver} drove you from {pickup} to {dropoff} on {date}. {payment} Please quote reference "
    "{receipt} when you write to us. We will answer to {email} or call {phone}.",
    "{brand} - trip of {date}, {minutes} minutes. Booked by {rider} ({email}). {pickup} -> {dropoff}. "
    "Driver {driver}, 4.9 stars. {payment} Booking code: {receipt}.",
    "Hello {first}! Your ride with {driver} has ended. You left from {pickup} and arrived at {dropoff} after "
    "{minutes} minutes. {payment} Your receipt number is {receipt}. Lost something? Call your driver.",
    "Invoice {receipt} for Ms/Mr {rider}, {pickup}. One trip to {dropoff} on {date}, {miles} miles. "
    "{payment} Questions go to {brand}; we have {phone} and {email} on file for you.",
    "Good evening {first}, thank you for your patience in today's traffic. {driver} says hello! Route: "
    "{pickup} to {dropoff}. {payment} Ref: {receipt}. Not you, {first}? Reply STOP.",
)
CARD_TEMPLATES = (
    "Paid with {brand_of_card} ending in {card}.",
    "Payment: {brand_of_card} **** **** **** {card}.",
    "Charged to your {brand_of_card} card •••• {card}.",
    "Card: {brand_of_card} x{card}.",
)
OTHER_PAYMENT = "Settled with the driver."
CARDS = ("Visa", "Mastercard", "Amex", "Discover")

_ENTITIES = {
    "rider": "PERSON",
    "first": "PERSON",
    "driver": "PERSON",
    "pickup": "ADDRESS",
    "dropoff": "ADDRESS",
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "card": "CREDIT_CARD",
    "receipt": "RECEIPT_NUMBER",
}
_LOCALES = {"en_US": 0.6, "es_MX": 0.15, "en_IN": 0.1, "pl_PL": 0.1, "fr_FR": 0.05}
_ABBREVIATIONS = ("Ave", "St", "Blvd", "Pl", "Ter", "Ct", "Dr", "Pkwy", "Avenue", "Street", "Road")
_COMPASS = ("N", "S", "W", "E", "N.", "S.", "W.", "North", "South", "West")
_COMMON_WORDS = frozenset(("apt", "suite", "unit", "chicago", "north", "south", "west", "east"))


@dataclass(frozen=True, slots=True)
class PersonalValue:
    """One made-up personal value: ``cell[start:end]`` of a row's column."""

    row: int
    trip_start_timestamp: int
    column: str
    entity_type: str
    start: int
    end: int
    value: str = field(repr=False)


class TaxiData(NamedTuple):
    """Where the data is: the folder to ingest (it holds nothing else), and the truth about it."""

    trips: Path
    truth: Path


class Survival(NamedTuple):
    """Of the personal values that were generated, how many still stand in what came out."""

    generated: int
    survived: int


class _Rider(NamedTuple):
    identifier: str
    first: str
    name: str
    email: str
    phone: str
    home: str
    card: str
    brand_of_card: str


def generate(directory: str | os.PathLike[str], *, rows: int | None = None, seed: int = SEED) -> TaxiData:
    """Writes ``trips/trips.csv`` and ``truth.jsonl`` into the directory.

    The same arguments give the same bytes, and files that hold them already are left alone: TFX's cache
    goes by their time.

    Args:
      rows: the first so many trips; all 10,000 if None.
      seed: of the riders and receipts.
    """
    if rows is not None and rows < 1:
        raise ValueError(f"rows must be at least 1; got {rows}.")
    with _real_trips().open(encoding="utf-8", newline="") as stream:
        trips = list(csv.DictReader(stream))[:rows]
    rng = np.random.default_rng(seed)
    people = _People(rng, seed)
    riders = [people.rider(number) for number in range(max(1, round(len(trips) * RIDERS_PER_TRIP)))]
    drivers = [people.first_name() for _ in range(400)]
    truth: list[PersonalValue] = []
    for number, trip in enumerate(trips):
        rider = riders[rng.integers(len(riders))]
        text, spans = _receipt(trip, rider, drivers[rng.integers(len(drivers))], people, rng)
        cells = {"rider_id": rider.identifier, "rider_name": rider.name, "rider_email": rider.email}
        trip |= cells | {"rider_phone": rider.phone, "receipt": text}
        truth += _truth(number, trip, spans)
    data = TaxiData(Path(directory) / "trips", Path(directory) / "truth.jsonl")
    _write_if_new(data.trips / "trips.csv", _as_csv(trips))
    _write_if_new(data.truth, "".join(json.dumps(asdict(value)) + "\n" for value in truth))
    return data


def load_truth(path: str | os.PathLike[str]) -> list[PersonalValue]:
    """The personal values that :func:`generate` wrote."""
    with Path(path).open(encoding="utf-8") as lines:
        return [PersonalValue(**json.loads(line)) for line in lines]


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


def survivors(truth: Iterable[PersonalValue], texts: Iterable[tuple[int, str]]) -> dict[str, Survival]:
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
    """What of a value must not be left: see :func:`survivors`."""
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


class _People:
    """Draws people, addresses and numbers. No name is a word of the templates, so one that stands in the
    output was left there."""

    def __init__(self, rng: np.random.Generator, seed: int) -> None:
        self._rng = rng
        self._fakers = [Faker(locale) for locale in _LOCALES]
        for faker in self._fakers:
            faker.seed_instance(seed)
        self._shares = list(_LOCALES.values())
        self._places = [self._address() for _ in range(1_500)]

    def rider(self, number: int) -> _Rider:
        first, faker = self.first_name(), self._faker()
        last = self._distinct(faker.last_name)
        brand = CARDS[self._rng.integers(len(CARDS))]
        return _Rider(
            identifier=f"R{number:06d}",
            first=first,
            name=f"{first} {last}",
            email=self._email(first, last),
            phone=self._phone(),
            home=self._address(),
            card=f"{self._rng.integers(10_000):04d}",
            brand_of_card=brand,
        )

    def first_name(self) -> str:
        return self._distinct(self._faker().first_name)

    def place(self) -> str:
        return self._places[self._rng.integers(len(self._places))]

    def receipt_number(self, day: datetime) -> str:
        serial, check = self._rng.integers(100_000, 1_000_000), self._rng.integers(1_000, 10_000)
        forms = (
            f"R-{check}-{serial}",
            f"CHI-{check}-{serial}",
            f"{day:%Y%m%d}-{serial}",
            f"LS{serial}K{check}",
        )
        return forms[self._rng.integers(len(forms))]

    def _faker(self) -> Faker:
        return self._fakers[self._rng.choice(len(self._fakers), p=self._shares)]

    @staticmethod
    def _distinct(draw: Callable[[], str]) -> str:
        while not _VOCABULARY.isdisjoint((name := draw()).casefold().replace("-", " ").split()):
            pass
        return name

    def _email(self, first: str, last: str) -> str:
        given, family, number = _ascii(first), _ascii(last), self._rng.integers(100)
        local = (
            f"{given}.{family}",
            f"{given}{family}{number}",
            f"{given[0]}{family}{number}",
            f"{family}_{given}",
        )
        domain = ("example.com", "example.org", "mail.example.net")
        return f"{local[self._rng.integers(len(local))]}@{domain[self._rng.integers(len(domain))]}"

    def _phone(self) -> str:
        area, last = (312, 773, 872)[self._rng.integers(3)], f"{self._rng.integers(10_000):04d}"
        forms = (
            f"({area}) 555-{last}",
            f"{area}-555-{last}",
            f"{area}.555.{last}",
            f"{area} 555 {last}",
            f"+1 {area} 555 {last}",
            f"{area}555{last}",
            f"({area})555-{last} ext. {self._rng.integers(10, 100)}",
        )
        return forms[self._rng.integers(len(forms))]

    def _address(self) -> str:
        faker, rng = self._fakers[0], self._rng
        if rng.random() < 0.5:
            address = self._distinct(faker.street_address)
        else:
            street = f"{rng.integers(18, 112)}th" if rng.random() < 0.1 else self._distinct(faker.last_name)
            compass, suffix = (
                _COMPASS[rng.integers(len(_COMPASS))],
                _ABBREVIATIONS[rng.integers(len(_ABBREVIATIONS))],
            )
            address = f"{rng.integers(1, 10_000)} {compass} {street} {suffix}"
        return address + (f", Chicago, IL {rng.integers(60_601, 60_662)}" if rng.random() < 0.25 else "")


def _receipt(
    trip: Mapping[str, str], rider: _Rider, driver: str, people: _People, rng: np.random.Generator
) -> tuple[str, list[tuple[str, int, int]]]:
    day = datetime.fromtimestamp(int(trip["trip_start_timestamp"]), tz=UTC)
    places = [rider.home, people.place()]
    if rng.random() < 0.5:
        places.reverse()
    by_card = trip["payment_type"] == "Credit Card"
    template = TEMPLATES[rng.integers(len(TEMPLATES))]
    payment = CARD_TEMPLATES[rng.integers(len(CARD_TEMPLATES))] if by_card else OTHER_PAYMENT
    values = rider._asdict() | {
        "brand": BRAND,
        "rider": rider.name,
        "driver": driver,
        "pickup": places[0],
        "dropoff": places[1],
        "receipt": people.receipt_number(day),
        "date": f"{day:%B} {day.day}",
        "miles": trip["trip_miles"],
        "minutes": str(round(float(trip["trip_seconds"] or 0) / 60)),
    }
    return _fill(template.replace("{payment}", payment), values)


def _fill(template: str, values: Mapping[str, str]) -> tuple[str, list[tuple[str, int, int]]]:
    """The template, filled in, and where the personal fields stand: (entity type, start, end)."""
    text, spans = "", []
    for literal, name, _, _ in Formatter().parse(template):
        text += literal
        if name is None:
            continue
        if name in _ENTITIES:
            spans.append((_ENTITIES[name], len(text), len(text) + len(values[name])))
        text += values[name]
    return text, spans


def _truth(
    row: int, trip: Mapping[str, str], spans: Sequence[tuple[str, int, int]]
) -> Iterator[PersonalValue]:
    cells = [
        ("rider_id", "RIDER_ID"),
        ("rider_name", "PERSON"),
        ("rider_email", "EMAIL_ADDRESS"),
        ("rider_phone", "PHONE_NUMBER"),
    ]
    places = [(column, kind, 0, len(trip[column])) for column, kind in cells]
    places += [("receipt", *span) for span in spans]
    for column, kind, start, end in places:
        timestamp = int(trip["trip_start_timestamp"])
        yield PersonalValue(row, timestamp, column, kind, start, end, trip[column][start:end])


def _real_trips() -> Path:
    """The CSV in the TFX wheel, found without importing TFX (which takes some 15 s)."""
    spec = importlib.util.find_spec("tfx")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (path := Path(folder).parent / TRIPS_FILE).is_file():
            return path
    raise FileNotFoundError(
        f"{TRIPS_FILE}: not found; it is part of the tfx package, which must be installed."
    )


def _as_csv(trips: Sequence[Mapping[str, str]]) -> str:
    out = io.StringIO(newline="")
    rows = csv.DictWriter(out, list(trips[0]), lineterminator="\n")
    rows.writeheader()
    rows.writerows(trips)
    return out.getvalue()


def _write_if_new(path: Path, text: str) -> None:
    content = text.encode()
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent.parent / f".{path.name}.partial"
    partial.write_bytes(content)
    partial.replace(path)


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ł", "l").replace("Ł", "L"))
    return "".join(char for char in plain.casefold() if char.isascii() and char.isalnum())


def _words(texts: Iterable[str]) -> frozenset[str]:
    literals = (literal for text in texts for literal, *_ in Formatter().parse(text))
    return frozenset("".join(c if c.isalpha() else " " for c in " ".join(literals)).casefold().split())


_PSEUDONYM = re.compile(rf"\b[0-9a-f]{{{PSEUDONYM_HEX_DIGITS}}}\b")
_GROUPING = str.maketrans("", "", " .-()")
_SUFFIXES = frozenset(word.casefold() for word in (*EnglishAddresses.street_suffixes, *_ABBREVIATIONS))
_VOCABULARY = _words(
    (*TEMPLATES, *CARD_TEMPLATES, OTHER_PAYMENT, BRAND, *CARDS, *calendar.month_name)
) | _words(
    f"{kind.replace('_', ' ')} no cash dispute unknown prcard credit card charge"
    for kind in _ENTITIES.values()
)
