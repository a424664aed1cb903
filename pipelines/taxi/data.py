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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import numpy as np

from pipelines.taxi.people import People, Rider

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
    people = People(rng, seed, avoided=_VOCABULARY, cards=CARDS)
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


def _receipt(
    trip: Mapping[str, str], rider: Rider, driver: str, people: People, rng: np.random.Generator
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


def _words(texts: Iterable[str]) -> frozenset[str]:
    literals = (literal for text in texts for literal, *_ in Formatter().parse(text))
    return frozenset("".join(c if c.isalpha() else " " for c in " ".join(literals)).casefold().split())


# A name that stands in what comes out was left there, because no name is a word of the templates.
_VOCABULARY = _words(
    (*TEMPLATES, *CARD_TEMPLATES, OTHER_PAYMENT, BRAND, *CARDS, *calendar.month_name)
) | _words(
    f"{kind.replace('_', ' ')} no cash dispute unknown prcard credit card charge"
    for kind in _ENTITIES.values()
)
