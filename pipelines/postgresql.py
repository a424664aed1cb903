"""What ml-metadata needs on PostgreSQL before a privacy report fits into it.

Its indices over text properties hold the whole text, and PostgreSQL refuses more than 2.7 KB in an index.
They get the first 255 characters instead, as in ml-metadata's own schema for MySQL, and keep their names, so
that ml-metadata takes them for its own.
"""

import ssl

from pipelines.metadata import Connection, MetadataError

_TABLES = {
    "idx_artifact_property_string": "ArtifactProperty",
    "idx_execution_property_string": "ExecutionProperty",
    "idx_context_property_string": "ContextProperty",
}
_OVER_WHOLE_TEXTS = """
    SELECT indexname FROM pg_indexes
    WHERE schemaname = current_schema() AND indexdef LIKE '%is\\_custom\\_property, string\\_value)'
"""


def shorten_text_indices(connection: Connection) -> None:
    """Does so, where it has not been done; tasks that start at once wait for each other.

    Raises:
      MetadataError: the server went away, or the user does not own the tables.
    """
    import pg8000.dbapi  # Only for PostgreSQL.

    server = connection.config.postgresql
    refused = away = False
    try:
        database = pg8000.dbapi.connect(
            connection.user,
            host=server.host,
            port=int(server.port),
            database=server.dbname,
            password=connection.password,
            ssl_context=_tls(connection),
            timeout=30,
        )
        try:
            cursor = database.cursor()
            if _over_whole_texts(cursor):
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext('tfx-privacy'))")
                for name in _over_whole_texts(cursor):
                    cursor.execute(f"DROP INDEX {name}")
                    columns = "name, is_custom_property, left(string_value, 255)"
                    cursor.execute(f"CREATE INDEX {name} ON {_TABLES[name]} ({columns})")
                database.commit()
        finally:
            database.close()
    except pg8000.dbapi.DatabaseError:
        refused = True
    except (pg8000.dbapi.Error, OSError):
        away = True
    # Outside of the except clauses, so that the driver's words are not in the new error's context.
    if refused:
        raise MetadataError(
            f"{connection}: the text indices cannot be shortened; the user must own the tables."
        )
    if away:
        raise MetadataError(f"{connection}: the server went away.", unreachable=True)


def _over_whole_texts(cursor: object) -> list[str]:
    cursor.execute(_OVER_WHOLE_TEXTS)  # type: ignore[attr-defined]
    return sorted({name for (name,) in cursor.fetchall()} & _TABLES.keys())  # type: ignore[attr-defined]


def _tls(connection: Connection) -> ssl.SSLContext | bool | None:
    """The TLS options as libpq understands them."""
    options = connection.options
    mode = options.get("sslmode", "prefer")
    if mode in ("disable", "allow", "prefer"):
        return False if mode == "disable" else None
    context = ssl.create_default_context(cafile=options.get("sslrootcert"))
    context.check_hostname = mode == "verify-full"
    if mode == "require" and "sslrootcert" not in options:
        context.verify_mode = ssl.CERT_NONE
    if "sslcert" in options:
        context.load_cert_chain(options["sslcert"], options.get("sslkey"), options.get("sslpassword"))
    return context
