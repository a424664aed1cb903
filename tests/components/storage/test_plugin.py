"""TFX's file layer in buckets."""

import pytest
from tfx.dsl.io import fileio
from tfx.utils import io_utils

import components.storage.plugin  # noqa: F401
from components.storage import stores
from components.storage.uris import StorageError


@pytest.fixture(params=["s3", "minio"])
def home(request, bucket):
    return bucket.replace("s3", request.param, 1) + "/home"


def test_files_are_written_read_listed_copied_and_removed(home, tmp_path):
    io_utils.write_string_file(f"{home}/a/text", "grüße\n")
    io_utils.write_bytes_file(f"{home}/a/b/bytes", b"\x00\x01")
    assert io_utils.read_string_file(f"{home}/a/text") == "grüße\n"
    assert io_utils.read_bytes_file(f"{home}/a/b/bytes") == b"\x00\x01"
    assert sorted(fileio.listdir(f"{home}/a")) == ["b", "text"]
    assert fileio.glob(f"{home}/a/te*") == [f"{home}/a/text"]
    assert fileio.isdir(f"{home}/a")
    assert not fileio.isdir(f"{home}/a/text")
    assert [(f, sorted(d), sorted(n)) for f, d, n in fileio.walk(f"{home}/a")] == [
        (f"{home}/a", ["b"], ["text"]),
        (f"{home}/a/b", [], ["bytes"]),
    ]
    io_utils.copy_dir(f"{home}/a", str(tmp_path / "here"))
    assert (tmp_path / "here" / "b" / "bytes").read_bytes() == b"\x00\x01"
    io_utils.copy_dir(str(tmp_path / "here"), f"{home}/again")
    fileio.rename(f"{home}/again/text", f"{home}/again/renamed")
    assert sorted(fileio.listdir(f"{home}/again")) == ["b", "renamed"]
    fileio.rmtree(f"{home}/a")
    assert not fileio.exists(f"{home}/a")


def test_the_data_s_fingerprint_changes_with_the_data(home):
    io_utils.write_string_file(f"{home}/rows/1.csv", "id\n1\n")
    first = io_utils.generate_fingerprint("all", f"{home}/rows/*")
    assert "num_files:1,total_bytes:5" in first
    assert fileio.stat(f"{home}/rows/1.csv").mtime_nsec > 1.5e18
    io_utils.write_string_file(f"{home}/rows/2.csv", "id\n2\n")
    assert io_utils.generate_fingerprint("all", f"{home}/rows/*") != first


def test_what_an_error_interrupts_is_not_written(home):
    def interrupted():
        with fileio.open(f"{home}/report.json", "w") as file:
            file.write('{"blessed":')
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert not fileio.exists(f"{home}/report.json")


def test_what_the_wire_interrupts_leaves_the_old_content(home, wire):
    io_utils.write_string_file(f"{home}/report.json", "old")
    wire.fault("cut", "PUT", "report.json", times=99)
    with pytest.raises(StorageError):
        io_utils.write_string_file(f"{home}/report.json", "new and longer")
    wire.faults.clear()
    assert io_utils.read_string_file(f"{home}/report.json") == "old"


def test_what_is_missing_is_missing_as_tfx_expects(home):
    assert not fileio.exists(f"{home}/x")
    assert fileio.glob(f"{home}/x/*") == []
    for act in (fileio.open, fileio.listdir, fileio.stat, fileio.rmtree):
        with pytest.raises(fileio.NotFoundError):
            act(f"{home}/x")
    fileio.makedirs(f"{home}/x")
    fileio.remove(f"{home}/x")
    io_utils.write_string_file(f"{home}/y", "")
    with pytest.raises(StorageError, match="overwrite is false"):
        fileio.copy(f"{home}/y", f"{home}/y")
    with pytest.raises(StorageError, match="got 'a'"):
        fileio.open(f"{home}/y", "a")


def test_google_cloud_storage_works_alike(gcs_bucket):
    io_utils.write_string_file(f"{gcs_bucket}/a/b/text", "hello")
    assert io_utils.read_string_file(f"{gcs_bucket}/a/b/text") == "hello"
    assert fileio.glob(f"{gcs_bucket}/a/*/text") == [f"{gcs_bucket}/a/b/text"]
    assert fileio.stat(f"{gcs_bucket}/a/b/text").mtime_nsec > 1.5e18
    fileio.rmtree(f"{gcs_bucket}/a")
    assert not stores.exists(f"{gcs_bucket}/a")


def test_paths_of_this_machine_are_left_to_tensorflow(tmp_path):
    io_utils.write_string_file(str(tmp_path / "x"), "here")
    assert (tmp_path / "x").read_text() == "here"
