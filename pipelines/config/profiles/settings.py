"""What a cluster is asked to give to a pipeline and to each of its stages."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from simpgan.components.core.settings import Place, Settings

ON_A_GPU = ("pretrain", "train_gan", "translate", "evaluate")
JOINTLY = ("pretrain", "train_gan")
"""Stages that train in several processes, one a GPU."""

FACTORS = {"": 1.0, "m": 1e-3} | {
    unit: base**power
    for base, end in ((1000.0, ""), (1024.0, "i"))
    for power, unit in enumerate((f"{letter}{end}" for letter in "KMGT"), start=1)
}
QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([A-Za-z]*)")
Cores = Annotated[str, Field(pattern=r"^(\d+(\.\d+)?m?)?$")]
Size = Annotated[str, Field(pattern=r"^(\d+(\.\d+)?[KMGT]i?)?$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Toleration(Settings):
    """A taint of nodes that the pod may run on all the same."""

    key: str = Field("", description="the taint's key; empty together with Exists: every taint")
    operator: Literal["Exists", "Equal"] = Field("Exists", description="whether the taint's value counts")
    value: str = Field("", description="the taint's value, for Equal")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        "", description="the taint's effect; empty: any"
    )

    @model_validator(mode="after")
    def check(self) -> Self:
        """Equal needs a key, Exists takes no value."""
        if self.operator == "Equal" and not self.key:
            raise ValueError("a toleration with operator Equal needs a key")
        if self.operator == "Exists" and self.value:
            raise ValueError("a toleration with operator Exists takes no value: write operator: Equal")
        return self


class StageProfile(Settings):
    """The pod of one stage. Sizes and cores are Kubernetes quantities; empty: the cluster's default."""

    gpus: int = Field(0, ge=0, description="GPUs of the pod; a training starts one process for each")
    gpu_type: str = Field("nvidia.com/gpu", description="what the cluster calls its GPUs")
    cpu: Cores = Field("", description="cores the pod is sure of")
    cpu_limit: Cores = Field("", description="cores it never gets more than")
    memory: Size = Field("", description="memory the pod is sure of")
    memory_limit: Size = Field("", description="memory beyond which it is killed")
    shared_memory: Size = Field("", description="/dev/shm, where processes meet; it counts as the pod's memory")
    node_selector: dict[str, str] = Field({}, description="labels of the nodes it may run on")
    tolerations: tuple[Toleration, ...] = Field((), description="taints of nodes it may run on all the same")
    environment: dict[Variable, str] = Field({}, description="environment variables; nothing secret")
    secrets: dict[Name, dict[str, Variable]] = Field(
        {}, description="secret to key to environment variable; without the secret the pod does not start"
    )
    optional_secrets: dict[Name, dict[str, Variable]] = Field(
        {}, description="likewise, of secrets that may be missing"
    )
    retries: int = Field(2, ge=0, description="how often a pod that failed is started again")
    retry_seconds: int = Field(60, ge=0, description="pause before the first retry")
    retry_factor: float = Field(2.0, ge=1, description="every further pause is longer by this factor")
    retry_seconds_at_most: int = Field(3600, ge=0, description="the longest pause")
    timeout_seconds: int = Field(0, ge=0, description="time after which the pod is ended; 0: never")

    @field_validator("tolerations", mode="before")
    @classmethod
    def parse_tolerations(cls, values: Any) -> Any:
        """Each on its own, so that an unknown name is answered with the nearest of a toleration's."""
        if not isinstance(values, list):
            return values
        return [Toleration.parse(each, stage="tolerations") if isinstance(each, dict) else each for each in values]

    @model_validator(mode="after")
    def check(self) -> Self:
        """What is asked for fits within its limit."""
        for name, limit in (("cpu", "cpu_limit"), ("memory", "memory_limit"), ("shared_memory", "memory_limit")):
            asked, at_most = getattr(self, name), getattr(self, limit)
            if asked and at_most and quantity(asked) > quantity(at_most):
                raise ValueError(f"{name} {asked} is more than {limit} {at_most}: raise the limit")
        return self


class Profile(Settings):
    """What a pipeline needs from a cluster."""

    data_root: Place = Field("", description="s3:// prefix, or a folder in every pod, that runs take unless they say")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="when a node fetches an image"
    )
    image_pull_secrets: tuple[Name, ...] = Field((), description="secrets by which nodes may fetch images")
    stages: dict[str, StageProfile] = Field(description="the pod of every stage")

    @field_validator("stages")
    @classmethod
    def check(cls, stages: dict[str, StageProfile]) -> dict[str, StageProfile]:
        """GPUs only where they are put to use."""
        for name, stage in stages.items():
            if stage.gpus and name not in ON_A_GPU:
                raise ValueError(f"{name} computes on no GPU: ask for GPUs for {listed(ON_A_GPU)}")
            if stage.gpus > 1 and name not in JOINTLY:
                raise ValueError(f"{name} uses one GPU, not {stage.gpus}: ask for several for {listed(JOINTLY)}")
        return stages


def quantity(text: str) -> float:
    """A Kubernetes quantity as a number: `1500m` is 1.5, `2Gi` is 2**31."""
    match = QUANTITY.fullmatch(text)
    assert match, text
    return float(match[1]) * FACTORS[match[2]]


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    *most, last = names
    return f"{', '.join(most)} or {last}"
