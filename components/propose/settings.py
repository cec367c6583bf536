"""Settings of the propose stage."""

from pydantic import Field

from simpgan.components.core.registry.gate import GateSettings
from simpgan.components.core.settings import Precision


class ProposeSettings(GateSettings):
    """Settings of registration and promotion. The settings of AdaBN have to be those of the evaluation."""

    model: str = Field("simpgan", pattern=r"^[\w.-]+$", description="Name of the registered model.")
    method: str = Field(
        "",
        description="Method to register; empty: AdaBN per camera (AdaBN for a single camera), alone or after the "
        "translation.",
    )
    variant: str = Field("", description="Variant that tells the translator from others of its method in the results.")
    protocol: str = Field(
        "",
        description="Protocol of the target to whose training images the model is adapted, if there is no translator.",
    )
    fold: int = Field(0, ge=0, description="Fold of the protocol, counted from 0.")
    promote: bool = Field(False, description="Make the version the champion if the gate passes it.")
    batch: int = Field(64, ge=2, description="Images whose batch-norm statistics are computed together.")
    precision: Precision = "auto"
