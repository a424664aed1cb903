import json
import math
import os

import dp_accounting
import pytest
from dp_accounting import NeighboringRelation

from dpcore import ledger as ledgers
from dpcore.errors import ConfigError, LedgerError
from dpcore.ledger import Charge, DeclaredPublic, Ledger, Settled

STEP = dp_accounting.PoissonSampledDpEvent(0.01, dp_accounting.GaussianDpEvent(1.1))
CHARGE = Charge(event=STEP, count=3, attempt="a", l2_norm_clip=0.5)
ENTRIES = (
    CHARGE,
    DeclaredPublic(what="vocabulary", why="from a public corpus"),
    Charge(event=dp_accounting.GaussianDpEvent(2.0), attempt="a", seeded=True, note="a mean"),
    Settled(attempt="a"),
    Charge(event=STEP, attempt="b", count=2),
)
FORMAT_LINE = json.dumps({"format": ledgers.FORMAT})


def line(**changes):
    content = json.loads(ledgers.of([CHARGE]).dumps().splitlines()[1]) | changes
    return json.dumps({key: value for key, value in content.items() if value is not ...})


def written(tmp_path, entries=ENTRIES):
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    for entry in entries:
        ledger.append(entry)
    return path


def test_round_trip_by_text():
    assert ledgers.loads(ledgers.of(ENTRIES).dumps()).entries == ENTRIES


def test_round_trip_by_file(tmp_path):
    path = written(tmp_path)
    assert Ledger(path).entries == ENTRIES
    assert ledgers.loads(path.read_text()).entries == ENTRIES


def test_a_reopened_ledger_goes_on_where_it_was(tmp_path):
    path = written(tmp_path)
    Ledger(path).append(Settled(attempt="b"))
    assert Ledger(path).entries == (*ENTRIES, Settled(attempt="b"))


def test_folders_are_made(tmp_path):
    path = tmp_path / "new" / "folder" / "ledger.jsonl"
    Ledger(path)
    assert path.read_text() == FORMAT_LINE + "\n"


def test_what_is_in_it():
    ledger = ledgers.of(ENTRIES)
    assert ledger.charges == (ENTRIES[0], ENTRIES[2], ENTRIES[4])
    assert ledger.declared_public == (ENTRIES[1],)
    assert ledger.seeded
    assert not ledgers.of([CHARGE]).seeded
    assert ledger.neighboring_relation is NeighboringRelation.ADD_OR_REMOVE_ONE
    assert ledger.privacy_unit == "example"
    assert "1.1" not in repr(ledger)


def test_equal_events_are_composed_together():
    builder = dp_accounting.DpEventBuilder()
    builder.compose(STEP, 5)
    builder.compose(dp_accounting.GaussianDpEvent(2.0), 1)
    assert ledgers.of(ENTRIES).event() == builder.build()


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((), ()),
        ((CHARGE,), (CHARGE,)),
        ((CHARGE, Settled(attempt="a")), ()),
        (ENTRIES, ENTRIES[4:]),
        ((Settled(attempt="a"), CHARGE, ENTRIES[1]), (CHARGE, ENTRIES[1])),
    ],
)
def test_unsettled_is_what_comes_after_the_last_settlement(entries, expected):
    assert ledgers.of(entries).unsettled() == expected


def test_dumps_adds_up_neighbours_that_differ_only_in_their_count():
    many = ledgers.of([CHARGE] * 100)
    assert len(many.dumps().splitlines()) == 2
    again = ledgers.loads(many.dumps())
    assert again.charges[0].count == 300
    assert again.event() == many.event()


@pytest.mark.parametrize(
    "changes",
    [
        {"attempt": "b"},
        {"l2_norm_clip": 0.6},
        {"seeded": True},
        {"note": "other"},
        {"privacy_unit": "user"},
        {"neighboring_relation": NeighboringRelation.REPLACE_ONE},
        {"event": dp_accounting.GaussianDpEvent(1.1)},
    ],
)
def test_dumps_keeps_apart_what_differs_otherwise(changes):
    fields = {name: getattr(CHARGE, name) for name in Charge.__dataclass_fields__}
    entries = (CHARGE, Charge(**(fields | changes)))
    assert ledgers.loads(ledgers.of(entries).dumps()).entries == entries


