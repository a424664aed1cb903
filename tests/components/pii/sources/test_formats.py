"""What every format promises: the same rows are the same records, in parts too, and none is ever quoted."""

import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.pii import sources
from components.pii.errors import UnreadableSourceError
from components.pii.sources import FORMATS, Part, Record, csv_rows, json_lines, parquet, tfrecord

COLUMNS = ["name", "trips", "fare"]
SECRET = "Kowalczyk"  # no part of any message


def write(path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str] = tuple(COLUMNS)) -> Path:
    """The rows in the format that the path's name tells."""
    kind = sources.format_of(path.name)
    content = io.BytesIO()
    if kind == "csv":
        cells = [[row.get(name) for name in columns] for row in rows]
        lines = [columns, *([str("" if cell is None else cell) for cell in row] for row in cells)]
        content.write("\n".join(",".join(line) for line in lines).encode())
    elif kind == "jsonl":
        content.write("\n".join(json.dumps(row) for row in rows).encode())
    elif kind == "parquet":
        table = pa.table({name: [row.get(name) for row in rows] for name in columns})
        pq.write_table(table, content, row_group_size=1000)
    elif kind == "tfrecord":
        for row in rows:
            tfrecord.Frames.write_record(content, example(row).SerializeToString())
    else:
        types = {"name": "string", "trips": "long", "fare": "double"}
        fields = [{"name": name, "type": ["null", types[name]]} for name in columns]
        fastavro.writer(content, {"type": "record", "name": "Row", "fields": fields}, rows)
    data = content.getvalue()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def example(row: dict[str, Any]) -> tf.train.Example:
    made = tf.train.Example()
    for name, value in row.items():
        feature = made.features.feature[name]
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                feature.int64_list.value.append(one)
            elif isinstance(one, float):
                feature.float_list.value.append(one)
            else:
                feature.bytes_list.value.append(one if isinstance(one, bytes) else one.encode())
    return made


def read(path: Path, columns: Sequence[str] = tuple(COLUMNS), **options: Any) -> list[Record]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        module = sources.source(sources.format_of(path.name))
        return list(module.read_records(stream, file=path.name, columns=columns, **options))


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet", "tfrecord", "avro"])
def test_the_same_rows_are_the_same_cells(tmp_path: Path, ending: str) -> None:
    rows = [
        {"name": "Ana", "trips": 2**53 + 1, "fare": 5.5},
        {"name": "Zoë", "trips": -3, "fare": 0.1},
    ]
    path = write(tmp_path / f"rows.{ending}", rows)
    found = read(path)
    assert [row.cells for row in found] == [("Ana", "9007199254740993", "5.5"), ("Zoë", "-3", "0.1")]
    assert [row.line for row in found] == ([2, 3] if "csv" in ending else [1, 2])


@pytest.mark.parametrize("file_format", FORMATS)
def test_parts_hold_every_record_once(
    tmp_path: Path, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, count in ((csv_rows, 7), (json_lines, 7), (parquet, 300), (tfrecord, 7)):
        monkeypatch.setattr(module, "PART_RECORDS", count)
    rows = [{"name": f"n{number}", "trips": number, "fare": number / 2} for number in range(2100)]
    path = write(tmp_path / f"rows.{file_format}", rows)
    if file_format == "jsonl":
        path.write_bytes(b"\n" + path.read_bytes().replace(b"\n", b"\n\n\n", 20))
    if file_format == "csv":
        path.write_bytes(path.read_bytes().replace(b"n5,", b'"n\n5",').replace(b"n9,", b'\nn"9,'))
    with path.open("rb") as stream:
        parts = list(sources.read_parts(stream, file=path.name, file_format=file_format))
    assert len(parts) == {"csv": 300, "jsonl": 300, "parquet": 9, "tfrecord": 300, "avro": 1}[file_format]
    assert [record for part in parts for record in read(path, part=part)] == read(path)
    assert sum(part.count for part in parts) == 2100


def test_a_compressed_file_is_one_part(tmp_path: Path) -> None:
    rows = [{"name": "Ana", "trips": 1, "fare": 1.5}] * 9000
    path = write(tmp_path / "rows.jsonl.gz", rows)
    with gzip.open(path) as stream:
        parts = list(sources.read_parts(stream, file=path.name, file_format="jsonl"))
    assert parts == [Part(None, 1, 9000)]
    assert len(read(path, part=parts[0])) == 9000


@pytest.mark.parametrize("file_format", ["parquet", "tfrecord", "avro"])
def test_a_damaged_file_is_refused_and_not_quoted(tmp_path: Path, file_format: str) -> None:
    rows = [{"name": SECRET * 50, "trips": 1, "fare": 1.5}] * 50
    path = write(tmp_path / f"rows.{file_format}", rows)
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2 + 3], SECRET.encode() * 9, whole[:-200] + b"\xff" * 200):
        path.write_bytes(broken)
        with pytest.raises(UnreadableSourceError, match=rf"rows.{file_format}: ") as caught:
            read(path)
        assert SECRET not in str(caught.value)
        assert SECRET.encode().hex() not in str(caught.value)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_nested_values_are_json_where_that_is_allowed(tmp_path: Path, ending: str) -> None:
    rows = [{"tags": ["Ana\nRuiz", "x"], "who": {"n": 1.5, "näme": "Ana", "ok": True}}]
    path = write(tmp_path / f"rows.{ending}", rows, ["tags", "who"])
    (found,) = read(path, ["tags", "who"], nested={"tags", "who"})
    assert [json.loads(cell) for cell in found.cells] == [rows[0]["tags"], rows[0]["who"]]
    assert "näme" in found.cells[1]
    (refused,) = read(path, ["tags", "who"], nested={"tags"})
    assert (refused.problem, refused.cells) == ("nested value in column who", ())


