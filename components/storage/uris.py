"""Which paths lie in a bucket, and what their URIs must not carry."""

import os
import re

SCHEMES = ("s3://", "minio://", "gs://")

# What a launcher may append (?region=..., ?X-Amz-Signature=...); a lone question mark is a glob's.
_QUERY = re.compile(r"\?[^/]*=")
_USERINFO = re.compile(r"(\w+://)[^/\s@]+@")
_QUERY_IN_TEXT = re.compile(r"\?[^\s'\"]*=[^\s'\"]*")
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")


class StorageError(OSError):
    """A bucket cannot be used as asked. The message names the place and holds no credentials."""


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Whether a path is the URI of something in a bucket."""
    return os.fspath(path).startswith(SCHEMES)


def check(uri: str) -> str:
    """The URI, if it may stand in settings, logs and metadata.

    Raises:
      StorageError: it carries credentials or a query, or names no bucket.
    """
    scheme, _, rest = uri.partition("://")
    bucket = rest.partition("/")[0]
    if "@" in bucket or _QUERY.search(rest):
        raise StorageError(
            f"{redact(uri)}: a URI must carry neither credentials nor a query, because it is stored in "
            "metadata and logs; give them in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
            "AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS)."
        )
    if not bucket:
        raise StorageError(f"{uri}: names no bucket; a URI has the form {scheme}://BUCKET/FOLDER.")
    return uri


def redact(text: str) -> str:
    """A text without the credentials that stand in the environment, in URIs and in their queries."""
    for name in _SECRETS:
        if secret := os.environ.get(name):
            text = text.replace(secret, "***")
    return _QUERY_IN_TEXT.sub("?***", _USERINFO.sub(r"\1***@", text))


def parent(uri: str) -> str:
    """The folder that a path or URI lies in."""
    return uri.rstrip("/").rpartition("/")[0]
