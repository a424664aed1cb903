import io

import pytest

from components.pii.errors import UnreadableSourceError
from components.pii.sources.csv_rows import read_columns, read_records
from tests.components.pii.conftest import records


def test_records_know_their_lines() -> None:
    header, found = records("a,b", "1,2", "", '3,"x', 'y"', "5,6")
    assert header == ["a", "b"]
    assert [(r.line, r.last_line, r.cells) for r in found] == [
        (2, 2, ("1", "2")),
        (4, 5, ("3", "x\ny")),
        (6, 6, ("5", "6")),
    ]


def test_quotes_commas_line_ends_and_byte_order_mark() -> None:
    header, found = records(b"\xef\xbb\xbfa,b\r", b'"say ""hi""","x,y"\r')
    assert header == ["a", "b"]
    assert found[0].cells == ('say "hi"', "x,y")


@pytest.mark.parametrize(
    ("line", "problem"),
    [(b"caf\xe9,2", "encoding"), (b"a\0b,2", "encoding"), (b'"x"y,2', "quoting")],
)
def test_a_bad_row_does_not_stop_the_others(line: bytes, problem: str) -> None:
    _, found = records("a,b", line, "3,4")
    assert [(r.line, r.problem, r.cells) for r in found] == [(2, problem, ()), (3, None, ("3", "4"))]


@pytest.mark.parametrize("tail", ["", "\n3,4" * 60_000], ids=["at the end", "long before it"])
def test_a_quote_that_is_never_closed_is_no_row(tail: str) -> None:
    with pytest.raises(UnreadableSourceError, match=r"rows.csv: line 3: a quote is opened and not closed"):
        records("a,b", "1,2", '3,"Ana' + tail)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "rows.csv: has no header"),
        (b"\n\n", "rows.csv: has no header"),
        (b"a,,c\n", "line 1: column 2 has no name"),
        (b"a,b,a\n", "line 1: two columns have the same name"),
        (b"caf\xe9,b\n", "line 1: the header is not readable .encoding"),
    ],
)
def test_a_file_without_a_header_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(UnreadableSourceError, match=message):
        read_columns(io.BytesIO(content), file="rows.csv")


def test_no_rows() -> None:
    assert list(read_records(io.BytesIO(b"a,b\n"), file="rows.csv")) == []


def test_cells_are_not_in_the_repr() -> None:
    _, found = records("a", "Ana Ruiz")
    assert "Ana" not in repr(found[0])
