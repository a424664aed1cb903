"""Files in buckets, by fsspec: listed, read, and written so that nothing half-written can be seen.

An object store replaces an object as a whole or not at all, and has no folders: a folder is there when an
object under it is.
"""

import importlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from components.storage.uris import StorageError, check, is_remote, redact

# TF Serving and TFX take a SavedModel for complete when they see this file.
COMMIT_FILE = "saved_model.pb"

# Stands in a folder that is empty, and yet an output: TFX asks whether it is there before it uses its cache.
_EMPTY = ".empty"

_PROTOCOLS = {"s3": "s3", "minio": "s3", "gs": "gs"}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def store(uri: str) -> Any:
    """The fsspec file system of a URI. It keeps no listings: other processes write there too.

    Raises:
      StorageError: see :func:`components.storage.uris.check`; or the libraries are missing; or no endpoint
        is set for ``minio://``, or one that carries credentials.
    """
    scheme = check(uri).partition("://")[0]
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)
    if scheme == "minio" and endpoint is None:
        raise StorageError(f"{uri}: minio:// needs the server's address in the variable AWS_ENDPOINT_URL.")
    if scheme != "gs" and endpoint is not None and "@" in endpoint:
        raise StorageError(f"{uri}: AWS_ENDPOINT_URL must not carry credentials; got {redact(endpoint)}.")
    try:
        fsspec = importlib.import_module("fsspec")
        with in_words(uri, "open"):
            return fsspec.filesystem(_PROTOCOLS[scheme], use_listings_cache=False)
    except ImportError as error:
        raise StorageError(
            f"{uri}: {error.name or 'a library'} is not installed. Run: pip install 'tfx-privacy[storage]'."
        ) from None


def exists(uri: str) -> bool:
    """Whether there is an object, or a folder with one."""
    return bool(files(uri))


def files(uri: str) -> dict[str, int]:
    """The objects at or under a URI and their sizes in bytes, by what fsspec calls them; none is no error.

    Some stores (SeaweedFS), and consoles, keep empty folders: these do not count.
    """
    with in_words(uri, "list"):
        found = store(uri).find(uri_path(uri), detail=True)
    return {
        path: info["size"]
        for path, info in found.items()
        if info["type"] == "file" and not path.endswith("/")
    }


def glob(pattern: str) -> list[str]:
    """The URIs of the objects (no folders) that match, sorted."""
    with in_words(pattern, "list"):
        found = store(pattern).glob(uri_path(pattern), detail=True)
    scheme = pattern.partition("://")[0]
    return sorted(f"{scheme}://{path}" for path, info in found.items() if info["type"] == "file")


def open_input(uri: str) -> BinaryIO:
    """Opens an object for reading, decompressed as its name says; it can seek."""
    with in_words(uri, "open"):
        stream: BinaryIO = store(uri).open(uri_path(uri), "rb", compression="infer")
        return stream


def upload_file(source: str | os.PathLike[str], uri: str) -> None:
    """Copies a local file into a bucket; the object is replaced as a whole or not at all."""
    with in_words(uri, "write"):
        store(uri).put_file(os.fspath(source), uri_path(uri))


def upload_folder(source: str | os.PathLike[str], uri: str) -> None:
    """Copies a local folder into a bucket; what marks it as complete comes last.

    Raises:
      StorageError: a file could not be written. The files that were written are removed again.
    """
    found = sorted(path for path in Path(source).rglob("*") if path.is_file())
    found.sort(key=lambda path: path.name == COMMIT_FILE)
    if not found:
        with in_words(uri, "write"):
            store(uri).pipe_file(f"{uri_path(uri)}/{_EMPTY}", b"")
    written: list[str] = []
    try:
        for path in found:
            target = f"{uri.rstrip('/')}/{path.relative_to(source).as_posix()}"
            written.append(target)
            upload_file(path, target)
    except BaseException:
        # The mark of completeness goes first, should the rest fail too.
        for target in reversed(written):
            _remove_quietly(target)
        raise


def download(uri: str, target: str | os.PathLike[str]) -> None:
    """Copies an object, or all objects under a folder, to a local path; a folder may be empty.

    Raises:
      StorageError: the copy is not of the announced size, or an object's name would lead out of ``target``.
    """
    home = Path(target).resolve()
    root = uri_path(uri)
    for path, size in files(uri).items():
        with in_words(uri, "read"):
            # A single object is found under its own name.
            name = path[len(root) :].strip("/")
            local = (home / name).resolve() if name else home
            if not local.is_relative_to(home):
                raise StorageError(f"{uri}: holds an object whose name leads out of its folder; remove it.")
            local.parent.mkdir(parents=True, exist_ok=True)
            if local.name == _EMPTY:
                continue
            store(uri).get_file(path, str(local))
            if local.stat().st_size != size:
                raise StorageError(
                    f"{uri}: {name or root} has {size} bytes, and {local.stat().st_size} arrived."
                )


def publish_folder(source: str | os.PathLike[str], target: str) -> None:
    """Copies a local folder to a path or URI where others watch: they see all of it, or nothing complete.

    On a disk the folder appears by one rename. In a bucket, which has no rename, ``saved_model.pb`` appears
    last; after a failure nothing is left, and after a kill no ``saved_model.pb`` is.
    """
    if is_remote(target):
        upload_folder(source, target)
        return
    place = Path(target)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incomplete-", dir=place.parent) as scratch:
        copy = Path(scratch) / place.name
        shutil.copytree(source, copy)
        for path in (*copy.rglob("*"), copy):
            _flush(path)
        copy.rename(place)
        _flush(place.parent)


def uri_path(uri: str) -> str:
    """What fsspec calls a URI: ``bucket/key``."""
    return re.sub(r"^\w+://", "", uri).rstrip("/")


@contextmanager
def in_words(uri: str, doing: str) -> Iterator[None]:
    """Errors of the libraries below become StorageError, without credentials; FileNotFoundError stays.

    They are not chained: TFX logs whole chains.
    """
    try:
        yield
    except (StorageError, ImportError):
        raise
    except FileNotFoundError:
        raise FileNotFoundError(f"{redact(uri)}: there is no such object or folder.") from None
    except Exception as error:
        said = redact(f"{type(error).__name__}: {error}")
        raise StorageError(f"{redact(uri)}: cannot {doing} it: {said}") from None


def _remove_quietly(uri: str) -> None:
    with suppress(Exception):  # the first error is the one to tell
        store(uri).rm_file(uri_path(uri))


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
