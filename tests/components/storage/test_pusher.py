"""Pushed versions are whole or absent."""

from pathlib import Path

import pytest
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.storage import pusher, stores
from components.storage.uris import StorageError


@pytest.fixture
def push(tmp_path):
    model = standard_artifacts.Model()
    model.uri = str(tmp_path / "model")
    saved = Path(model.uri, "Format-Serving")
    (saved / "variables").mkdir(parents=True)
    (saved / "saved_model.pb").write_bytes(b"graph")
    (saved / "variables" / "variables.index").write_bytes(b"index")

    def do(destination, *, blessed=True):
        blessing, pushed = standard_artifacts.ModelBlessing(), standard_artifacts.PushedModel()
        blessing.set_int_custom_property("blessed", int(blessed))
        pushed.uri = str(tmp_path / "archive")
        config = pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(destination))
        )
        pusher.Executor().Do(
            {"model": [model], "model_blessing": [blessing]},
            {"pushed_model": [pushed]},
            {"push_destination": proto_utils.proto_to_json(config)},
        )
        return pushed

    return do


def test_a_version_is_pushed_whole_and_recorded_where_it_is(push, bucket):
    pushed = push(f"{bucket}/served")
    place = pushed.get_string_custom_property("pushed_destination")
    assert place == f"{bucket}/served/{pushed.get_string_custom_property('pushed_version')}"
    assert stores.open_input(f"{place}/saved_model.pb").read() == b"graph"
    assert stores.open_input(f"{place}/variables/variables.index").read() == b"index"
    assert pushed.get_int_custom_property("pushed") == 1


@pytest.mark.parametrize("kind", ["refuse", "cut"])
@pytest.mark.parametrize("file", ["variables.index", "saved_model.pb"])
def test_a_push_that_fails_leaves_no_version_and_a_retry_works(push, bucket, wire, kind, file):
    wire.fault(kind, "PUT", f"/{file}", times=99)
    with pytest.raises(StorageError):
        push(f"{bucket}/served")
    wire.faults.clear()
    assert not stores.exists(f"{bucket}/served")
    push(f"{bucket}/served")
    assert len(stores.glob(f"{bucket}/served/*/saved_model.pb")) == 1


def test_what_is_not_blessed_is_not_pushed(push, bucket):
    pushed = push(f"{bucket}/served", blessed=False)
    assert not stores.exists(f"{bucket}/served")
    assert pushed.get_int_custom_property("pushed") == 0


def test_a_disk_gets_one_whole_folder(push, tmp_path):
    pushed = push(tmp_path / "served")
    version = pushed.get_string_custom_property("pushed_version")
    assert [each.name for each in (tmp_path / "served").iterdir()] == [version]
    assert (tmp_path / "served" / version / "saved_model.pb").read_bytes() == b"graph"


def test_it_is_stock_pusher_otherwise():
    from tfx.components import Pusher

    assert issubclass(pusher.Pusher, Pusher)
    assert pusher.Pusher.EXECUTOR_SPEC.executor_class is pusher.Executor
