"""Database servers of the tests' own, each in a temporary folder on a free port.

They are what a distribution packages (Debian: ``mariadb-server`` and ``postgresql``). Where they are not
installed, tests that ask for one are skipped.
"""

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pg8000.dbapi
import pymysql
import pytest

from pipelines.metadata import Connection, parse

# What a URI, SQL and protocol buffers each write in another way.
PASSWORD = f"p@ss/w:'\"\\é{secrets.token_hex(4)}"
USER = f"bob{secrets.token_hex(4)}"
_AT_MOST = 180  # seconds to start, on a machine that is busy


class Server:
    """A database server that can be stopped and started again."""

    scheme: str
    account: str  # who runs it where the tests are run by root, whom both servers refuse

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.owner = self.account if os.geteuid() == 0 else getpass.getuser()
        if os.geteuid() == 0:
            shutil.chown(folder, self.owner)

    def database(self) -> str:
        """The name of a new database, which is the user's."""
        name = f"mlmd_{secrets.token_hex(4)}"
        self._create(name)
        return name

    def uri(
        self, database: str, *, user: str = USER, password: str = PASSWORD, host: str = "127.0.0.1"
    ) -> str:
        return f"{self.scheme}://{user}:{quote(password, safe='')}@{host}:{self.port}/{database}"

    def connection(self) -> Connection:
        """To a new database."""
        return parse(self.uri(self.database()), source="test")

    def start(self) -> None:
        """Returns when the server takes connections."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, **self._as_owner())
        deadline = time.monotonic() + _AT_MOST
        while not self._ready():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """As a machine that goes down: nobody is waited for."""
        if self._process is not None:
            self._process.send_signal(self._stop_by)
            self._process.wait(_AT_MOST)

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, check=False, **self._as_owner())
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])

    def _as_owner(self) -> dict[str, object]:
        if os.geteuid() != 0:
            return {"cwd": self.folder}
        return {"cwd": self.folder, "user": self.owner, "group": self.owner, "extra_groups": []}


class MariaDB(Server):
    scheme, account, _stop_by = "mysql", "mysql", signal.SIGKILL

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        install, self._server = _program("mariadb-install-db"), _program("mariadbd")
        data = f"--datadir={folder / 'data'}"
        self._run(
            install, "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"
        )
        self.start()
        with self._admin() as cursor:
            cursor.execute("DELETE FROM mysql.global_priv WHERE User = ''")
            cursor.execute("FLUSH PRIVILEGES")
            cursor.execute(f"CREATE USER {USER} IDENTIFIED BY %s", [PASSWORD])

    def _command(self) -> list[str]:
        at = [f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self.folder / 'socket'}"]
        # What is written survives a killed process, if not a machine.
        fast = ["--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0"]
        return [self._server, "--no-defaults", f"--datadir={self.folder / 'data'}", *at, *fast]

    def _ready(self) -> bool:
        with contextlib.suppress(pymysql.Error), self._admin():
            return True
        return False

    @contextlib.contextmanager
    def _admin(self) -> Iterator[pymysql.cursors.Cursor]:
        with (
            pymysql.connect(unix_socket=str(self.folder / "socket"), user="root") as connection,
            connection.cursor() as cursor,
        ):
            yield cursor
            connection.commit()

    def _create(self, name: str) -> None:
        with self._admin() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            cursor.execute(f"GRANT ALL ON {name}.* TO {USER}")


class PostgreSQL(Server):
    scheme, account, _stop_by = "postgresql", "postgres", signal.SIGQUIT

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        initdb = _program("initdb")
        self._server = str(Path(initdb).resolve().parent / "postgres")  # of the same version
        self._run(
            initdb,
            "-D",
            str(folder / "data"),
            "-U",
            "admin",
            "-E",
            "UTF8",
            "--no-sync",
            "-A",
            "scram-sha-256",
            "--auth-local=trust",
        )
        self.start()
        with self._admin() as cursor:
            cursor.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")

    def _command(self) -> list[str]:
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k", str(self.folder)]
        return [self._server, "-D", str(self.folder / "data"), "-p", str(self.port), *options]

    def _ready(self) -> bool:
        with contextlib.suppress(pg8000.dbapi.Error, OSError), self._admin():
            return True
        return False

    @contextlib.contextmanager
    def _admin(self) -> Iterator[pg8000.dbapi.Cursor]:
        at = str(self.folder / f".s.PGSQL.{self.port}")
        connection = pg8000.dbapi.connect("admin", unix_sock=at, database="postgres")
        connection.autocommit = True
        try:
            yield connection.cursor()
        finally:
            connection.close()

    def _create(self, name: str) -> None:
        with self._admin() as cursor:
            cursor.execute(f"CREATE DATABASE {name} OWNER {USER}")


@contextlib.contextmanager
def running(kind: type[Server]) -> Iterator[Server]:
    """A server in a folder of its own; not below pytest's, which other accounts may not enter."""
    with tempfile.TemporaryDirectory(
        prefix=f"tfx-privacy-{kind.scheme}-", ignore_cleanup_errors=True
    ) as place:
        Path(place).chmod(0o755)
        server = kind(Path(place))
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    with running(MariaDB) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with running(PostgreSQL) as server:
        yield server


@pytest.fixture(scope="session", params=["mariadb", "postgresql"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each kind of server."""
    found: Server = request.getfixturevalue(request.param)
    return found


def _program(name: str) -> str:
    places = [
        os.environ["PATH"],
        "/usr/sbin",
        *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]),
    ]
    found = shutil.which(name, path=":".join(places))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found
