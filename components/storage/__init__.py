"""Inputs, pipeline roots and push destinations in buckets: ``s3://``, ``minio://`` and ``gs://``.

    uris      which paths lie in a bucket; what a URI must not carry
    stores    reading, copying and publishing there, by fsspec
    plugin    TFX's own file layer learns the same
    staging   executors work on local copies, because TensorFlow and Beam know no buckets
    journal   the ledger of all attempts at training, in a bucket
    pusher    a pushed version is whole or absent

The endpoint and the credentials come from the environment, under the names that AWS and Google Cloud give
them (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID``, ``GOOGLE_APPLICATION_CREDENTIALS``, ...), and from nowhere
else: a pipeline's settings and metadata are read by many. Libraries are imported when the first URI of
their kind is opened.
"""
