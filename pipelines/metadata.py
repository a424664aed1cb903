"""Which ML Metadata store holds the records: one URI, from an option or the environment.

- ``sqlite:///relative/path`` or ``sqlite:////absolute/path``
- ``mysql://user:password@host:3306/database`` (MariaDB too)
- ``postgresql://user:password@host:5432/database``

Special characters in the user and the password are percent-encoded. TLS and the like go into the query
string, under the names in :data:`OPTIONS`: ``postgresql://...?sslmode=verify-full&sslrootcert=ca.pem``.

A URI holds a password, so nothing here ever quotes one: a :class:`Connection` shows itself without the
user, the password and the options, and errors name the part that is wrong, not what stands there.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import absl.logging
from google.protobuf import text_encoding
from ml_metadata.proto import metadata_store_pb2 as mlmd

ENVIRONMENT = "TFX_PRIVACY_METADATA"
PORTS = {"mysql": 3306, "postgresql": 5432}
# Named as the databases' own clients name them.
OPTIONS = {
    "mysql": (
        "socket",
        "ssl_key",
        "ssl_cert",
        "ssl_ca",
        "ssl_capath",
        "ssl_cipher",
        "ssl_verify_server_cert",
    ),
    "postgresql": ("sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert"),
}
_SHAPES = {"sqlite": "sqlite:///PATH"} | {
    kind: f"{kind}://USER:PASSWORD@HOST:{port}/DATABASE" for kind, port in PORTS.items()
}


class MetadataError(RuntimeError):
    """The metadata store cannot be used. The message holds no credentials.

    Attributes:
      unreachable: nobody answered; trying again later may help.
      lasting: trying again cannot help.
    """

    def __init__(self, message: str, *, unreachable: bool = False, lasting: bool = False) -> None:
        super().__init__(message)
        self.unreachable = unreachable
        self.lasting = lasting


@dataclass(frozen=True)
class Connection:
    """An ML Metadata store. ``str`` and ``repr`` show it without credentials."""

    shown: str
    config: mlmd.ConnectionConfig = field(repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return self.shown

    @property
    def kind(self) -> str:
        """``sqlite``, ``mysql`` or ``postgresql``."""
        return str(self.config.WhichOneof("config"))

    def is_in(self, text: str) -> bool:
        """Whether a text gives away a credential of this connection."""
        secrets = (self.password, self.options.get("sslpassword", ""))
        spelled = {form for secret in secrets if secret for form in _spellings(secret)}
        # A user's name may be any word; it is one where a server or a configuration says so.
        spelled |= {
            f"user{separator}{mark}{name}{mark}"
            for name in _spellings(self.user)
            for separator in (" ", ": ", "=")
            for mark in ("'", '"', "")
            if self.user
        }
        return any(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text) for form in spelled)


def configured(option: str | None, default: Path | None = None) -> Connection:
    """The connection of the option, or else of the environment, or else the default SQLite file.

    Raises:
      MetadataError: a URI breaks a rule, or there is none and no default.
    """
    if option is not None:
        return parse(option, source="--metadata")
    if os.environ.get(ENVIRONMENT):
        return parse(os.environ[ENVIRONMENT], source=ENVIRONMENT)
    if default is None:
        raise MetadataError(f"{ENVIRONMENT} must say where the records go: {_shapes()}.")
    return sqlite(default)


def sqlite(path: Path) -> Connection:
    """The connection to an SQLite file, which need not be there yet."""
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(path.absolute())
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return Connection(f"sqlite:///{path.absolute()}", config)


def parse(uri: str, *, source: str) -> Connection:
    """Reads a URI; ``source`` is where it stands, for error messages.

    Raises:
      MetadataError: it breaks a rule; the message quotes nothing of it but its kind.
    """
    kind, separator, rest = uri.partition("://")
    if not separator or kind not in _SHAPES:
        got = f"a URI of kind {kind!r}" if separator and kind.isalnum() else "something else"
        raise MetadataError(f"{source}: must be {_shapes()}; got {got}.")
    if kind == "sqlite":
        if not rest.startswith("/") or rest == "/":
            raise MetadataError(f"{source}: must be {_SHAPES[kind]}; there is no path in it.")
        return sqlite(Path(rest[1:]))
    return _server(kind, uri, source)


@contextmanager
def kept_out_of_logs(connection: Connection) -> Iterator[None]:
    """Withholds what TFX and ml-metadata log meanwhile with a credential in it."""
    logger, gate = absl.logging.get_absl_logger(), _Gate(connection)
    logger.addFilter(gate)
    try:
        yield
    finally:
        logger.removeFilter(gate)


class _Gate(logging.Filter):
    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def filter(self, record: logging.LogRecord) -> bool:
        told = record.getMessage() + (
            logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        )
        if self._connection.is_in(told):
            record.msg, record.args = f"(withheld: it names the credentials of {self._connection})", ()
            record.exc_info = record.exc_text = None
        return True


def _server(kind: str, uri: str, source: str) -> Connection:
    def wrong(rule: str) -> MetadataError:
        return MetadataError(f"{source}: must be {_SHAPES[kind]}; {rule}.")

    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port or PORTS[kind]
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        parts, host, port, options = None, None, 0, {}
    if parts is None or parts.fragment or not host or not re.fullmatch(r"[\w.:-]+", host):
        raise wrong("special characters in the user and the password are written %23, %2F, %40 and so on")
    if not parts.username:
        raise wrong("the user is missing")
    database = parts.path.removeprefix("/")
    if not re.fullmatch(r"[\w$-]+", database):
        raise wrong("the database is one word, and special characters in the password are percent-encoded")

    for name in options:
        if name not in OPTIONS[kind]:
            raise wrong(f"the options after the question mark are {', '.join(OPTIONS[kind])}")
    user, password = unquote(parts.username), unquote(parts.password or "")
    if kind == "mysql":
        if options.get("ssl_verify_server_cert", "true") not in ("true", "false"):
            raise wrong("ssl_verify_server_cert is true or false")
        config = _mysql(host, port, database, user, password, options)
    else:
        config = _postgresql(host, port, database, user, password, options)
    return Connection(f"{kind}://{_bracketed(host)}:{port}/{database}", config, user, password, options)


def _mysql(
    host: str, port: int, database: str, user: str, password: str, options: Mapping[str, str]
) -> mlmd.ConnectionConfig:
    tls = {name.removeprefix("ssl_"): value for name, value in options.items() if name != "socket"}
    verify = (
        {"verify_server_cert": tls.pop("verify_server_cert") == "true"} if "verify_server_cert" in tls else {}
    )
    server = mlmd.MySQLDatabaseConfig(host=host, port=port, database=database, user=user, password=password)
    if "socket" in options:
        server.socket = options["socket"]
    if tls or verify:
        server.ssl_options.CopyFrom(mlmd.MySQLDatabaseConfig.SSLOptions(**tls, **verify))
    return mlmd.ConnectionConfig(mysql=server)


def _postgresql(
    host: str, port: int, database: str, user: str, password: str, options: Mapping[str, str]
) -> mlmd.ConnectionConfig:
    # ml-metadata pastes the values into libpq's connection string as they are.
    def quoted(value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    server = mlmd.PostgreSQLDatabaseConfig(
        host=host, port=str(port), dbname=database, user=quoted(user), password=quoted(password)
    )
    if options:
        tls = {name: quoted(value) for name, value in options.items()}
        server.ssloption.CopyFrom(mlmd.PostgreSQLDatabaseConfig.SSLOptions(**tls))
    return mlmd.ConnectionConfig(postgresql=server)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _spellings(secret: str) -> set[str]:
    """As it is, in a URI, in libpq's quotes, and as protocol buffers print these."""
    libpq = secret.replace("\\", "\\\\").replace("'", "\\'")
    plain = {secret, quote(secret, safe=""), libpq}
    return plain | {
        text_encoding.CEscape(one.encode(), as_utf8) for one in plain for as_utf8 in (True, False)
    }


def _shapes() -> str:
    *first, last = _SHAPES.values()
    return f"{', '.join(first)} or {last}"
