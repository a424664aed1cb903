"""Where a pipeline writes."""

from dataclasses import dataclass
from pathlib import Path

from components.storage import uris


@dataclass(frozen=True)
class Places:
    """Where a pipeline writes: under one work folder, but for what is sent to a bucket.

    Attributes:
      workdir: the work folder.
      pipeline_root: URI (``s3://``, ``minio://``, ``gs://``) for the artifacts; None: in the work folder.
      push_to: URI for the models that passed the gate; None: in the work folder.

    Raises:
      StorageError: a URI carries credentials or a query.
    """

    workdir: Path
    pipeline_root: str | None = None
    push_to: str | None = None

    def __post_init__(self) -> None:
        for uri in (self.pipeline_root, self.push_to):
            if uri is not None:
                uris.check(uri)

    @property
    def root(self) -> Path | str:
        """Artifacts."""
        return self.pipeline_root or self.workdir / "artifacts"

    @property
    def pushed(self) -> Path | str:
        """Models that passed the gate."""
        return self.push_to or self.workdir / "pushed"

    @property
    def metadata(self) -> Path:
        """The ML Metadata store (SQLite)."""
        return self.workdir / "metadata.sqlite"

    @property
    def logs(self) -> Path:
        """What TFX and Beam had to say."""
        return self.workdir / "logs"

    @property
    def reports(self) -> Path:
        """One page for each run."""
        return self.workdir / "reports"

    @property
    def data(self) -> Path:
        """The demo's generated rows."""
        return self.workdir / "data"

    @property
    def keys(self) -> Path:
        """The demo's pseudonym key."""
        return self.workdir / "keys"
