"""Settings of the propose stage."""

from pydantic import Field

from simpgan.components.core.registry.gate import GateSettings
from simpgan.components.core.settings import Precision


class ProposeSettings(GateSettings):
    """What is registered, and when it becomes the champion. The settings of AdaBN are those of the evaluation."""

    model: str = Field("simpgan", pattern=r"^[\w.-]+$", description="name of the registered model")
    method: str = Field("", description="what to register; empty: the translator's method with AdaBN, or AdaBN alone")
    variant: str = Field("", description="what tells the translator from others of its method in the results")
    protocol: str = Field("", description="without a translator: of the target, to whose training images it is adapted")
    fold: int = Field(0, ge=0, description="of that protocol")
    promote: bool = Field(False, description="make it the champion if the gate lets it through")
    batch: int = Field(64, ge=2, description="images whose batch-norm statistics are taken together")
    precision: Precision = "auto"
