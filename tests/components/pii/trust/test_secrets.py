"""Whatever fails, nothing of a row is in what is said: errors, logs, reports, counters, metadata."""

import gzip
import json
import logging
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import apache_beam as beam
import pytest
import pytest_socket
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from typer.testing import CliRunner

from components import ScrubbingExampleGen
from components.pii import detector as detectors
from components.pii import sources
from components.pii.detector import detector
from components.pii.entities import DEFAULT_ENTITIES
from components.pii.errors import ScrubError
from components.pii.files import scrub_file
from components.pii.ner.models import sentence_readers
from components.pii.policy import parse_policy
from components.pii.recognizers import pattern_recognizers
from components.pii.recognizers.rules import RuleRecognizer
from components.pii.recognizers.sieve import Sieve
from components.pii.transform import EXAMPLES, ScrubFiles
from pipelines import cli
from tests.components.pii.conftest import KEY

SECRET = "Quintessa Zwartkruis 312-555-0143"
PARTS = {SECRET[at : at + 5] for at in range(len(SECRET) - 4)} - {"55501"}
POLICY = (
    "max_malformed_share: 0.9\nprofile: balanced\ncolumns: {note: detect, fare: {action: keep, type: float}}"
)
ROWS = f"note,fare\nGood morning Ann,1.5\nDear {SECRET},2.5\n"

Said = Callable[[], str]


@pytest.fixture
def said(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Said]:
    """Everything that was logged, printed or warned about, and every report and dead letter on disk."""
    caplog.set_level(logging.DEBUG)
    for name in ("presidio-analyzer", "presidio_analyzer", "apache_beam", "absl", "spacy", "faker"):
        caplog.set_level(logging.DEBUG, logger=name)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")

        def everything() -> str:
            printed = capfd.readouterr()
            files = [
                path.read_bytes().decode("utf-8", "replace")
                for path in tmp_path.rglob("*")
                if path.is_file() and not path.name.startswith("input") and ".venv" not in path.parts
            ]
            shown = [repr(one.message) for one in warned]
            return "\n".join([caplog.text, printed.out, printed.err, *files, *shown])

        yield everything


def leaked(text: str) -> list[str]:
    return sorted(part for part in PARTS if part in text)


def failure(work: Callable[[], object]) -> str:
    """What the error says that the work ends with: with every cause and context."""
    try:
        work()
    except BaseException as error:
        return "".join(traceback.format_exception(error)) + repr(error) + str(error)
    pytest.fail("the work must fail")


def _broken(*arguments: object, **settings: object) -> object:
    raise ValueError(f"cannot read {[getattr(one, 'text', one) for one in arguments]}")


# Every way into a recogniser, and the parts of the parsers that see a row's text.
BREAKS = {
    "patterns": (RuleRecognizer, "apply"),
    "a model": (detectors.Detector, "_read_sentences"),
    "normalising": (detectors, "normalize"),
    "joining": (detectors, "joined"),
}


@pytest.fixture(params=sorted(BREAKS))
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    target, name = BREAKS[request.param]
    monkeypatch.setattr(target, name, _broken)
    detector.cache_clear()
    yield
    detector.cache_clear()


@pytest.fixture
def trips(tmp_path: Path) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir()
    (folder / "input.csv").write_text(ROWS)
    return folder


def test_leaks_are_noticed() -> None:
    assert leaked(f"cannot read {SECRET[3:9]}")
    assert SECRET in failure(lambda: _broken(SECRET))