def test_several_values_of_a_feature_are_a_list_and_none_an_empty_cell(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"name": ["a", "b"], "trips": []}, {"name": b"\xff"}, {"extra": 1}]
    path = write(tmp_path / "rows.tfrecord", rows)
    found = read(path, nested={"name"})
    assert found[0].cells == ('["a", "b"]', "", "")
    assert [row.problem for row in found[1:]] == ["encoding", "unknown key"]
    assert read(path)[0].problem == "nested value in column name"


def test_an_example_that_is_none(tmp_path: Path) -> None:
    content = io.BytesIO()
    tfrecord.Frames.write_record(content, SECRET.encode())
    tfrecord.Frames.write_record(content, example({"name": "Ana"}).SerializeToString())
    (tmp_path / "rows.tfrecord").write_bytes(content.getvalue())
    found = read(tmp_path / "rows.tfrecord")
    assert [row.problem for row in found] == ["not a tf.Example", None]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"name": "Ana", "%s": 1}' % SECRET.encode(), "unknown key"),
        (b'{"name": "Ana", "name": "Ruiz"}', "repeated key"),
        (b'{"name": "Ana"', "not JSON"),
        (b'{"fare": NaN}', "not JSON"),
        (b'["Ana"]', "not an object"),
        (b'"Ana"', "not an object"),
        (b'{"name": "\xff"}', "encoding"),
        (b'{"name": "a\\u0000"}', "encoding"),
        (b'{"name": "\\ud800"}', "encoding"),
        (b'{"name": [1]}', "nested value in column name"),
        (b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not JSON"),
        (b'{"fare": 1' + b"0" * 5000 + b', "name": {}}', "not JSON"),
    ],
)
def test_a_bad_line_does_not_stop_the_others(tmp_path: Path, line: bytes, problem: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\n{"name": "Eva"}\n' + line + b'\n\n{"fare": 1.50, "trips": null}\n')
    found = read(path)
    assert [(row.line, row.problem, row.cells) for row in found] == [
        (2, None, ("Eva", "", "")),
        (3, problem, ()),
        (5, None, ("", "", "1.50")),
    ]
    assert SECRET not in repr(found)


def test_one_json_list_is_no_json_lines() -> None:
    with pytest.raises(UnreadableSourceError, match=r"rows.jsonl: line 1: begins with a list"):
        json_lines.read_columns(io.BytesIO(f'[{{"name": "{SECRET}"}}]'.encode()), file="rows.jsonl")


def test_parquet_types_are_spelt_exactly(tmp_path: Path) -> None:
    import datetime
    from decimal import Decimal

    day = datetime.datetime(2024, 2, 29, 1, 2, 3, 456789)
    table = pa.table(
        {
            "when": pa.array([day, None], pa.timestamp("us")),
            "day": pa.array([day.date(), None]),
            "price": pa.array([Decimal("1.10"), None]),
            "ok": [True, None],
            "kind": pa.array(["a", None]).dictionary_encode(),
            "small": pa.array([0.1, None], pa.float32()),
            "raw": pa.array([b"text", b"\xff\xfe"]),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    first, second = read(tmp_path / "rows.parquet", table.column_names)
    assert first.cells == ("2024-02-29 01:02:03.456789", "2024-02-29", "1.10", "true", "a", "0.1", "text")
    assert second.problem == "encoding"


def test_text_in_parquet_that_is_no_utf_8(tmp_path: Path) -> None:
    broken = pa.array([b"Ana", b"\xff"]).view(pa.string())
    pq.write_table(pa.table({"name": broken}), tmp_path / "rows.parquet")
    assert [row.problem for row in read(tmp_path / "rows.parquet", ["name"])] == [None, "encoding"]


@pytest.mark.parametrize(
    ("name", "file_format"),
    [
        ("a/rows.csv", "csv"),
        ("ROWS.CSV.GZ", "csv"),
        ("x.ndjson", "jsonl"),
        ("data_tfrecord-00000-of-00003.gz", "tfrecord"),
        ("part-00001-of-00002.parquet", "parquet"),
        ("x.avro", "avro"),
    ],
)
def test_the_name_tells_the_format(name: str, file_format: str) -> None:
    assert sources.format_of(name) == file_format


def test_a_name_that_tells_nothing_and_a_format_that_is_none() -> None:
    with pytest.raises(UnreadableSourceError, match=r"notes.txt: its name does not tell its format; .*csv"):
        sources.format_of("notes.txt")
    assert sources.format_of("notes.txt", "csv") == "csv"
    with pytest.raises(UnreadableSourceError, match=r"format: must be one of csv, .*; got 'xml'"):
        sources.format_of("notes.csv", "xml")


def test_a_cell_of_ten_megabytes(tmp_path: Path) -> None:
    long = "x" * 10_000_000
    path = tmp_path / "rows.csv"
    path.write_text(f'name\n"{long}"\n')
    assert [len(row.cells[0]) for row in read(path, ["name"])] == [10_000_000]
