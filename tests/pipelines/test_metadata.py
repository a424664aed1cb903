"""Which store holds the records, and that nothing about it tells its password."""

import logging
import traceback

import absl.logging
import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipelines import metadata
from pipelines.metadata import MetadataError, configured, kept_out_of_logs, parse

SECRET = "hunter2"


def test_sqlite_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for uri in ("sqlite:///store.sqlite", f"sqlite:///{tmp_path}/store.sqlite"):
        found = parse(uri, source="test")
        assert found.config.sqlite.filename_uri == str(tmp_path / "store.sqlite")
        assert str(found) == f"sqlite:///{tmp_path}/store.sqlite"


def test_mysql_with_its_options():
    uri = "mysql://bob%40x:a%2Fb%25@db.example:3307/mlmd?ssl_ca=/etc/ca.pem&ssl_verify_server_cert=true"
    found = parse(uri, source="test").config.mysql
    assert (found.user, found.password) == ("bob@x", "a/b%")
    assert (found.host, found.port, found.database) == ("db.example", 3307, "mlmd")
    assert found.ssl_options.ca == "/etc/ca.pem"
    assert found.ssl_options.verify_server_cert
    assert parse("mysql://bob@db/mlmd", source="test").config.mysql.port == 3306


def test_postgresql_with_its_options_and_what_libpq_would_misread():
    """ml-metadata pastes these into a connection string; a password must not become an option."""
    uri = "postgresql://bob:x%20sslmode=disable%27@[::1]/mlmd?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    found = parse(uri, source="test")
    server = found.config.postgresql
    assert server.password == r"'x sslmode=disable\''"
    assert (server.host, server.port, server.dbname) == ("::1", "5432", "mlmd")
    assert server.ssloption.sslmode == "'verify-full'"
    assert str(found) == "postgresql://[::1]:5432/mlmd"


def test_every_option_that_ml_metadata_has_can_be_given():
    tls = {f"ssl_{field.name}" for field in mlmd.MySQLDatabaseConfig.SSLOptions.DESCRIPTOR.fields}
    assert {"socket"} | tls == set(metadata.OPTIONS["mysql"])
    tls = {field.name for field in mlmd.PostgreSQLDatabaseConfig.SSLOptions.DESCRIPTOR.fields}
    assert tls == set(metadata.OPTIONS["postgresql"])


@pytest.mark.parametrize(
    "uri",
    [
        SECRET,
        f"bob:{SECRET}@db/mlmd",
        f"redis://bob:{SECRET}@db/mlmd",
        f"bob:{SECRET}://db",
        "sqlite://",
        "sqlite:///",
        f"mysql://bob:x#{SECRET}@db/mlmd",
        f"mysql://bob:1?{SECRET}@db/mlmd",
        f"mysql://bob:1/{SECRET}@db/mlmd",
        f"mysql://bob:x/{SECRET}@db/mlmd",
        f"mysql://bob:{SECRET}/x@db/mlmd",
        f"mysql://bob:{SECRET}",
        f"mysql://{SECRET}/mlmd",
        f"mysql://bob:{SECRET}@db",
        f"mysql://bob:{SECRET}@db:port/mlmd",
        f"mysql://bob:{SECRET}@db/ml md",
        f"mysql://bob:{SECRET}@[db/mlmd",
        f"mysql://:{SECRET}@db/mlmd",
        f"mysql://bob:x@db/mlmd?password={SECRET}",
        f"mysql://bob:x@db/mlmd?{SECRET}=1",
        f"mysql://bob:x@db/mlmd?{SECRET}",
        f"mysql://bob:x@db/mlmd?ssl_verify_server_cert={SECRET}",
        f"postgresql://bob:x@db/mlmd?ssl_ca={SECRET}",
    ],
)
def test_a_uri_that_breaks_a_rule_is_refused_without_quoting_it(uri):
    with pytest.raises(MetadataError, match="TFX_PRIVACY_METADATA: must be ") as caught:
        parse(uri, source="TFX_PRIVACY_METADATA")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_the_option_comes_before_the_environment_and_that_before_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv(metadata.ENVIRONMENT, "mysql://bob@db/mlmd")
    assert configured("postgresql://bob@db/mlmd", tmp_path).kind == "postgresql"
    assert configured(None, tmp_path).kind == "mysql"
    monkeypatch.setenv(metadata.ENVIRONMENT, "")
    assert configured(None, tmp_path / "x").kind == "sqlite"
    with pytest.raises(MetadataError, match="TFX_PRIVACY_METADATA must say where the records go"):
        configured(None)


HOSTILE = [SECRET, "p@ss/word", "it's", 'say "hi"', "back\\slash", "schlüssel", "two words"]


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
@pytest.mark.parametrize("password", HOSTILE)
def test_no_credential_shows_and_what_libraries_log_is_withheld(kind, password, caplog):
    found = parse(f"{kind}://robert:{metadata.quote(password, safe='')}@db/mlmd", source="test")
    assert password not in f"{found} {found!r} {[found]}"
    assert "robert" not in f"{found} {found!r}"
    logger = absl.logging.get_absl_logger()
    with caplog.at_level(logging.DEBUG, logger="absl"), kept_out_of_logs(found):
        # As LocalDagRunner, ml-metadata, MariaDB and PostgreSQL do.
        logger.info("Using connection config:\n %s", found.config)
        logger.info(
            "Using deployment config:\n %s",
            mlmd.ConnectionConfig.FromString(found.config.SerializeToString()),
        )
        logger.warning("mlmd client InternalError: %s", "Access denied for user 'robert'@'%' to database")
        logger.warning('FATAL: password authentication failed for user "robert"')
        try:
            raise RuntimeError(f"cannot connect with {password}")
        except RuntimeError:
            logger.exception("failed")
        logger.info("Component Trainer is running.")
    *withheld, last = [record.getMessage() for record in caplog.records]
    assert len(withheld) == 5
    assert set(withheld) == {f"(withheld: it names the credentials of {found})"}
    assert last == "Component Trainer is running."
    assert "Traceback" not in caplog.text


def test_a_password_that_is_part_of_a_word_withholds_nothing_else():
    found = parse("mysql://run:ode@db/mlmd", source="test")
    assert not found.is_in("Component Model is running; the user is run.")
    assert found.is_in("the password is ode.")
