"""The ledger of all attempts at training, where a pod's death cannot take it: in a bucket.

A bucket cannot append to an object, so the journal is a folder, and each entry an object of its own, with a
name that no other writer uses. An entry is durable when :meth:`BucketLedger.append` returns, and nothing
that was written is ever replaced.

Two attempts at once (a scheduler that believes a pod dead which is not) must not settle each other's
charges. So a writer looks at the folder after each write: if it finds an entry that it has not read, another
attempt is under way, and it stops before it releases anything. Of two writers, the one that looks last sees
the other. This needs a store that lists what was written (S3, MinIO, SeaweedFS and Google Cloud Storage do),
and no conditional writes, which not all of them have.
"""

import os
import uuid

from components.storage import stores
from components.storage.uris import StorageError, is_remote
from dpcore import ledger as ledgers
from dpcore.errors import LedgerError
from dpcore.ledger import Entry, Ledger


def open_journal(place: str | os.PathLike[str]) -> Ledger:
    """Opens the journal at a path (a file) or URI (a folder), or begins it.

    Raises:
      LedgerError: it holds something else or a damaged entry.
      StorageError: the bucket cannot be reached.
    """
    return BucketLedger(os.fspath(place)) if is_remote(place) else Ledger(place)


class BucketLedger(Ledger):
    """A :class:`dpcore.ledger.Ledger` whose entries are objects in a folder of a bucket."""

    def __init__(self, uri: str) -> None:
        """Reads what is there; see :func:`open_journal` for errors."""
        super().__init__()
        self._uri = uri.rstrip("/")
        self._writer = uuid.uuid4().hex
        self._seen = set(self._names())
        for name in sorted(self._seen):
            try:
                (entry,) = ledgers.loads(self._read(name)).entries
            except (LedgerError, ValueError) as error:
                raise LedgerError(f"{self._uri}/{name} is not an entry of a journal: {error}") from None
            super().append(entry)

    def __repr__(self) -> str:
        return f"BucketLedger({self._uri!r}, {len(self.entries)} entries)"

    def append(self, entry: Entry) -> None:
        """Adds an entry; durable, and the only writer's, when this returns.

        Raises:
          StorageError: it could not be written, or another attempt writes to the same journal.
        """
        name = f"{len(self._seen):08d}-{self._writer}.jsonl"
        self._write_object(name, ledgers.of([entry]).dumps())
        self._seen.add(name)
        super().append(entry)
        unknown = set(self._names()) ^ self._seen
        if unknown:
            raise StorageError(
                f"{self._uri}: another attempt writes to this journal, or its entries were removed "
                f"({len(unknown)} differ). Wait until the other has ended, and run again: nothing that "
                "was charged is lost."
            )

    def _names(self) -> list[str]:
        return [path.rpartition("/")[2] for path in stores.files(self._uri)]

    def _read(self, name: str) -> str:
        with stores.in_words(self._uri, "read"):
            content: bytes = stores.store(self._uri).cat_file(f"{stores.uri_path(self._uri)}/{name}")
        return content.decode(errors="replace")

    def _write_object(self, name: str, content: str) -> None:
        with stores.in_words(self._uri, "write"):
            stores.store(self._uri).pipe_file(f"{stores.uri_path(self._uri)}/{name}", content.encode())
