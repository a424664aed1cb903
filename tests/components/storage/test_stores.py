"""Files in buckets: whole or absent, whatever happens to the wire; and no credentials in what is said."""

import gzip
import importlib
import sys

import pytest

from components.storage import stores
from components.storage.uris import StorageError
from tests.components.storage.conftest import SECRET

MODEL = {
    "saved_model.pb": b"graph",
    "variables/variables.index": b"i",
    "variables/variables.data": b"d" * 999,
}


@pytest.fixture
def folder(tmp_path):
    for name, content in MODEL.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "model"


def content(uri):
    root = stores.uri_path(uri)
    fs = stores.store(uri)
    return {path[len(root) + 1 :]: fs.cat_file(path) for path in stores.files(uri)}


@pytest.mark.parametrize("scheme", ["s3", "minio"])
def test_a_folder_comes_back_as_it_went(bucket, folder, tmp_path, scheme):
    uri = bucket.replace("s3", scheme, 1) + "/models/1"
    stores.upload_folder(folder, uri)
    assert content(uri) == MODEL
    stores.download(uri, tmp_path / "back")
    assert {p.relative_to(tmp_path / "back").as_posix() for p in (tmp_path / "back").rglob("*.*")} == set(
        MODEL
    )
    assert (tmp_path / "back" / "variables" / "variables.data").read_bytes() == b"d" * 999
    stores.download(f"{uri}/saved_model.pb", tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == b"graph"


def test_an_empty_folder_is_there_and_comes_back_empty(bucket, tmp_path):
    (tmp_path / "empty").mkdir()
    stores.upload_folder(tmp_path / "empty", f"{bucket}/cache/7")
    assert stores.exists(f"{bucket}/cache/7")
    stores.download(f"{bucket}/cache/7", tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []


def test_google_cloud_storage_does_the_same(gcs_bucket, folder, tmp_path):
    uri = f"{gcs_bucket}/models/1"
    assert not stores.exists(uri)
    stores.upload_folder(folder, uri)
    assert content(uri) == MODEL
    assert stores.glob(f"{gcs_bucket}/models/*/saved_*") == [f"{uri}/saved_model.pb"]
    stores.download(uri, tmp_path / "back")
    assert (tmp_path / "back" / "saved_model.pb").read_bytes() == b"graph"


@pytest.mark.parametrize("kind", ["refuse", "cut"])
@pytest.mark.parametrize("file", MODEL)
def test_an_upload_that_fails_leaves_nothing_and_a_retry_works(bucket, wire, folder, kind, file):
    uri = f"{bucket}/models/1"
    wire.fault(kind, "PUT", file, times=99)
    with pytest.raises(StorageError, match="cannot write it"):
        stores.publish_folder(folder, uri)
    wire.faults.clear()
    assert content(uri) == {}
    assert not stores.exists(uri)
    stores.publish_folder(folder, uri)
    assert content(uri) == MODEL


def test_a_single_cut_is_mended_on_the_way(bucket, wire, folder):
    wire.fault("cut", "PUT", "variables.data")
    stores.publish_folder(folder, f"{bucket}/models/1")
    assert content(f"{bucket}/models/1") == MODEL


def test_a_publisher_that_is_killed_leaves_nothing_that_looks_complete(bucket, wire, folder):
    """A kill leaves what was written until then: cleaning up fails here as it would not happen there."""
    wire.fault("refuse", "PUT", "saved_model.pb", times=99)
    wire.fault("refuse", "DELETE", "", times=99)
    wire.fault("refuse", "POST", "delete", times=99)
    with pytest.raises(StorageError):
        stores.publish_folder(folder, f"{bucket}/models/1")
    assert set(content(f"{bucket}/models/1")) == set(MODEL) - {stores.COMMIT_FILE}


def test_a_large_file_whose_second_part_fails_is_absent(bucket, wire, tmp_path):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(110 * 2**20)
    wire.fault("refuse", "PUT", "partNumber=2", times=99)
    with pytest.raises(StorageError):
        stores.upload_file(large, f"{bucket}/large")
    assert ("PUT", "partNumber=1") in [(m, p.partition("?")[2].partition("&")[0]) for m, p in wire.requests]
    assert not stores.exists(f"{bucket}/large")
    wire.faults.clear()
    stores.upload_file(large, f"{bucket}/large")
    assert stores.store(bucket).info(stores.uri_path(f"{bucket}/large"))["size"] == 110 * 2**20


def test_on_a_disk_a_version_appears_by_one_rename(tmp_path, folder, monkeypatch):
    target = tmp_path / "pushed" / "17"

    def fails(source, copy):
        copy.mkdir()
        (copy / "half").touch()
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(stores.shutil, "copytree", fails)
        with pytest.raises(OSError, match="disk full"):
            stores.publish_folder(folder, str(target))
    assert list((tmp_path / "pushed").iterdir()) == []
    stores.publish_folder(folder, str(target))
    assert (target / "saved_model.pb").read_bytes() == b"graph"
    assert [p.name for p in (tmp_path / "pushed").iterdir()] == ["17"]


def test_inputs_are_matched_unpacked_and_can_seek(bucket):
    fs = stores.store(bucket)
    fs.pipe_file(stores.uri_path(f"{bucket}/rows/a.csv"), b"id,name\n1,x\n")
    fs.pipe_file(stores.uri_path(f"{bucket}/rows/b.csv.gz"), gzip.compress(b"id,name\n2,y\n"))
    fs.pipe_file(stores.uri_path(f"{bucket}/rows/deeper/c.csv"), b"")
    found = stores.glob(f"{bucket}/rows/*")
    assert found == [f"{bucket}/rows/a.csv", f"{bucket}/rows/b.csv.gz"]
    with stores.open_input(found[0]) as file:
        file.seek(8)
        assert file.read() == b"1,x\n"
    with stores.open_input(found[1]) as file:
        assert file.read() == b"id,name\n2,y\n"


def test_a_bucket_cannot_write_beside_the_folder_that_it_is_copied_to(bucket, tmp_path, monkeypatch):
    class Hostile:
        def find(self, path, detail):
            return {f"{path}/../../out": {"size": 1, "type": "file"}}

    monkeypatch.setattr(stores, "store", lambda uri: Hostile())
    with pytest.raises(StorageError, match="leads out of its folder"):
        stores.download(f"{bucket}/x", tmp_path / "in")
    assert not (tmp_path / "out").exists()


def test_what_is_missing_is_named(bucket, tmp_path):
    with pytest.raises(FileNotFoundError, match="s3://"):
        stores.open_input(f"{bucket}/nowhere")
    with pytest.raises((StorageError, FileNotFoundError), match="no-such-bucket"):
        stores.upload_file(__file__, "s3://no-such-bucket-here/x")


def test_refusals_tell_no_credentials(bucket, wire, monkeypatch, folder):
    class Refuses:
        def put_file(self, *args):
            raise PermissionError(f"signature {SECRET} at http://user:pw1@host/?X-Amz-Security-Token=abc")

    monkeypatch.setattr(stores, "store", lambda uri: Refuses())
    with pytest.raises(StorageError) as error:
        stores.upload_file(folder / "saved_model.pb", f"{bucket}/x")
    assert SECRET not in str(error.value)
    assert "abc" not in str(error.value)
    assert "pw1" not in str(error.value)
    assert "PermissionError" in str(error.value)
    # TFX logs the whole chain.
    assert error.value.__suppress_context__


def test_an_endpoint_with_credentials_is_refused_without_telling_them(wire, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:{SECRET}@127.0.0.1:1")
    with pytest.raises(StorageError, match="AWS_ENDPOINT_URL must not carry") as error:
        stores.store("s3://bucket/x")
    assert SECRET not in str(error.value)


def test_minio_needs_an_address(wire, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(
        StorageError, match="minio:// needs the server's address in the variable AWS_ENDPOINT"
    ):
        stores.store("minio://bucket/x")


@pytest.mark.parametrize("library", ["fsspec", "s3fs"])
def test_the_missing_extra_is_named(monkeypatch, library):
    # What fsspec has imported before, it does not import again.
    known = importlib.import_module("fsspec.registry")._registry
    monkeypatch.delitem(known, "s3", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(StorageError, match=r"pip install 'tfx-privacy\[storage\]'"):
        stores.store("s3://bucket/x")
