"""A small policy, and rows for it. No test here may open a socket."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from components.pii.policy import ScrubPolicy, parse_policy
from components.pii.sources import Record
from components.pii.sources.csv_rows import read_columns, read_records

POLICY = """
key: {env: TEST_PSEUDONYM_KEY}
max_malformed_share: 0.5
columns:
  rider: pseudonymize
  name: {action: drop, entity: PERSON}
  note: detect
  fare: {action: keep, type: float}
  area: {action: keep, type: int}
  kind: keep
"""
KEY = b"a key of more than sixteen bytes"
HEADER = "rider,name,note,fare,area,kind"
ROWS = (
    "r1,Quinn Ito,Quinn called from 312-555-0143,5.85,8,Cash",
    'r2,Ana Ruiz,"Hi Ana, your receipt R-2048-771093",,,',
    "r1,Quinn Ito,,3.25,32,Card",
)


@pytest.fixture(autouse=True)
def _no_sockets(socket_disabled: None) -> None:
    """Presidio and spaCy must not phone home."""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PSEUDONYM_KEY", KEY.decode())


@pytest.fixture
def policy() -> ScrubPolicy:
    return parse_policy(POLICY, source="policy.yaml")


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: str | bytes, header: str = HEADER, name: str = "rows.csv") -> Path:
        lines = [line if isinstance(line, bytes) else line.encode() for line in (header, *rows)]
        path = tmp_path / name
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return path

    return write


def records(*rows: str | bytes) -> tuple[list[str], list[Record]]:
    """The header and the records of a CSV file with these lines."""
    content = b"\n".join(row if isinstance(row, bytes) else row.encode() for row in rows)
    header = read_columns(io.BytesIO(content), file="rows.csv")
    return header, list(read_records(io.BytesIO(content), file="rows.csv"))
