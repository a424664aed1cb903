"""What a URI may carry, and that nothing is imported for it."""

import subprocess
import sys

import pytest

from components.storage import uris


@pytest.mark.parametrize("uri", ["s3://b/x", "minio://b", "gs://b/part-?????-of-*"])
def test_ordinary_uris_pass(uri):
    assert uris.check(uri) == uri
    assert uris.is_remote(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://AKIAKEY:hunter2@b/x",
        "s3://hunter2@b",
        "minio://b/x?token=hunter2",
        "gs://b/x?a=1&X-Goog-Sig=hunter2",
    ],
)
def test_credentials_and_queries_are_refused_and_not_repeated(uri):
    with pytest.raises(uris.StorageError, match="neither credentials nor a query") as error:
        uris.check(uri)
    assert "hunter2" not in str(error.value)


def test_a_uri_names_a_bucket():
    with pytest.raises(uris.StorageError, match="s3://BUCKET/FOLDER"):
        uris.check("s3:///x")


@pytest.mark.parametrize("path", ["/data", "data", "file:///data", "http://x", "hdfs://x"])
def test_other_paths_are_left_to_others(path):
    assert not uris.is_remote(path)


def test_storage_costs_nothing_where_it_is_not_used():
    code = (
        "import sys, components.storage.uris, components.storage.stores\n"
        "heavy = {'fsspec', 's3fs', 'gcsfs', 'botocore', 'tfx', 'tensorflow'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
