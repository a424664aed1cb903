"""What can go wrong with a compiled pipeline, in words."""


class KubeflowError(RuntimeError):
    """A compiled pipeline cannot be run as asked. The message says why, and holds no secret."""


class ParameterError(KubeflowError):
    """A parameter has no such name, or a value that breaks its rule."""


class StepError(KubeflowError):
    """A step cannot start, or failed; the message says which and why."""


class SubmitError(KubeflowError):
    """The server cannot be reached, or refuses."""
