"""Teaches TFX's file layer (``tfx.dsl.io.fileio``) the buckets: import it, and it is registered.

TFX hands ``s3://`` and ``gs://`` to TensorFlow, which has not known them since version 2.6.
"""

import posixpath
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tfx.dsl.io import filesystem, filesystem_registry

from components.storage import stores
from components.storage.uris import SCHEMES, StorageError


@dataclass(frozen=True)
class Stat:
    """What TFX asks of a file: ``length`` in bytes, ``mtime_nsec`` since the epoch."""

    length: int
    mtime_nsec: int
    is_directory: bool


class BucketFilesystem(filesystem.Filesystem):
    """Buckets as TFX sees files. A folder is there when something is in it, so making one does nothing."""

    SUPPORTED_SCHEMES = SCHEMES

    @staticmethod
    def open(name: str, mode: str = "r") -> Any:
        """Reads a file, or writes one that appears, whole, when it is closed without an error."""
        name = _text(name)
        if mode in ("w", "wb"):
            stores.store(name)
            return _Upload(name, mode)
        if mode not in ("r", "rb"):
            raise StorageError(f"{name}: a file in a bucket can be opened with r, rb, w or wb; got {mode!r}.")
        kwargs = {} if mode == "rb" else {"encoding": "utf-8"}
        with _not_found(), stores.in_words(name, "open"):
            return stores.store(name).open(stores.uri_path(name), mode, **kwargs)

    @staticmethod
    def copy(src: str, dst: str, overwrite: bool = False) -> None:
        src, dst = _text(src), _text(dst)
        if not overwrite and stores.exists(dst):
            raise StorageError(f"{dst}: is there already, and overwrite is false.")
        with BucketFilesystem.open(src, "rb") as source, _Upload(dst, "wb") as target:
            while block := source.read(2**22):
                target.write(block)

    @staticmethod
    def exists(path: str) -> bool:
        return stores.exists(_text(path))

    @staticmethod
    def glob(pattern: str) -> list[str]:
        """Files and folders that match."""
        pattern = _text(pattern)
        with stores.in_words(pattern, "list"):
            found = stores.store(pattern).glob(stores.uri_path(pattern))
        return [_uri(pattern, path) for path in found]

    @staticmethod
    def isdir(path: str) -> bool:
        path = _text(path)
        with stores.in_words(path, "look up"):
            return bool(stores.store(path).isdir(stores.uri_path(path)))

    @staticmethod
    def listdir(path: str) -> list[str]:
        path = _text(path)
        with _not_found(), stores.in_words(path, "list"):
            found = stores.store(path).ls(stores.uri_path(path), detail=False)
        return [posixpath.basename(one.rstrip("/")) for one in found]

    @staticmethod
    def makedirs(path: str) -> None:
        stores.store(_text(path))

    @staticmethod
    def mkdir(path: str) -> None:
        stores.store(_text(path))

    @staticmethod
    def remove(path: str) -> None:
        """Removes an object; where there is none that is no error, as S3 has it.

        TFX removes output folders that way which exist only once something is in them.
        """
        path = _text(path)
        with stores.in_words(path, "remove"):
            try:
                stores.store(path).rm_file(stores.uri_path(path))
            except FileNotFoundError:
                return

    @staticmethod
    def rename(src: str, dst: str, overwrite: bool = False) -> None:
        """Copies a file and removes the first: buckets cannot rename."""
        BucketFilesystem.copy(src, dst, overwrite)
        BucketFilesystem.remove(src)

    @staticmethod
    def rmtree(path: str) -> None:
        path = _text(path)
        with _not_found(), stores.in_words(path, "remove"):
            if not stores.exists(path):
                raise FileNotFoundError(path)
            stores.store(path).rm(stores.uri_path(path), recursive=True)

    @staticmethod
    def stat(path: str) -> Stat:
        path = _text(path)
        with _not_found(), stores.in_words(path, "look up"):
            fs = stores.store(path)
            info = fs.info(stores.uri_path(path))
            if info["type"] == "directory":
                return Stat(length=0, mtime_nsec=0, is_directory=True)
            seconds = fs.modified(stores.uri_path(path)).timestamp()
        return Stat(length=info["size"], mtime_nsec=int(seconds * 1e9), is_directory=False)

    @staticmethod
    def walk(
        top: str, topdown: bool = True, onerror: Callable[..., None] | None = None
    ) -> Iterable[tuple[str, list[str], list[str]]]:
        top = _text(top)
        with stores.in_words(top, "list"):
            found = list(stores.store(top).walk(stores.uri_path(top), topdown=topdown))
        for folder, folders, files in found:
            yield _uri(top, folder), list(folders), [name for name in files if name]


class _Upload:
    """A file that is being written: on disk until it is closed, and in the bucket only then.

    Left by an exception, or never closed, it never reaches the bucket.
    """

    def __init__(self, uri: str, mode: str) -> None:
        self._uri = uri
        self._file: Any = tempfile.NamedTemporaryFile(  # noqa: SIM115 (closed by close)
            mode, encoding=None if "b" in mode else "utf-8"
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_Upload":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()

    def close(self) -> None:
        if self._file.closed:
            return
        with self._file:
            self._file.flush()
            stores.upload_file(self._file.name, self._uri)


@contextmanager
def _not_found() -> Iterator[None]:
    """FileNotFoundError becomes the error that TFX looks for."""
    try:
        yield
    except FileNotFoundError as error:
        raise filesystem.NotFoundError(str(error)) from None


def _text(path: str | bytes) -> str:
    return path.decode() if isinstance(path, bytes) else path


def _uri(like: str, path: str) -> str:
    return f"{like.partition('://')[0]}://{path}"


# TensorFlow's plug-in has priority 10; the lower number wins.
filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY.register(BucketFilesystem, priority=0)
