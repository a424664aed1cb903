"""Nothing phones home: neither the library nor the command."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_socket import SocketBlockedError

from components.pii.policy import parse_policy
from components.pii.scrubber import ScrubbedRow, Scrubber
from components.pii.sources import Record
from tests.components.pii.conftest import KEY

POLICY = """
key: {env: TEST_PSEUDONYM_KEY}
profile: PROFILE
columns:
  note:
    action: detect
    entities: [PERSON, LOCATION, EMAIL_ADDRESS, URL, PHONE_NUMBER, ORGANIZATION]
    default: {action: pseudonymize, surrogate: true}
"""
NOTE = "Ana Ruiz of Lisbon, ana@example.org, https://example.org/u/ana, 312-555-0143"

# Runs the command with an audit hook that refuses to reach out, and says so at the end.
HOOKED = """
import sys
from pipelines import cli

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        print("REACHED OUT", event, file=sys.stderr, flush=True)
        raise RuntimeError(event)

sys.addaudithook(refuse)
if sys.argv[1] == "probe":
    import socket
    socket.create_connection(("localhost", 1))
cli.app(sys.argv[1:])
"""


def _run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", HOOKED, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "TEST_PSEUDONYM_KEY": KEY.decode()},
    )


def test_sockets_are_forbidden_here() -> None:
    with pytest.raises(SocketBlockedError):
        socket.socket()


@pytest.mark.parametrize("profile", ["fast", "balanced", "thorough"])
def test_no_profile_and_no_surrogate_opens_a_socket(profile: str) -> None:
    policy = parse_policy(POLICY.replace("PROFILE", profile), source="policy.yaml")
    (row,) = Scrubber(policy, KEY, ["note"]).scrub_rows([Record("a.csv", 2, 2, (NOTE,))])
    assert isinstance(row, ScrubbedRow)
    assert row.findings.total() >= 4
    assert "Ruiz" not in str(row.values)


@pytest.mark.parametrize("profile", ["balanced"])
def test_the_command_reaches_nobody(tmp_path: Path, profile: str) -> None:
    policy, data = tmp_path / "policy.yaml", tmp_path / "in.csv"
    policy.write_text(POLICY.replace("PROFILE", profile))
    data.write_text(f'note\n"{NOTE}"\n')
    done = _run("scrub", str(data), str(tmp_path / "out.csv"), "--policy", str(policy), "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "REACHED OUT" not in done.stderr
    assert "Ruiz" not in (tmp_path / "out.csv").read_text()


def test_an_attempt_would_be_noticed() -> None:
    done = _run("probe")
    assert done.returncode != 0
    assert "REACHED OUT" in done.stderr
