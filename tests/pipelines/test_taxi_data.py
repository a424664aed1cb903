import csv
import subprocess
import sys
from pathlib import Path

import pytest

from components.pii.files import scrub_file
from components.pii.policy import load_policy, missing_columns
from pipelines.taxi import data, survivors

POLICY = Path(data.__file__).with_name("scrub_policy.yaml")
ROWS = 300


@pytest.fixture(scope="module")
def taxi(tmp_path_factory: pytest.TempPathFactory) -> data.TaxiData:
    return data.generate(tmp_path_factory.mktemp("taxi"), rows=ROWS)


@pytest.fixture(scope="module")
def trips(taxi: data.TaxiData) -> list[dict[str, str]]:
    return _rows(taxi.trips / "trips.csv")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _texts(rows: list[dict[str, str]]) -> list[tuple[int, str]]:
    return [(int(row["trip_start_timestamp"]), "\n".join(row.values())) for row in rows]


def test_the_input_folder_holds_the_trips_only(taxi: data.TaxiData, trips: list[dict[str, str]]) -> None:
    assert [path.name for path in taxi.trips.iterdir()] == ["trips.csv"]
    assert len(trips) == ROWS
    assert len(trips[0]) == 23
    assert set(data.ADDED_COLUMNS) < set(trips[0])
    assert len({trip["rider_id"] for trip in trips}) < 0.3 * ROWS + 1


def test_the_truth_points_at_the_values(taxi: data.TaxiData, trips: list[dict[str, str]]) -> None:
    truth = data.load_truth(taxi.truth)
    for value in truth:
        assert trips[value.row][value.column][value.start : value.end] == value.value
    assert {value.entity_type for value in truth if value.column == "receipt"} == {
        "ADDRESS",
        "CREDIT_CARD",
        "EMAIL_ADDRESS",
        "PERSON",
        "PHONE_NUMBER",
        "RECEIPT_NUMBER",
    }
    assert value.value not in repr(value)


def test_no_receipt_tells_the_label(trips: list[dict[str, str]]) -> None:
    fields = "".join(data.TEMPLATES + data.CARD_TEMPLATES)
    assert not any(f"{{{column}}}" in fields for column in ("fare", "tips", "total"))
    assert not any("$" in trip["receipt"] for trip in trips)


def test_the_same_arguments_give_the_same_files_and_leave_them_alone(
    taxi: data.TaxiData, tmp_path: Path
) -> None:
    again = data.generate(tmp_path, rows=ROWS)
    for one, two in zip(
        (taxi.trips / "trips.csv", taxi.truth), (again.trips / "trips.csv", again.truth), strict=True
    ):
        assert one.read_bytes() == two.read_bytes()
    before = (again.trips / "trips.csv").stat().st_mtime_ns
    data.generate(tmp_path, rows=ROWS)
    assert (again.trips / "trips.csv").stat().st_mtime_ns == before
    data.generate(tmp_path, rows=ROWS, seed=1)
    assert (again.trips / "trips.csv").read_bytes() != (taxi.trips / "trips.csv").read_bytes()


def test_no_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rows must be at least 1; got 0"):
        data.generate(tmp_path, rows=0)


def test_before_the_scrub_every_value_stands(taxi: data.TaxiData, trips: list[dict[str, str]]) -> None:
    for kind, count in survivors.count_survivors(data.load_truth(taxi.truth), _texts(trips)).items():
        assert count.survived == count.generated > 0, kind


def test_after_the_scrub_none_does(taxi: data.TaxiData, tmp_path: Path) -> None:
    policy = load_policy(POLICY)
    report = scrub_file(
        taxi.trips / "trips.csv", tmp_path / "out.csv", policy, b"k" * 16, tmp_path / "dead.jsonl"
    )
    left = survivors.count_survivors(data.load_truth(taxi.truth), _texts(_rows(tmp_path / "out.csv")))
    assert {kind: count.survived for kind, count in left.items()} == dict.fromkeys(left, 0)
    assert (report.rows_out, report.residual_findings) == (ROWS, 0)


@pytest.mark.parametrize(
    ("entity", "value", "left", "survives"),
    [
        ("PERSON", "Ana Ruiz", "hi <PERSON> RUIZ!", True),
        ("PERSON", "Ana Ruiz", "Ruizmont banana", False),
        ("ADDRESS", "12 N Clark St", "<ADDRESS> clark St", True),
        ("ADDRESS", "1234 N Oak St, Chicago, IL 60614", "Chicago 60614", True),
        ("ADDRESS", "12 N Clark St, Chicago, IL 60614", "N St, Chicago", False),
        ("EMAIL_ADDRESS", "ana.ruiz@example.com", "Ana.Ruiz@<URL>", True),
        ("EMAIL_ADDRESS", "ana.ruiz@example.com", "example.com", False),
        ("PHONE_NUMBER", "(312) 555-0143 ext. 22", "<X> 555.0143", True),
        ("PHONE_NUMBER", "(312) 555-0143 ext. 22", "555 and 0144", False),
        ("CREDIT_CARD", "4242", "x4242", True),
        ("CREDIT_CARD", "4242", "14242", False),
        ("RECEIPT_NUMBER", "R-2048-771093", "<X>-771093", True),
        ("RECEIPT_NUMBER", "R-2048-771093", "R-2048", False),
    ],
)
def test_a_part_that_identifies_is_a_survivor(entity: str, value: str, left: str, survives: bool) -> None:
    truth = [data.PersonalValue(0, 7, "receipt", entity, 0, len(value), value)]
    assert survivors.count_survivors(truth, [(7, left)]) == {entity: survivors.Survival(1, int(survives))}
    assert survivors.count_survivors(truth, [(8, left)]) == {entity: survivors.Survival(1, 0)}


def test_examples_give_their_texts(tmp_path: Path) -> None:
    import tensorflow as tf

    feature = tf.train.Feature
    example = tf.train.Example(
        features=tf.train.Features(
            feature={
                "trip_start_timestamp": feature(int64_list=tf.train.Int64List(value=[7])),
                "receipt": feature(bytes_list=tf.train.BytesList(value=["Zoë".encode()])),
                "fare": feature(float_list=tf.train.FloatList(value=[1.0])),
            }
        )
    )
    path = str(tmp_path / "data.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        writer.write(example.SerializeToString())
    assert list(survivors.read_texts(str(tmp_path / "*.gz"))) == [(7, "Zoë")]


def test_the_policy_decides_about_every_column(trips: list[dict[str, str]]) -> None:
    assert missing_columns(load_policy(POLICY), list(trips[0])) == ([], [])


def test_making_the_data_does_not_import_tfx() -> None:
    code = "import sys; from pipelines.taxi import data; data._real_trips(); print('tfx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
