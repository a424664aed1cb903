import apache_beam as beam
import dp_accounting
import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils
from tfx.types import channel_utils, standard_artifacts

from components.artifacts import CanarySet as CanarySetArtifact
from components.artifacts import PrivacyLedger
from components.artifacts import PrivacyReport as PrivacyReportArtifact
from components.canary_injector.canary_set import CanarySet, Candidate
from components.documents import DocumentError
from components.privacy_evaluator import scoring
from components.privacy_evaluator.component import PrivacyEvaluator
from components.privacy_evaluator.executor import Executor
from components.privacy_evaluator.report import PrivacyReport
from dpcore import ledger
from dpcore.errors import ConfigError
from dpcore.ledger import Charge

FEATURES = {"x": tf.io.FixedLenFeature([1], tf.float32)}
PROPERTIES = {
    "label_key": "y",
    "loss": "binary_crossentropy",
    "from_logits": 0,
    "target_delta": 1e-5,
    "confidence": 0.95,
    "signature_name": "serving_default",
    "max_rows": 300,
    "code_version": "1",
}
STEPS = Charge(
    event=dp_accounting.PoissonSampledDpEvent(0.1, dp_accounting.GaussianDpEvent(2.0)),
    count=20,
    attempt="a",
    l2_norm_clip=1.0,
)


class Memory(keras.layers.Layer):
    """Answers with the label of a row that it has seen, and with 1/2 otherwise."""

    def __init__(self, x, y):
        super().__init__()
        self._x = tf.constant(x, tf.float32)[None, :]
        self._y = tf.constant(y, tf.float32)[:, None]

    def call(self, inputs):
        known = tf.cast(tf.abs(inputs - self._x) < 1e-6, tf.float32)
        return 0.5 + tf.matmul(known, self._y - 0.5) * 0.98


def export(path, layer):
    inputs = keras.Input((1,), dtype="float32")
    model = keras.Model(inputs, layer(inputs))
    archive = keras.export.ExportArchive()
    archive.track(model)

    def serve(examples):
        return model(tf.io.parse_example(examples, FEATURES)["x"])

    archive.add_endpoint("serving_default", serve, [tf.TensorSpec([None], tf.string, name="examples")])
    archive.write_out(str(path), verbose=False)


