"""Where Kubeflow's launcher puts buckets: it copies objects to a mount before a step, and back after it."""

MOUNTS = {"/minio/": "minio://", "/s3/": "s3://", "/gcs/": "gs://"}


def to_mount(uri: str) -> str:
    """The path at which a step finds an artifact; a path stays as it is.

    TensorFlow and Beam know plain paths, so ``file://`` goes too.
    """
    for mount, scheme in MOUNTS.items():
        if uri.startswith(scheme):
            return mount + uri.removeprefix(scheme)
    return uri.removeprefix("file://")
