"""What a cluster has to know about each step: the ``kubeflow`` section of a settings file."""

from pydantic import Field

from components.documents import Document

_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|[KMGTPE]i?)?$"


class Secret(Document):
    """One key of a Kubernetes secret, as an environment variable of the steps that need it.

    A secret is never a pipeline parameter and never stands in the compiled pipeline: only its name does.
    """

    env: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="the environment variable")
    secret: str = Field(default="tfx-privacy", description="name of the Kubernetes secret")
    key: str = Field(description="key in the secret")
    steps: tuple[str, ...] = Field(default=(), description="steps that get it; all where none is named")
    optional: bool = Field(default=False, description="start the step without it where there is none")


class Volume(Document):
    """A persistent volume claim, mounted where something must outlive a pod.

    DPTrainer keeps its journal of attempts there, so that a retry in another pod carries what a killed one
    has spent. The input and the pushed models may lie there too.
    """

    claim: str = Field(default="tfx-privacy", description="name of the claim")
    mount: str = Field(default="/tfx-privacy", pattern=r"^/.+[^/]$", description="where the steps see it")
    steps: tuple[str, ...] = ("ScrubbingExampleGen", "DPTrainer", "Pusher")

    @property
    def journal(self) -> str:
        """The folder of the journals."""
        return f"{self.mount}/journal"


class Accelerators(Document):
    """What a step gets beside processors."""

    type: str = Field(default="nvidia.com/gpu", description="the resource's name in Kubernetes")
    count: int = Field(default=1, ge=1)


class Step(Document):
    """What one step asks of the cluster. Quantities as Kubernetes writes them: ``500m``, ``2``, ``8Gi``."""

    cpu: str = Field(default="1", pattern=_QUANTITY, coerce_numbers_to_str=True, description="request")
    cpu_limit: str | None = Field(default=None, pattern=_QUANTITY, coerce_numbers_to_str=True)
    memory: str = Field(default="4Gi", pattern=_QUANTITY, coerce_numbers_to_str=True, description="both")
    accelerators: Accelerators | None = None
    node_selector: dict[str, str] = Field(default={}, description="labels of the nodes that will do")
    image: str | None = Field(default=None, description="another image for this step, one with CUDA say")
    retries: int = Field(default=0, ge=0, description="how often Kubeflow starts a failed step again")


class Kubeflow(Document):
    """Where and with what the steps run on Kubeflow.

    ``input`` and ``push_to`` are the defaults of pipeline parameters.
    """

    input: str | None = Field(default=None, description="folder or URI of the rows; else settings.input")
    push_to: str = Field(default="/tfx-privacy/pushed", description="where a blessed model goes")
    volume: Volume = Volume()
    secrets: tuple[Secret, ...] = (
        Secret(env="TFX_PRIVACY_METADATA", key="metadata"),
        Secret(env="TFX_PRIVACY_PSEUDONYM_KEY", key="pseudonym-key", steps=("ScrubbingExampleGen",)),
    )
    defaults: Step = Field(default=Step(), description="for every step that is not in `steps`")
    steps: dict[str, Step] = Field(default={}, description="by the step's name")

    def step(self, name: str) -> Step:
        """What the step of this name asks for."""
        return self.steps.get(name, self.defaults)
