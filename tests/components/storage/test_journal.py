"""The journal in a bucket: durable before anything is released, and one writer at a time."""

import os
import signal
import subprocess
import sys

import dp_accounting
import pytest

from components.storage import stores
from components.storage.journal import BucketLedger, open_journal
from components.storage.uris import StorageError
from dpcore.errors import LedgerError
from dpcore.ledger import Charge, DeclaredPublic, Ledger, Settled
from tests.components.storage.conftest import SECRET


def charge(attempt, count=4):
    event = dp_accounting.PoissonSampledDpEvent(0.1, dp_accounting.GaussianDpEvent(1.0))
    return Charge(event=event, count=count, attempt=attempt, l2_norm_clip=1.0)


@pytest.fixture
def place(bucket):
    return f"{bucket}/DPTrainer/ledger/attempts.jsonl"


def test_it_reads_as_it_was_written(place):
    journal = open_journal(place)
    entries = [
        DeclaredPublic(what="schema", why="known"),
        charge("a"),
        charge("a"),
        Settled(attempt="a"),
        charge("b"),
    ]
    for entry in entries:
        journal.append(entry)
    again = open_journal(place)
    assert again.entries == journal.entries == tuple(entries)
    assert again.unsettled() == (charge("b"),)
    again.append(charge("c"))
    assert len(open_journal(place).charges) == 4


def test_google_cloud_storage_holds_one_too(gcs_bucket):
    open_journal(f"{gcs_bucket}/attempts").append(charge("a"))
    assert open_journal(f"{gcs_bucket}/attempts").entries == (charge("a"),)


def test_a_path_is_a_file(tmp_path):
    journal = open_journal(tmp_path / "attempts.jsonl")
    journal.append(charge("a"))
    assert type(journal) is Ledger
    assert (tmp_path / "attempts.jsonl").is_file()


@pytest.mark.parametrize("kind", ["refuse", "cut"])
def test_a_charge_that_is_not_durable_is_not_made(place, wire, kind):
    journal = open_journal(place)
    journal.append(charge("a"))
    wire.fault(kind, "PUT", "attempts.jsonl", times=99)
    with pytest.raises(StorageError, match="cannot write it"):
        journal.append(charge("a", count=9))
    wire.faults.clear()
    assert journal.entries == open_journal(place).entries == (charge("a"),)
    open_journal(place).append(charge("a", count=9))
    assert open_journal(place).entries == (charge("a"), charge("a", count=9))


def test_where_nobody_can_look_nothing_is_released(place, wire):
    journal = open_journal(place)
    wire.fault("refuse", "GET", "list-type", times=99)
    with pytest.raises(StorageError, match="cannot list it"):
        journal.append(charge("a"))
    wire.faults.clear()
    assert open_journal(place).entries == (charge("a"),)  # counted, although nothing was released


def test_of_two_attempts_at_once_the_one_that_was_overtaken_stops(place):
    thought_dead = open_journal(place)
    thought_dead.append(charge("a"))
    retry = open_journal(place)
    retry.append(charge("b"))
    with pytest.raises(StorageError, match="another attempt writes to this journal"):
        thought_dead.append(charge("a", count=9))
    with pytest.raises(StorageError, match="another attempt"):
        thought_dead.append(Settled(attempt="a"))
    # Nobody can settle what the other was charged without having read it.
    with pytest.raises(StorageError, match="another attempt"):
        retry.append(Settled(attempt="b"))
    assert sorted(c.attempt for c in open_journal(place).charges) == ["a", "a", "b"]


def test_a_damaged_entry_is_refused(place):
    open_journal(place).append(charge("a"))
    (name,) = stores.glob(f"{place}/*")
    stores.store(place).pipe_file(stores.uri_path(name), b'{"format": "tfx-priv')
    with pytest.raises(LedgerError, match="is not an entry of a journal"):
        open_journal(place)


def test_a_folder_of_something_else_is_refused(bucket, tmp_path):
    (tmp_path / "a.txt").write_text("hello\n")
    stores.upload_file(tmp_path / "a.txt", f"{bucket}/x/a.txt")
    with pytest.raises(LedgerError, match="is not an entry of a journal"):
        open_journal(f"{bucket}/x")


def test_no_credentials_are_told(place, monkeypatch):
    assert SECRET not in repr(open_journal(place))
    with pytest.raises(StorageError) as error:
        open_journal(f"s3://key:{SECRET}@bucket/x")
    assert SECRET not in str(error.value)


KILLED = """
import os, signal, sys
import dp_accounting
from components.storage.journal import open_journal
from dpcore.ledger import Charge
journal = open_journal(sys.argv[1])
event = dp_accounting.PoissonSampledDpEvent(0.1, dp_accounting.GaussianDpEvent(1.0))
journal.append(Charge(event=event, count=4, attempt="killed", l2_norm_clip=1.0))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_charge_survives_the_kill_of_its_process(place):
    done = subprocess.run([sys.executable, "-c", KILLED, place], env=os.environ, check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL
    assert BucketLedger(place).unsettled() == (charge("killed"),)