def example(x, y):
    features = {
        "x": tf.train.Feature(float_list=tf.train.FloatList(value=[x])),
        "y": tf.train.Feature(int64_list=tf.train.Int64List(value=[y])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
        for record in records:
            writer.write(record)


def artifact(kind, path):
    found = kind()
    found.uri = str(path)
    return found


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """Rows, canaries, a ledger, and two models: one remembers, the other answers 1/2."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=1000).astype(np.float32), rng.integers(0, 2, 1000)
    rows = [example(float(a), int(b)) for a, b in zip(x, y, strict=True)]
    write(folder / "examples/Split-train/a-00000-of-00002.gz", rows[:200])
    write(folder / "examples/Split-train/a-00001-of-00002.gz", rows[200:400])
    write(folder / "examples/Split-eval/a-00000-of-00001.gz", rows[400:800])
    fates = [1] * 16 + [4] * 4 + [0] * 180
    candidates = tuple(Candidate(index=i, repetitions=fate, coin_flip=False) for i, fate in enumerate(fates))
    write(folder / "canaries/candidates.tfrecord.gz", rows[800:])
    (folder / "canaries/canaries.json").write_text(
        CanarySet(plan_digest="x", candidates=candidates).model_dump_json()
    )
    (folder / "ledger").mkdir()
    (folder / "ledger/ledger.jsonl").write_text(ledger.of([STEPS]).dumps())
    seen = [*range(400), *range(800, 820)]
    export(folder / "memory/Format-Serving", Memory(x[seen], y[seen]))
    export(folder / "constant/Format-Serving", keras.layers.Dense(1, "sigmoid", kernel_initializer="zeros"))
    return folder


def inputs(run_dir, model, **more):
    examples = artifact(standard_artifacts.Examples, run_dir / "examples")
    examples.split_names = '["train", "eval"]'
    return {
        "model": [artifact(standard_artifacts.Model, run_dir / model)],
        "ledger": [artifact(PrivacyLedger, run_dir / "ledger")],
        "examples": [examples],
        "canaries": [artifact(CanarySetArtifact, run_dir / "canaries")],
        **more,
    }


def run(tmp_path, input_dict, **properties):
    output = artifact(PrivacyReportArtifact, tmp_path / "report")
    Executor().Do(input_dict, {"privacy_report": [output]}, {**PROPERTIES, **properties})
    return output, PrivacyReport.from_json((tmp_path / "report/report.json").read_text())


def test_a_memorising_model_is_found_out(run_dir, tmp_path):
    output, report = run(tmp_path, inputs(run_dir, "memory"))
    assert [group.repetitions for group in report.exposure] == [1, 4]
    assert all(group.median == group.max_possible == pytest.approx(np.log2(181)) for group in report.exposure)
    assert report.membership.low > 0.9
    assert report.membership.members == report.membership.nonmembers == 300
    assert report.epsilon_lower_bound.value > 1
    assert report.heuristic_lower_bound.value > 3
    assert not report.problems
    assert output.get_float_custom_property("exposure_1") == pytest.approx(np.log2(181))
    assert output.get_float_custom_property("epsilon") == report.epsilon
    assert output.get_int_custom_property("steps") == 20
    assert PrivacyReport.from_json(output.get_string_custom_property("report")) == report
    assert "Privacy report" in (tmp_path / "report/report.html").read_text()


def test_a_constant_model_shows_about_one_bit(run_dir, tmp_path):
    _, report = run(tmp_path, inputs(run_dir, "constant"))
    assert [group.median for group in report.exposure] == pytest.approx([1, 1], abs=0.02)
    assert report.membership.advantage == 0
    assert report.membership.low < 0 < report.membership.high
    assert report.epsilon_lower_bound.value == report.heuristic_lower_bound.value == 0


def test_the_report_names_the_model_by_its_files(run_dir, tmp_path):
    _, report = run(tmp_path, inputs(run_dir, "constant"))
    assert report.model_digest == scoring.model_digest(str(run_dir / "constant/Format-Serving"))
    assert report.model_digest != scoring.model_digest(str(run_dir / "memory/Format-Serving"))


@pytest.mark.parametrize(
    "content", [None, b"", b"\xff\xfe", b'{"format": "tfx-privacy-ledger/1"}\n{"kind": "cha']
)
def test_without_a_whole_ledger_there_is_a_report_and_no_guarantee(run_dir, tmp_path, content):
    if content is not None:
        (tmp_path / "ledger.jsonl").write_bytes(content)
    broken = [artifact(PrivacyLedger, tmp_path)]
    output, report = run(tmp_path, inputs(run_dir, "constant", ledger=broken))
    assert report.epsilon == "infinite"
    assert "the ledger" in report.nonprivate_reasons[0]
    assert report.membership is not None
    assert not output.has_custom_property("epsilon")
    assert output.get_int_custom_property("epsilon_is_finite") == 0


def test_a_model_that_answers_nan_has_a_report_with_problems(run_dir, tmp_path):
    export(
        tmp_path / "nan/Format-Serving",
        keras.layers.Dense(1, kernel_initializer=lambda s, dtype: tf.fill(s, np.nan)),
    )
    given = inputs(run_dir, "constant")
    given["model"] = [artifact(standard_artifacts.Model, tmp_path / "nan")]
    _, report = run(tmp_path, given)
    assert report.membership is None
    assert report.exposure == ()
    assert any("must be finite; got nan" in problem for problem in report.problems)


def test_without_canaries_or_an_eval_split_the_rest_is_reported(run_dir, tmp_path):
    given = inputs(run_dir, "constant")
    del given["canaries"]
    given["examples"][0].split_names = '["train"]'
    _, report = run(tmp_path, given)
    assert report.exposure == ()
    assert "nonmember_losses must be a non-empty vector" in report.problems[0]


def test_the_label_may_come_from_transform(run_dir, tmp_path):
    specification = {**FEATURES, "y": tf.io.FixedLenFeature([1], tf.int64)}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(specification))
    data = [{"x": np.array([1.0], np.float32), "y": np.array([1])}]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline, tft_beam.Context(temp_dir=str(tmp_path / "tmp")):
        transform = ((pipeline | beam.Create(data)), metadata) | tft_beam.AnalyzeDataset(
            lambda columns: {"flipped": 1 - columns["y"], "x": tft.scale_to_0_1(columns["x"])}
        )
        _ = transform | tft_beam.WriteTransformFn(str(tmp_path / "transform"))
    metadata_io.write_metadata(metadata, str(tmp_path / "transform/metadata"))
    graph = [artifact(standard_artifacts.TransformGraph, tmp_path / "transform")]
    given = inputs(run_dir, "memory", transform_graph=graph)
    _, report = run(tmp_path, given, label_key="flipped")
    assert report.membership.high < 0.1
    with pytest.raises(DocumentError, match="label_key='y' must name a transformed feature; got flipped, x"):
        run(tmp_path, given, label_key="y")


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"label_key": "z"}, "label_key='z' must name one number in every example; got 0 in one"),
        (
            {"signature_name": "other"},
            "signature_name='other': no such signature; the model has serving_default",
        ),
        (
            {"loss": "mystery"},
            "loss must name a Keras loss function, such as binary_crossentropy; got 'mystery'",
        ),
        ({"loss": "BinaryCrossentropy"}, "loss must name a Keras loss function"),
    ],
)
def test_a_wrong_setting_stops_the_run_in_words(run_dir, tmp_path, properties, message):
    with pytest.raises(DocumentError, match=message):
        run(tmp_path, inputs(run_dir, "constant"), **properties)


def test_rows_are_sampled_fairly():
    rng = np.random.default_rng(0)
    counts = np.zeros(20)
    for _ in range(2000):
        for record in scoring.sample([b"%d" % i for i in range(20)], 5, rng):
            counts[int(record)] += 1
    np.testing.assert_allclose(counts / 2000, 0.25, atol=0.04)
    assert sorted(scoring.sample([b"a", b"b"], 5, rng)) == [b"a", b"b"]


def test_losses_of_several_classes_and_logits():
    outputs = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]], np.float32)
    model = scoring.ScoredModel(
        signature=lambda examples: {"logits": tf.constant(outputs[: examples.shape[0]])},
        argument="examples",
        loss=scoring.loss_function("sparse_categorical_crossentropy", from_logits=True),
        threshold=0.0,
        model=None,
    )
    expected = np.log(np.exp(outputs).sum(1)) - outputs[[0, 1], [1, 2]]
    np.testing.assert_allclose(model.losses([b"", b""], np.array([1.0, 2.0])), expected, rtol=1e-5)
    assert model.losses([], np.empty(0)).shape == (0,)
    assert model.accuracy([b"", b""], np.array([0.0, 1.0])) == 0.5


def test_accuracy_of_one_score_goes_by_the_threshold():
    model = scoring.ScoredModel(
        signature=lambda examples: {"score": tf.constant([[0.4], [0.6], [0.9]])},
        argument="examples",
        loss=scoring.loss_function("binary_crossentropy"),
        threshold=0.5,
        model=None,
    )
    assert model.accuracy([b""] * 3, np.array([0.0, 1.0, 0.0])) == pytest.approx(2 / 3)


def test_the_component_checks_its_numbers_when_the_pipeline_is_written():
    channels = {
        "model": channel_utils.as_channel([standard_artifacts.Model()]),
        "ledger": channel_utils.as_channel([PrivacyLedger()]),
        "examples": channel_utils.as_channel([standard_artifacts.Examples()]),
    }
    component = PrivacyEvaluator(**channels, label_key="y")
    assert component.outputs["privacy_report"].type is PrivacyReportArtifact
    assert component.exec_properties["target_delta"] == 1e-5
    for wrong in ({"target_delta": 0.0}, {"confidence": 1.0}, {"max_rows": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            PrivacyEvaluator(**channels, label_key="y", **wrong)
