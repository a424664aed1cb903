"""A pipeline of one component, ScrubbingExampleGen, for different engines to run."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline

from components import ScrubbingExampleGen
from tests.scrub_policy import POLICY

# 2,000 rows, every hundredth of them malformed.
ROWS = [
    "short" if number % 100 == 0 else f"r{number % 20},call 312-555-{number:04d},{number}.5"
    for number in range(2000)
]


def write_rows(folder: Path) -> None:
    """The rows and their policy."""
    (folder / "rows").mkdir()
    (folder / "rows" / "rows.csv").write_text("\n".join(["rider,note,fare", *ROWS]))
    (folder / "policy.yaml").write_text(POLICY)


def run(folder: Path, name: str, beam: Sequence[str]) -> tuple[dict[str, Counter[bytes]], dict[str, Any]]:
    """The Examples of each split, and what the ScrubReport says, after a run with these options of Beam."""
    example_gen = ScrubbingExampleGen(
        input_base=str(folder / "rows"), policy=folder / "policy.yaml", split_by="rider"
    )
    root = folder / name
    root.mkdir()
    root.chmod(0o777)  # For workers that are somebody else.
    store = metadata.sqlite_metadata_connection_config(str(folder / f"{name}.sqlite"))
    pipeline = Pipeline(
        pipeline_name=name,
        pipeline_root=str(root),
        components=[example_gen],
        metadata_connection_config=store,
        beam_pipeline_args=list(beam),
    )
    LocalDagRunner().run(pipeline)
    with metadata.Metadata(store) as connected:
        (report,) = connected.store.get_artifacts_by_type("components.ScrubReport")
    told = {key: report.custom_properties[key] for key in ("rows_in", "rows_out", "rows_rejected", "report")}
    return {split: _records(root, split) for split in ("train", "eval")}, {
        key: getattr(value, str(value.WhichOneof("value"))) for key, value in told.items()
    }


def _records(root: Path, split: str) -> Counter[bytes]:
    files = [str(path) for path in root.glob(f"ScrubbingExampleGen/examples/*/Split-{split}/*")]
    found = tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
    return Counter(tf.train.Example.FromString(one).SerializeToString(deterministic=True) for one in found)