@pytest.mark.parametrize("kind", [*DEFAULT_ENTITIES])
def test_no_recognizer_that_fails_is_quoted(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for recognizer in pattern_recognizers([kind]):
        monkeypatch.setattr(type(recognizer), "apply", _broken, raising=False)
        monkeypatch.setattr(type(recognizer), "analyze", _broken)
    # Every rule is tried, whatever the sieve says.
    monkeypatch.setattr(Sieve, "passing", lambda self, _: self._all)
    own = detectors.Detector([kind], score_threshold=0.4, profile="fast")
    words = "call ssn account passport plate born receipt user lat lng IBAN https://a.org/ 1 Elm Street "
    text = words + f"{SECRET} 4111 1111 1111 1111 536-90-4399 10.0.0.1 00:11:22:33:44:55 ana@a.org"
    assert not leaked(failure(lambda: own.find_patterns(text, 0.0)))


@pytest.mark.parametrize("profile", ["fast", "balanced", "thorough"])
def test_no_model_that_fails_is_quoted(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    readers = sentence_readers(["PERSON", "LOCATION", "ORGANIZATION"], profile, None)
    assert readers
    for reader in readers:
        monkeypatch.setattr(detectors, "sentence_readers", lambda *_, one=reader: [partial(_failing, one)])
        own = detectors.Detector(["PERSON", "ORGANIZATION"], score_threshold=0.4)
        assert not leaked(failure(lambda own=own: own.find([SECRET])))


def _failing(reader: Callable, texts: Sequence[str]) -> object:
    raise ValueError(f"cannot read {reader(texts)} in {texts}")


def test_a_file(trips: Path, broken: None, said: Said, tmp_path: Path) -> None:
    policy = parse_policy(POLICY, source="policy.yaml")
    message = failure(lambda: scrub_file(trips / "input.csv", tmp_path / "out.csv", policy, None))
    assert "ScrubError" in message or "RecognizerFailedError" in message
    assert not leaked(message + said())
    assert not (tmp_path / "out.csv").exists()


def test_the_command(trips: Path, broken: None, said: Said, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    arguments = [
        str(trips),
        str(tmp_path / "out"),
        "--policy",
        str(tmp_path / "policy.yaml"),
        "--workers",
        "1",
    ]
    result = CliRunner().invoke(cli.app, ["scrub", *arguments])
    assert result.exit_code == 1
    trace = "".join(traceback.format_exception(result.exception)) if result.exception else ""
    assert not leaked(result.output + trace + said())


def test_beam(trips: Path, broken: None, said: Said) -> None:
    policy = parse_policy(POLICY, source="policy.yaml")

    def work() -> None:
        with beam.Pipeline(runner=FnApiRunner()) as run:
            _ = (run | ScrubFiles(str(trips / "*.csv"), policy))[EXAMPLES] | beam.Map(len)

    assert not leaked(failure(work) + said())


def test_a_pipeline_with_its_metadata(trips: Path, said: Said, tmp_path: Path, monkeypatch) -> None:
    def work() -> None:
        LocalDagRunner().run(
            pipeline.Pipeline(
                pipeline_name="scrub",
                pipeline_root=str(tmp_path / "root"),
                components=[ScrubbingExampleGen(str(trips), tmp_path / "policy.yaml", split_by="rider")],
                metadata_connection_config=metadata.sqlite_metadata_connection_config(
                    str(tmp_path / "store.sqlite")
                ),
                beam_pipeline_args=["--runner=FnApiRunner"],
            )
        )

    keyed = "{env: TEST_PSEUDONYM_KEY}, columns: {rider: pseudonymize, note: detect, fare: drop}"
    # TFX looks for a free port, which it does not use with SQLite.
    pytest_socket.enable_socket()
    (tmp_path / "policy.yaml").write_text(f"{{profile: fast, max_malformed_share: 0.9, key: {keyed}}}")
    rows = "rider,note,fare\n" + "".join(f"r{at},Dear {SECRET},1\n" for at in range(20))
    (trips / "input.csv").write_text(rows)
    monkeypatch.setattr(RuleRecognizer, "apply", _broken)
    detector.cache_clear()
    assert not leaked(failure(work) + said())
    monkeypatch.undo()
    monkeypatch.setenv("TEST_PSEUDONYM_KEY", KEY.decode())
    detector.cache_clear()
    (trips / "input.csv").write_text(rows + f"{SECRET},{SECRET}\n")
    work()
    assert not leaked(said())


MALFORMED = {
    "quote.csv": f'note,fare\n"{SECRET}"{SECRET},1\nok,1\n'.encode(),
    "open.csv": f'note,fare\nok,1\n"{SECRET},1\n'.encode(),
    "header.csv": f"{SECRET},{SECRET}\nok,1\n".encode(),
    "bytes.csv": b"note,fare\n" + SECRET.encode() + b"\xff,1\nok,1\n",
    "type.csv": f"note,fare\nok,{SECRET}\nok,1\n".encode(),
    "long.csv": f"note,fare\nok,1,{SECRET}\nok,1\n".encode(),
    "key.jsonl": f'{{"note": "ok", "{SECRET}": 1}}\n{{"note": "ok"}}\n'.encode(),
    "twice.jsonl": f'{{"note": "ok", "note": "{SECRET}"}}\n{{"note": "ok"}}\n'.encode(),
    "broken.jsonl": f'{{"note": "{SECRET}\n{{"note": "ok"}}\n'.encode(),
    "bytes.jsonl": b'{"note": "' + SECRET.encode() + b'\xff"}\n{"note": "ok"}\n',
    "type.jsonl": f'{{"note": "ok", "fare": "{SECRET}"}}\n{{"note": "ok"}}\n'.encode(),
    "list.jsonl": f'["{SECRET}"]\n'.encode(),
    "nested.jsonl": f'{{"note": "ok", "fare": ["{SECRET}"]}}\n{{"note": "ok"}}\n'.encode(),
    "broken.parquet": b"PAR1" + SECRET.encode() * 9 + b"PAR1",
    "broken.avro": b"Obj\x01" + SECRET.encode() * 9,
    "broken.tfrecord": SECRET.encode() * 9,
    "broken.csv.gz": gzip.compress(ROWS.encode())[:-9],
}


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_a_malformed_row_is_not_quoted(name: str, said: Said, tmp_path: Path) -> None:
    source = tmp_path / f"input_{name}"
    source.write_bytes(MALFORMED[name])
    letters = tmp_path / "dead.jsonl"
    try:
        report = scrub_file(
            source, tmp_path / f"out_{name}", parse_policy(POLICY, source="policy.yaml"), None, letters
        )
        message = report.to_json()
        assert report.rows_rejected
    except ScrubError as error:
        message = "".join(traceback.format_exception(error))
    assert not leaked(message + said())


def test_a_truncated_tfrecord_is_not_quoted(said: Said, tmp_path: Path) -> None:
    source = tmp_path / "input.tfrecord"
    features = {"note": tf.train.Feature(bytes_list=tf.train.BytesList(value=[SECRET.encode()]))}
    with tf.io.TFRecordWriter(str(source)) as writer:
        writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    source.write_bytes(source.read_bytes()[:-7])
    policy = parse_policy(POLICY, source="policy.yaml")
    message = failure(lambda: scrub_file(source, tmp_path / "out.tfrecord", policy, None))
    assert "is damaged" in message
    assert not leaked(message + said())


def test_no_dead_letter_quotes_a_row(said: Said, tmp_path: Path) -> None:
    source, letters = tmp_path / "input.csv", tmp_path / "dead.jsonl"
    source.write_text(ROWS + f"{SECRET},{SECRET}\n{SECRET}\n")
    report = scrub_file(source, tmp_path / "out.csv", parse_policy(POLICY, source="p"), None, letters)
    assert report.rows_rejected == 2
    assert {json.loads(line)["reason"] for line in letters.read_text().splitlines()} == {
        "wrong type in column fare",
        "short row",
    }
    assert not leaked(said())


def test_every_format_is_attacked() -> None:
    assert {sources.format_of(name) for name in MALFORMED} == set(sources.FORMATS)
