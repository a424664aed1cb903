"""The whole pipeline with its rows, its artifacts and its pushed models in buckets."""

import fsspec
import pytest

import dpcore
from components.storage import stores
from components.storage.journal import open_journal
from dpcore import ledger
from pipelines.local import run_locally
from pipelines.metadata import configured
from pipelines.places import Places
from pipelines.records import read
from tests.components.storage import servers

pytestmark = pytest.mark.slow

KEY = "a-secret-that-must-not-be-told"


@pytest.fixture(scope="module")
def wire():
    with servers.moto() as port, servers.wire_to(port) as wire, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", wire.address)
        patch.setenv("AWS_ACCESS_KEY_ID", "an-access-key-id")
        patch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        yield wire


@pytest.fixture(scope="module")
def remote(tmp_path_factory, wire):
    fsspec.filesystem("s3", use_listings_cache=False).mkdir("team")
    return Places(tmp_path_factory.mktemp("buckets"), "minio://team/root", "s3://team/served")


@pytest.fixture(scope="module")
def in_bucket(settings, remote):
    stores.upload_folder(settings.input, "s3://team/rows")
    return settings.model_copy(update={"input": "s3://team/rows"})


def latest(remote):
    return read(configured(None, remote.metadata), lambda records: records.run("latest"))


def test_a_run_whose_upload_fails_leaves_no_output_and_keeps_its_charges(in_bucket, remote, wire):
    wire.fault("refuse", "PUT", "/DPTrainer/model/", times=99, skip=1)
    with pytest.raises(stores.StorageError, match="cannot write it"):
        run_locally(in_bucket, remote)
    wire.faults.clear()
    run = latest(remote)
    assert {s.name: s.state for s in run.steps}["DPTrainer"] == "failed"
    assert not stores.exists(f"{remote.root}/DPTrainer/model")
    charged = open_journal(f"{remote.root}/DPTrainer/ledger/attempts.jsonl")
    assert len(charged.charges) == 2
    assert len(charged.unsettled()) == len(charged.entries)


def test_the_next_run_is_pushed_and_carries_what_the_first_was_charged(in_bucket, remote, wire):
    run = run_locally(in_bucket, remote)
    assert {s.name: s.state for s in run.steps}["ScrubbingExampleGen"] == "cached"
    (recorded,) = [o for s in run.steps for o in s.outputs if o.type == "components.PrivacyLedger"]
    spent = ledger.loads(recorded.properties["ledger"])
    assert len({charge.attempt for charge in spent.charges}) == 2
    assert run.privacy_report.epsilon > 3.0
    kept = stores.open_input(f"{recorded.uri}/ledger.jsonl").read().decode()
    assert dpcore.epsilon(ledger.loads(kept), 1e-5) == dpcore.epsilon(spent, 1e-5)
    assert open_journal(f"{remote.root}/DPTrainer/ledger/attempts.jsonl").unsettled() == ()
    assert run.blessed, run.reasons
    assert run.pushed_to.startswith("s3://team/served/")
    assert stores.exists(f"{run.pushed_to}/saved_model.pb")
    assert stores.glob(f"{run.pushed_to}/variables/*")


def test_a_third_run_comes_from_the_cache_and_charges_nothing(in_bucket, remote):
    charged = open_journal(f"{remote.root}/DPTrainer/ledger/attempts.jsonl").entries
    run = run_locally(in_bucket, remote)
    assert {s.state for s in run.steps} == {"cached"}
    assert open_journal(f"{remote.root}/DPTrainer/ledger/attempts.jsonl").entries == charged


def test_the_records_hold_uris_of_the_bucket_and_no_key(in_bucket, remote):
    outputs = [o for s in latest(remote).steps for o in s.outputs]
    assert all(o.uri.startswith("minio://team/root/") for o in outputs)
    told = "".join(str(value) for o in outputs for value in o.properties.values())
    assert "/tfx-privacy-" not in told  # the scratch folders
    assert KEY.encode() not in remote.metadata.read_bytes()
