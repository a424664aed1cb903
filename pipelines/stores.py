"""Opens ML Metadata stores, tells in words what is wrong with one, and outlasts a server's restart."""

import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

from ml_metadata import errors, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipelines.metadata import Connection, MetadataError, kept_out_of_logs
from pipelines.postgresql import shorten_text_indices

T = TypeVar("T")

PATIENCE = 120.0  # seconds for which a server may be away
_TRIES = 8  # while a server answers: for deadlocks, and for two that create the same tables at once
_TRANSIENT = (errors.AbortedError, errors.AlreadyExistsError, errors.InternalError, errors.UnavailableError)


def connect(
    connection: Connection, *, read_only: bool = False, upgrade: bool = False
) -> metadata_store.MetadataStore:
    """Opens a store.

    A store must not be used again after one of its calls has failed with InternalError: ml-metadata's
    MySQL client crashes the process when it is.

    Args:
      connection: which one.
      read_only: create neither a file nor a database. (PostgreSQL's tables are created all the same where
        there are none, and the user needs the right to create them even where there are.)
      upgrade: migrate the schema that an older ml-metadata left.

    Raises:
      MetadataError: it cannot be opened; the message says why, without credentials.
    """
    config = mlmd.ConnectionConfig()
    config.CopyFrom(connection.config)
    config.retry_options.max_num_retries = 1
    if upgrade and connection.kind == "sqlite":
        config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE
    if read_only:
        if connection.kind == "sqlite":
            config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READONLY
        else:
            getattr(config, connection.kind).skip_db_creation = True
    told = ""
    with kept_out_of_logs(connection):
        try:
            store = metadata_store.MetadataStore(config, enable_upgrade_migration=upgrade)
        except RuntimeError as error:
            told = str(error) or "unknown"
    # Outside of the except clause, so that the driver's words are not in the new error's context.
    if told:
        raise _in_words(connection, told)
    if connection.kind == "postgresql" and not read_only:
        shorten_text_indices(connection)
    return store


def retrying(
    connection: Connection,
    work: Callable[[metadata_store.MetadataStore], T],
    *,
    read_only: bool = False,
    patience: float = PATIENCE,
) -> T:
    """Does some work in a store; again, with a new connection, when the server fails meanwhile.

    Args:
      connection: which store.
      work: what to do. It may be done several times, also after it has succeeded on the server.
      read_only: as in :func:`connect`.
      patience: seconds to wait for a server that does not answer.

    Raises:
      MetadataError: the server stayed away, or it answers and the work fails again and again.
    """
    deadline = time.monotonic() + patience
    tries = rounds = 0
    while True:
        try:
            store = connect(connection, read_only=read_only)
        except MetadataError as error:
            failed = error
            tries += not error.unreachable
            final = error.lasting or time.monotonic() > deadline
        else:
            try:
                with kept_out_of_logs(connection):
                    return work(store)
            except errors.StatusError as error:
                failed = MetadataError(f"{connection}: ml-metadata failed with {type(error).__name__}.")
                tries += 1
                final = not isinstance(error, _TRANSIENT)
        if final or tries >= _TRIES:
            raise failed
        rounds += 1
        # At random, so that two that get into each other's way do not do so again.
        time.sleep(min(0.1 * 2**rounds, 2.0) * random.uniform(0.5, 1.5))


def _in_words(connection: Connection, told: str) -> MetadataError:
    """The reason, from what a driver told. Nothing of that is quoted: it can hold names and values."""
    if "is older than library version" in told:
        way_out = "Back it up, then run `tfx-privacy upgrade`."
        told = f"{connection} was written by an older ml-metadata. {way_out}"
        return MetadataError(told, lasting=True)
    if "is greater than library version" in told or "library version is older" in told:
        told = f"{connection} was written by a newer ml-metadata; use that one to read it."
        return MetadataError(told, lasting=True)
    if connection.kind == "sqlite":
        busy = "locked" in told
        return MetadataError(f"{connection} {'is locked' if busy else 'cannot be opened'} by SQLite.")
    server = getattr(connection.config, connection.kind)
    if connection.kind == "mysql" and server.socket:
        return MetadataError(f"{connection}: the server's socket cannot be used.", unreachable=True)
    try:
        socket.create_connection((server.host, int(server.port)), timeout=3).close()
    except OSError:
        return MetadataError(f"{connection}: no server answers there.", unreachable=True)
    return MetadataError(
        f"{connection}: the server answers, and refuses: check the user, the password, the TLS options, that "
        "the database exists and that the user may create tables in it."
    )
