"""Where a pipeline writes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Where a pipeline writes. Everything lies under one work folder."""

    workdir: Path

    @property
    def root(self) -> Path:
        """Artifacts."""
        return self.workdir / "artifacts"

    @property
    def metadata(self) -> Path:
        """The ML Metadata store (SQLite)."""
        return self.workdir / "metadata.sqlite"

    @property
    def pushed(self) -> Path:
        """Models that passed the gate."""
        return self.workdir / "pushed"

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
