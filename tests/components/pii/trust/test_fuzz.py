"""Properties that hold for every text. ``FUZZ_EXAMPLES=20000`` tries so many for each, at random."""

import contextlib
import io
import itertools
import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from stdnum import luhn

from components.pii import sources
from components.pii.detector import detector
from components.pii.entities import DEFAULT_ENTITIES
from components.pii.errors import UnreadableSourceError
from components.pii.findings import Finding
from components.pii.normalize import normalize
from components.pii.operators import spec
from components.pii.operators.keyed import Keyed
from components.pii.operators.mask import mask
from components.pii.operators.surrogates import WITHOUT_SURROGATE, surrogate
from components.pii.policy import parse_policy
from components.pii.report import Rejected
from components.pii.scrubber import ScrubbedRow, Scrubber
from components.pii.sources import Record
from tests.components.pii.trust.disguises import DISGUISES

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
fuzz = settings(
    max_examples=EXAMPLES or 300,
    suppress_health_check=list(HealthCheck),
)

PATTERNS = frozenset(DEFAULT_ENTITIES) - {"PERSON", "LOCATION", "ADDRESS"}
MARKS = "\u200b\u00ad\u0301\u202e\u202c\ufe0f\x00\x1b\ud800\u2028<>&;*_`~|@[](){}\\/%=\"'#+-., \n\t0123456789"
WORDS = [
    *(
        "312-555-0143",
        "4539 1488 0343 6467",
        "ana@a.org",
        "536-90-4399",
        "ssn",
        "call",
        "Dear Ana Ruiz,",
        "born",
    ),
    *(
        "12 Elm Avenue",
        "10.0.0.1",
        "https://a.org/?t=",
        "<b>",
        "</b>",
        "&#64;",
        "&amp;",
        "\\u0041",
        "%40",
        " at ",
    ),
    *(
        " dot ",
        "[at]",
        "**",
        "`",
        "passport no",
        "IBAN DE89370400440532013000",
        "1984-03-05",
        "<PERSON>",
        "\u202e",
    ),
]
texts = st.lists(
    st.one_of(st.sampled_from(WORDS), st.text(MARKS, max_size=8), st.text(max_size=12)), max_size=12
).map("".join)
# Around a planted value: nothing that could belong to it or to another one.
borders = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<>&"), max_size=20)


def scrubber(rule: str = "detect") -> Scrubber:
    return Scrubber(
        parse_policy(f"profile: fast\ncolumns: {{note: {rule}}}", source="p.yaml"), None, ["note"]
    )


def scrub(*notes: str, by: Scrubber) -> list[ScrubbedRow | Rejected]:
    return by.scrub_rows([Record("a.csv", 1, 1, (note,)) for note in notes])


TEXT, JSON = scrubber(), scrubber("{action: detect, json: true}")
KINDS = scrubber(f"{{action: detect, entities: [{', '.join(sorted(PATTERNS))}]}}")


@st.composite
def cards(draw: st.DrawFn) -> str:
    body = draw(st.sampled_from(["4", "51", "55", "6011"])) + draw(
        st.text("0123456789", min_size=14, max_size=14)
    )
    number = body[:15] + luhn.calc_check_digit(body[:15])
    assume(len(set(number)) > 2)
    by = draw(st.sampled_from(["", " ", "-"]))
    return by.join(number[at : at + 4] for at in range(0, 16, 4))


@st.composite
def emails(draw: st.DrawFn) -> str:
    word = st.from_regex(r"[a-z][a-z0-9]{3,9}", fullmatch=True)
    return f"{draw(word)}.{draw(word)}@{draw(word)}.{draw(st.sampled_from(['com', 'org', 'de']))}"


@st.composite
def ssns(draw: st.DrawFn) -> str:
    area = draw(st.integers(1, 899).filter(lambda number: number != 666))
    return f"{area:03d}-{draw(st.integers(1, 99)):02d}-{draw(st.integers(1, 9999)):04d}"


