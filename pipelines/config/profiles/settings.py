"""The cluster resources of a pipeline and of each of its stages."""

import math
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from simpgan.components.core.settings import Place, Settings

ON_A_GPU = ("pretrain", "train_gan", "translate", "self_train", "evaluate")
JOINTLY = ("pretrain", "train_gan", "self_train")
"""Stages that train in several processes, one per GPU."""

FACTORS = {"": 1.0, "m": 1e-3} | {
    unit: base**power
    for base, end in ((1000.0, ""), (1024.0, "i"))
    for power, unit in enumerate((f"{letter}{end}" for letter in "KMGT"), start=1)
}
SECONDS_WITHOUT_TIMEOUT = 10 * 365 * 24 * 3600
SECONDS_WAITING = 7 * 24 * 3600
"""How long each attempt of a pod may wait for a node without taking time from the attempts after it."""

QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([A-Za-z]*)")
Cores = Annotated[str, Field(pattern=r"^(\d+(\.\d+)?m?)?$")]
Size = Annotated[str, Field(pattern=r"^(\d+(\.\d+)?[KMGT]i?)?$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Toleration(Settings):
    """A taint of nodes that the pod tolerates."""

    key: str = Field("", description="key of the taint; empty with Exists: every taint")
    operator: Literal["Exists", "Equal"] = Field("Exists", description="Equal compares the value, Exists does not")
    value: str = Field("", description="value of the taint, for Equal")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        "", description="effect of the taint; empty: any"
    )

    @model_validator(mode="after")
    def check(self) -> Self:
        """Check that Equal has a key, and Exists no value."""
        if self.operator == "Equal" and not self.key:
            raise ValueError("a toleration with operator Equal needs a key")
        if self.operator == "Exists" and self.value:
            raise ValueError("a toleration with operator Exists takes no value: write operator: Equal")
        return self


class StageProfile(Settings):
    """The pod of one stage. Sizes and cores are Kubernetes quantities; empty: the default of the cluster."""

    gpus: int = Field(0, ge=0, description="GPUs of the pod; a training starts one process per GPU")
    gpu_type: str = Field("nvidia.com/gpu", description="resource name of the GPUs")
    cpu: Cores = Field("", description="cores requested for the pod")
    cpu_limit: Cores = Field("", description="maximum of cores")
    memory: Size = Field("", description="memory requested for the pod")
    memory_limit: Size = Field("", description="memory above which the pod is killed")
    shared_memory: Size = Field("", description="size of /dev/shm; it counts as memory of the pod")
    node_selector: dict[str, str] = Field({}, description="labels of the nodes that the pod may run on")
    tolerations: tuple[Toleration, ...] = Field((), description="taints of nodes that the pod tolerates")
    environment: dict[Variable, str] = Field({}, description="environment variables without secrets")
    secrets: dict[Name, dict[str, Variable]] = Field(
        {}, description="secret to key to environment variable; a missing secret keeps the pod from starting"
    )
    optional_secrets: dict[Name, dict[str, Variable]] = Field(
        {}, description="the same for secrets that may be missing"
    )
    retries: int = Field(
        2, ge=0, description="retries of a failed pod, of a killed training inside its pod, and of a failed run"
    )
    retry_seconds: int = Field(60, ge=0, description="seconds before the first retry")
    retry_factor: float = Field(2.0, ge=1, description="factor by which each further pause grows")
    timeout_seconds: int = Field(0, ge=0, description="seconds after which the pod is stopped; 0: never")

    @property
    def retry_deadline(self) -> int:
        """Return the seconds from the start of the first attempt to the latest end of the last one.

        Argo starts no attempt after its `maxDuration` and ends a retried one there, so that it must not be shorter. Its
        clock also runs while a pod waits for a node; the timeout's clock does not.
        """
        if not self.timeout_seconds:
            return SECONDS_WITHOUT_TIMEOUT
        pauses = sum(self.retry_seconds * self.retry_factor**retry for retry in range(self.retries))
        return (self.retries + 1) * (self.timeout_seconds + SECONDS_WAITING) + math.ceil(pauses)

    @field_validator("tolerations", mode="before")
    @classmethod
    def parse_tolerations(cls, values: Any) -> Any:
        """Parse each toleration separately, so that errors suggest the names of a toleration."""
        if not isinstance(values, list):
            return values
        return [Toleration.parse(each, stage="tolerations") if isinstance(each, dict) else each for each in values]

    @model_validator(mode="after")
    def check(self) -> Self:
        """Check that requests do not exceed their limits."""
        for name, limit in (("cpu", "cpu_limit"), ("memory", "memory_limit"), ("shared_memory", "memory_limit")):
            asked, at_most = getattr(self, name), getattr(self, limit)
            if asked and at_most and quantity(asked) > quantity(at_most):
                raise ValueError(f"{name} {asked} is more than {limit} {at_most}: raise the limit")
        return self


class Profile(Settings):
    """The cluster resources of a pipeline."""

    data_root: Place = Field("", description="default of --data-root: s3:// prefix, or a folder that all pods have")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="when a node pulls an image"
    )
    image_pull_secrets: tuple[Name, ...] = Field((), description="secrets with which nodes pull images")
    stages: dict[str, StageProfile] = Field(description="the pod of every stage")

    @field_validator("stages")
    @classmethod
    def check(cls, stages: dict[str, StageProfile]) -> dict[str, StageProfile]:
        """Check that only stages that use GPUs request them."""
        for name, stage in stages.items():
            if stage.gpus and name not in ON_A_GPU:
                raise ValueError(f"{name} computes on no GPU: ask for GPUs for {listed(ON_A_GPU)}")
            if stage.gpus > 1 and name not in JOINTLY:
                raise ValueError(f"{name} uses one GPU, not {stage.gpus}: ask for several for {listed(JOINTLY)}")
        return stages


def quantity(text: str) -> float:
    """Convert a Kubernetes quantity to a number: `1500m` is 1.5, `2Gi` is 2**31."""
    match = QUANTITY.fullmatch(text)
    assert match, text
    return float(match[1]) * FACTORS[match[2]]


def listed(names: Iterable[str]) -> str:
    """Join names for a sentence."""
    *most, last = names
    return f"{', '.join(most)} or {last}"
