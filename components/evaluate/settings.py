"""Settings of the evaluate stage."""

from typing import Any

from pydantic import Field

from simpgan.components.core.settings import Precision, Settings


class EvaluateSettings(Settings):
    """How people are looked for in the target, and what is shown of it."""

    seed: int = Field(0, ge=0, lt=2**53, description="of the order in which batch-norm statistics see images")
    preset: str = Field("", description="recorded in every row of the results")
    protocols: list[str] = Field([], description="of the target to evaluate; all of them if empty")
    allow_shared_people: bool = Field(False, description="also where source and target show the same people")
    adabn: bool = Field(True, description="also with batch-norm statistics recomputed on the unlabelled images")
    matched: bool = Field(True, description="also with the target's colours matched to the source's, without a GAN")
    verification: bool = Field(True, description="also rank by the learned verification score of Eq. 1")
    max_rank: int = Field(50, ge=20, description="length of the CMC curves")
    probes_shown: int = Field(6, ge=0, description="probes whose ranked lists the report shows")
    points_shown: int = Field(300, ge=0, description="images of each data set in the pictures of features; 0: none")
    batch: int = Field(64, ge=2, description="images that go through the classifier together")
    precision: Precision = "auto"

    @property
    def extraction(self) -> dict[str, Any]:
        """Arguments for the functions of `simpgan.components.core.models.extraction`."""
        return {"batch": self.batch, "precision": self.precision}