def test_dumps_does_not_add_up_across_a_settlement():
    entries = (CHARGE, Settled(attempt="a"), CHARGE)
    assert ledgers.loads(ledgers.of(entries).dumps()).unsettled() == (CHARGE,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "{}\n",
        line() + "\n",
        '{"format": "tfx-privacy-ledger/2"}\n',
        FORMAT_LINE,
        FORMAT_LINE + "\n" + line(),
        FORMAT_LINE + "\n" + line()[:-9] + "\n",
    ],
)
def test_text_without_its_format_line_or_cut_short_is_refused(text):
    with pytest.raises(LedgerError):
        ledgers.loads(text)


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "not json",
        "[]",
        "7",
        "null",
        line(kind="refund"),
        line(kind=...),
        line(kind=["charge"]),
        line(count=0),
        line(count=-3),
        line(count=1.5),
        line(count=True),
        line(count="3"),
        line(count=None),
        line(count=math.nan),
        line(count=...),
        line(l2_norm_clip=math.nan),
        line(l2_norm_clip=0),
        line(l2_norm_clip="1"),
        line(l2_norm_clip=...),
        line(neighboring_relation="ADD"),
        line(neighboring_relation=None),
        line(neighboring_relation=[]),
        line(neighboring_relation=...),
        line(event=...),
        line(event=None),
        line(event={"type": "PoissonSampledDpEvent"}),
        line(event={"type": "GaussianDpEvent", "noise_multiplier": math.nan}),
        line(event={"type": "GaussianDpEvent", "noise_multiplier": math.inf}),
        line(event={"type": "GaussianDpEvent", "noise_multiplier": 1.0}).replace("1.0", "1e999"),
        line(event={"type": "GaussianDpEvent", "noise_multiplier": "1"}),
        line(event={"type": "UnheardOfDpEvent"}),
        line(attempt=...),
        line(attempt=3),
        line(seeded=...),
        line(seeded=None),
        line(seeded="no"),
        line(privacy_unit=[]),
        line(refund=1),
        '{"kind": "settled"}',
        '{"kind": "settled", "attempt": "a", "more": 1}',
        '{"kind": "public", "what": "vocabulary"}',
    ],
)
def test_every_damaged_line_is_refused(tmp_path, damaged):
    text = f"{FORMAT_LINE}\n{line()}\n{damaged}\n{line()}\n"
    with pytest.raises(LedgerError):
        ledgers.loads(text)
    path = tmp_path / "ledger.jsonl"
    path.write_text(text)
    with pytest.raises(LedgerError):
        Ledger(path)
    assert path.read_text() == text


def test_a_damaged_line_is_named_but_not_quoted():
    with pytest.raises(LedgerError, match=r"line 3 is not JSON") as error:
        ledgers.loads(f"{FORMAT_LINE}\n{line()}\nJane Doe\n")
    assert "Jane" not in str(error.value)


@pytest.mark.parametrize("cut", [1, 10, len(line())])
def test_a_torn_last_line_is_removed_on_reopening(tmp_path, cut):
    path = written(tmp_path)
    whole = path.read_text()
    path.write_text(whole + line()[:cut])
    assert Ledger(path).entries == ENTRIES
    assert path.read_text() == whole


def test_bytes_that_are_no_text_in_a_torn_line_are_removed_too(tmp_path):
    path = written(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"kind\xff\x00\x00')
    assert Ledger(path).entries == ENTRIES


def test_a_torn_format_line_is_written_again(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_text(FORMAT_LINE[:5])
    Ledger(path).append(CHARGE)
    assert Ledger(path).entries == (CHARGE,)


def test_removing_a_torn_line_never_rewrites_the_lines_before(tmp_path, monkeypatch):
    path = written(tmp_path)
    with path.open("a") as file:
        file.write(line()[:20])
    monkeypatch.setattr(type(path), "write_text", lambda *_, **__: pytest.fail("the ledger was rewritten"))
    assert Ledger(path).entries == ENTRIES


def test_append_returns_only_after_the_line_is_on_disk(tmp_path, monkeypatch):
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    synced = []
    real = os.fsync

    def fsync(descriptor):
        real(descriptor)
        synced.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", fsync)
    ledger.append(CHARGE)
    assert len(synced) == 1
    assert ledgers.loads(synced[0].decode()).entries == (CHARGE,)


def test_a_charge_that_cannot_be_written_is_not_taken_for_made(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "ledger.jsonl")

    def full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        ledger.append(CHARGE)
    assert ledger.entries == ()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"neighboring_relation": NeighboringRelation.REPLACE_ONE}, "neighboring_relation"),
        ({"privacy_unit": "user"}, "privacy_unit"),
    ],
)
def test_charges_that_do_not_agree_have_no_guarantee(changes, name):
    mixed = ledgers.of([CHARGE, Charge(event=STEP, attempt="a", **changes)])
    with pytest.raises(LedgerError, match=f"all charges must share one {name}"):
        getattr(mixed, name)


def test_an_empty_ledger_has_no_adjacency():
    with pytest.raises(LedgerError, match="all charges must share one neighboring_relation"):
        _ = Ledger().neighboring_relation


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 0},
        {"count": 1.0},
        {"count": True},
        {"count": math.nan},
        {"l2_norm_clip": math.nan},
        {"l2_norm_clip": -1.0},
        {"seeded": 0},
        {"attempt": None},
    ],
)
def test_a_charge_checks_its_numbers(changes):
    with pytest.raises(ConfigError, match=f"{next(iter(changes))} must be"):
        Charge(**({"event": STEP, "attempt": "a"} | changes))
