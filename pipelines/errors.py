"""Which errors are told in their words, without a traceback."""


def mendable() -> tuple[type[Exception], ...]:
    """Errors that the person who started the run can mend. Their messages say how, and hold no secret.

    Their modules are imported only here, when something went wrong.
    """
    from components.documents import DocumentError
    from components.pii.errors import ScrubError
    from components.storage.uris import StorageError
    from dpcore.errors import DpError
    from pipelines.kubeflow.errors import KubeflowError
    from pipelines.metadata import MetadataError
    from pipelines.records import RecordError

    return DocumentError, ScrubError, StorageError, DpError, KubeflowError, MetadataError, RecordError
