import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from components.pii import sources
from components.pii.errors import (
    ColumnMismatchError,
    KeyUnavailableError,
    RowsLostError,
    UnreadableSourceError,
)
from components.pii.policy import ScrubPolicy
from components.pii.report import Rejected, Tally, make_report
from components.pii.scrubber import Scrubber
from components.pii.sources import Record, csv_rows
from components.pii.transform import Place, ScrubFiles, read_tally, to_example
from tests.components.pii.conftest import HEADER, ROWS

WriteCsv = Callable[..., Path]


@pytest.fixture
def _no_sockets(socket_enabled: None) -> None:
    """Beam's runner talks to its worker."""


def _run(pattern: str, policy: ScrubPolicy, check: Callable[[dict], None] = lambda rows: None) -> Tally:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    check(pipeline | ScrubFiles(pattern, policy, policy_source="policy.yaml"))
    result = pipeline.run()
    result.wait_until_finish()
    return read_tally(result)


def test_rows_become_examples_and_dead_letters(policy: ScrubPolicy, write_csv: WriteCsv) -> None:
    source = write_csv(*ROWS, "r1,Quinn Ito,x,1.0")

    def check(rows: dict) -> None:
        notes = rows["examples"] | beam.Map(
            lambda example: [cell.decode() for cell in example.features.feature["note"].bytes_list.value]
        )
        expected = [
            ["<PERSON> called from <PHONE_NUMBER>"],
            ["Hi <PERSON>, your receipt <RECEIPT_NUMBER>"],
            [],
        ]
        assert_that(notes, equal_to(expected), label="examples")
        assert_that(rows["rejected"], equal_to([Rejected(str(source), 5, 5, "short row")]), label="rejected")

    tally = _run(str(source), policy, check)
    assert (tally.rows_in, tally.rows_out, dict(tally.reasons)) == (4, 3, {"short row": 1})
    assert tally.findings["note", "PERSON"] == 2
    assert make_report(tally, policy).rows_rejected == 1


def test_types_and_missing_cells(policy: ScrubPolicy) -> None:
    example = to_example({"rider": "ab", "note": None, "fare": 5.5, "area": None, "kind": "Cash"}, policy)
    expected = tf.train.Example(
        features=tf.train.Features(
            feature={
                "rider": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"ab"])),
                "note": tf.train.Feature(bytes_list=tf.train.BytesList(value=[])),
                "fare": tf.train.Feature(float_list=tf.train.FloatList(value=[5.5])),
                "area": tf.train.Feature(int64_list=tf.train.Int64List(value=[])),
                "kind": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"Cash"])),
            }
        )
    )
    assert example == expected


def test_several_files_and_compressed_ones(policy: ScrubPolicy, write_csv: WriteCsv) -> None:
    one = write_csv(ROWS[0], name="one.csv")
    write_csv(ROWS[1], name="two.csv")
    one.with_name("three.csv.gz").write_bytes(gzip.compress(f"{HEADER}\n{ROWS[2]}\n".encode()))
    assert _run(str(one.with_name("*.csv*")), policy).rows_out == 3


def test_what_is_wrong_with_the_files_is_said_before_the_run(
    policy: ScrubPolicy, write_csv: WriteCsv
) -> None:
    with pytest.raises(UnreadableSourceError, match=r"no.csv: matches no file"):
        _run("no.csv", policy)
    source = write_csv(ROWS[0], name="a.csv")
    write_csv("x", header="rider", name="b.csv")
    with pytest.raises(UnreadableSourceError, match=r"b.csv: its header differs from that of .*a.csv"):
        _run(str(source.with_name("*.csv")), policy)
    with pytest.raises(ColumnMismatchError, match=r"policy.yaml: columns.name: names a column"):
        _run(str(source.with_name("b.csv")), policy)


def test_no_key_no_run(policy: ScrubPolicy, write_csv: WriteCsv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_PSEUDONYM_KEY")
    with pytest.raises(KeyUnavailableError, match="environment variable TEST_PSEUDONYM_KEY is not set"):
        _run(str(write_csv(*ROWS)), policy)


def test_an_error_that_quotes_a_row_is_told_without_its_words(
    policy: ScrubPolicy,
    write_csv: WriteCsv,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(self: Scrubber, rows: Sequence[Record]) -> list:
        if rows:
            raise ValueError(rows[0].cells[1])
        return []

    monkeypatch.setattr(Scrubber, "scrub_rows", fail)
    with pytest.raises(Exception, match=r"rows.csv: lines 2 to 4: ValueError in test_transform.py") as caught:
        _run(str(write_csv(*ROWS)), policy)
    assert "Quinn" not in f"{caught.value}{caplog.text}"


def test_a_file_that_changes_while_it_is_read(
    policy: ScrubPolicy, write_csv: WriteCsv, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_csv(*ROWS)
    cut = sources.read_parts

    def then_shorten(*arguments, **options):
        yield from cut(*arguments, **options)
        write_csv(ROWS[0])

    monkeypatch.setattr(sources, "read_parts", then_shorten)
    with pytest.raises(Exception, match=r"from line 2 on there were 3 rows, and then 1: the file changed"):
        _run(str(source), policy)


def test_a_part_that_is_lost_or_repeated_shows_in_the_counts(
    policy: ScrubPolicy, write_csv: WriteCsv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_rows, "PART_RECORDS", 1)
    for times in (0, 2):

        @beam.ptransform_fn
        def uneven(places, times=times):
            chosen = beam.FlatMap(lambda place: [place] * (times if place.part.line == 3 else 1))
            return places | chosen.with_output_types(Place)

        monkeypatch.setattr(beam, "Reshuffle", uneven)
        with pytest.raises(RowsLostError, match=f"got 3 in, {2 + times} out"):
            make_report(_run(str(write_csv(*ROWS)), policy), policy)