@fuzz
@given(texts)
def test_any_text_is_scrubbed_and_its_findings_lie_in_it(text: str) -> None:
    readable = normalize(text)
    last = Finding("X", 0, 0, 1.0)
    for at in range(len(readable.text)):
        one = readable.to_original(Finding("X", at, at + 1, 1.0))
        assert 0 <= one.start <= one.end <= len(text)
        assert last.start <= one.start
        assert last.end <= one.end
        last = one
    (found,) = detector(frozenset(DEFAULT_ENTITIES), 0.4, profile="fast").find([text])
    assert all(0 <= one.start < one.end <= len(text) and 0 <= one.score <= 1 for one in found)
    assert all(one.end <= two.start for one, two in itertools.pairwise(found))
    assert isinstance(scrub(text, by=TEXT)[0], ScrubbedRow)


@fuzz
@given(st.one_of(cards(), emails(), ssns()), st.sampled_from(sorted(DISGUISES)), borders, borders)
def test_a_planted_value_is_removed_from_any_text(value: str, how: str, before: str, after: str) -> None:
    plain = {
        "none",
        "zero-width space",
        "soft hyphen",
        "full width",
        "HTML around",
        "entities",
        "JSON escapes",
    }
    written = DISGUISES[how](value) if how in plain else value
    (row,) = scrub(f"{before} \n\n{written}\n\n {after}", by=TEXT)
    left = str(row.values["note"])
    assert written not in left
    assert value not in normalize(left).text


# Values that touch each other are found one after the other, each when what hid it is gone.
apart = st.lists(st.sampled_from(WORDS), max_size=8).map(" ; ".join)


@fuzz
@given(apart)
def test_what_is_scrubbed_has_nothing_new_for_the_patterns(text: str) -> None:
    (row,) = scrub(text, by=KINDS)
    (again,) = scrub(str(row.values["note"] or ""), by=KINDS)
    assert not again.findings


@fuzz
@given(st.lists(texts, max_size=5))
def test_the_batch_changes_nothing(notes: list[str]) -> None:
    assert scrub(*notes, by=TEXT) == [scrub(note, by=TEXT)[0] for note in notes]


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return [shape(inner) for inner in value.values()]
    if isinstance(value, list):
        return ["list", *map(shape, value)]
    return "null" if value is None else "bool" if isinstance(value, bool) else "leaf"


@fuzz
@given(values, st.booleans())
def test_json_stays_json_of_the_same_structure(value: Any, ascii_only: bool) -> None:
    cell = json.dumps(value, ensure_ascii=ascii_only)
    (row,) = scrub(cell, by=JSON)
    assert shape(json.loads(str(row.values["note"]))) == shape(json.loads(cell))


@fuzz
@given(st.text(max_size=30), st.integers(0, 8), st.integers(0, 8))
def test_a_mask_keeps_no_more_than_it_is_asked_to(value: str, first: int, last: int) -> None:
    rule = spec.Mask(action="mask", keep_first=first, keep_last=last, character="*")
    masked = mask(value, rule)
    assert len(masked) == len(value)
    shown = [new for new in masked if new.isalnum()]
    assert len(shown) <= first + last
    if sum(map(str.isalnum, value)) and not first + last:
        assert masked != value


@fuzz
@given(
    st.sampled_from(sorted(set(DEFAULT_ENTITIES) - set(WITHOUT_SURROGATE))),
    texts,
    st.binary(min_size=16, max_size=16),
)
def test_a_surrogate_is_never_the_value(kind: str, value: str, key: bytes) -> None:
    keyed = Keyed(key)
    made = surrogate(value, kind, keyed)
    assert made
    assert made != value
    assert surrogate(made, kind, keyed) != made


@fuzz
@given(st.one_of(st.binary(max_size=200), texts.map(lambda text: text.encode("utf-8", "surrogatepass"))))
@pytest.mark.parametrize("kind", ["csv", "jsonl", "tfrecord", "avro", "parquet"])
def test_arbitrary_bytes_are_rows_or_no_file(kind: str, content: bytes) -> None:
    secret = b"312-555-0143"
    content = content[:50] + secret + content[50:]
    source, said = sources.source(kind), []
    with contextlib.suppress(UnreadableSourceError):
        try:
            columns = source.read_columns(io.BytesIO(content), file="f") or ["note"]
            records = list(source.read_records(io.BytesIO(content), file="f", columns=columns))
            said = [repr(record) for record in records]
            count = sum(part.count for part in source.read_parts(io.BytesIO(content), file="f"))
            assert count == len(records)
        except UnreadableSourceError as error:
            said = [repr(error), repr(error.__cause__)]
            raise
        finally:
            assert not any("312" in one or "0143" in one for one in said)
