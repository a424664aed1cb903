"""Executors on copies: what arrives in the bucket, what is told, and when something counts as published."""

from pathlib import Path

import pytest
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

from components.artifacts import PrivacyLedger
from components.scrubbing_example_gen.executor import DEAD_LETTER_FILE, _keep
from components.storage import staging, stores
from components.storage.uris import StorageError


class Trains(base_executor.BaseExecutor):
    """Copies its input into its output, and tells where it was."""

    settled = 0

    def Do(self, input_dict, output_dict, exec_properties):
        (examples,), (model,), (ledger,) = (*input_dict.values(), *output_dict.values())
        assert not examples.uri.startswith("s3:")
        assert Path(model.uri).stat().st_mode & 0o777 == 0o755
        assert Path(self._get_tmp_dir()).is_dir()
        assert staging.origin(model.uri).startswith("s3://")
        model.set_string_custom_property("current_model", model.uri)
        for name in ("saved_model.pb", "weights"):
            Path(model.uri, name).write_bytes(Path(examples.uri, "Split-train", "rows").read_bytes())
        Path(ledger.uri, "ledger.jsonl").write_text("charged")
        staging.when_published(self.settle)
        assert Trains.settled == exec_properties["settled_before"]
        if exec_properties.get("fails"):
            raise RuntimeError("out of luck")

    def settle(self):
        Trains.settled += 1


@pytest.fixture
def run(bucket):
    def artifact(kind, folder):
        made = kind()
        made.uri = f"{bucket}/root/{folder}/7"
        return made

    stores.store(bucket).pipe_file(stores.uri_path(f"{bucket}/root/gen/7/Split-train/rows"), b"rows")
    Trains.settled = 0

    def do(**exec_properties):
        outputs = {"model": [artifact(standard_artifacts.Model, "model")]}
        outputs["ledger"] = [artifact(PrivacyLedger, "ledger")]
        context = base_executor.BaseExecutor.Context(
            extra_flags=[f"{staging.EXECUTOR_FLAG}{__name__}.Trains", "--other"],
            tmp_dir="s3://x",
            unique_id="7",
        )
        inputs = {"examples": [artifact(standard_artifacts.Examples, "gen")]}
        staging.StagedExecutor(context=context).Do(inputs, outputs, {"settled_before": 0, **exec_properties})
        return outputs

    return do


def test_outputs_arrive_and_their_properties_name_the_bucket(run, bucket):
    (model,), (ledger,) = run().values()
    assert model.uri == f"{bucket}/root/model/7"
    assert ledger.uri == f"{bucket}/root/ledger/7"
    assert model.get_string_custom_property("current_model") == model.uri
    assert stores.open_input(f"{model.uri}/weights").read() == b"rows"
    assert stores.open_input(f"{ledger.uri}/ledger.jsonl").read() == b"charged"
    assert Trains.settled == 1


def test_the_ledger_is_there_before_the_model_and_the_model_s_mark_comes_last(run, wire):
    run()
    written = [path.rpartition("/")[2].partition("?")[0] for method, path in wire.requests if method == "PUT"]
    assert written[-3:] == ["ledger.jsonl", "weights", "saved_model.pb"]


@pytest.mark.parametrize("kind", ["refuse", "cut"])
@pytest.mark.parametrize("file", ["ledger.jsonl", "weights", "saved_model.pb"])
def test_an_upload_that_fails_settles_nothing_and_can_be_repeated(run, wire, bucket, kind, file):
    wire.fault(kind, "PUT", file, times=99)
    with pytest.raises(StorageError):
        run()
    wire.faults.clear()
    assert Trains.settled == 0
    assert not stores.exists(f"{bucket}/root/model/7")
    run()
    assert stores.exists(f"{bucket}/root/model/7/saved_model.pb")
    assert Trains.settled == 1


def test_an_executor_that_fails_publishes_and_settles_nothing(run, bucket):
    with pytest.raises(RuntimeError, match="out of luck"):
        run(fails=True)
    assert not stores.exists(f"{bucket}/root/model")
    assert Trains.settled == 0


def test_a_launcher_s_mounts_lead_back_and_nothing_counts_as_published_before_it_has_carried_it_away():
    acts = []
    with staging.mounted({"/minio/": "minio://", "/gcs/": "gs://"}):
        assert staging.origin("/minio/b/root/ledger") == "minio://b/root/ledger"
        assert staging.origin("/gcs/b/x") == "gs://b/x"
        assert staging.origin("/data/x") == "/data/x"
        staging.when_published(lambda: acts.append(1))
    assert acts == []
    assert staging.origin("/minio/b/root/ledger") == "/minio/b/root/ledger"
    staging.when_published(lambda: acts.append(1))
    assert acts == [1]


def test_what_is_kept_of_a_refused_scrub_is_in_the_bucket_before_the_machine_is_gone(bucket, tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / DEAD_LETTER_FILE).write_text("line 62: short row")
    with staging.mounted({f"{tmp_path}/": f"{bucket}/"}):
        _keep(f"{tmp_path}/7", staging.origin(f"{tmp_path}/7.refused"))
    kept = stores.open_input(f"{bucket}/7.refused/{DEAD_LETTER_FILE}")
    assert kept.read() == b"line 62: short row"
