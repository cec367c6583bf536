"""Settings of the evaluate stage."""

from typing import Any

from pydantic import Field

from simpgan.components.core.settings import Precision, Settings


class EvaluateSettings(Settings):
    """Settings of evaluation and report."""

    seed: int = Field(
        0,
        ge=0,
        lt=2**53,
        description="Seed for the order of images in AdaBN, the sample of the label-free checks and the feature maps.",
    )
    preset: str = Field("", description="Name of the preset, recorded in every row of the results.")
    protocols: list[str] = Field([], description="Protocols of the target to evaluate; empty: all.")
    allow_shared_people: bool = Field(False, description="Evaluate even if source and target show the same people.")
    adabn: bool = Field(True, description="Also evaluate with batch-norm statistics of the unlabelled images (AdaBN).")
    camera_adabn: bool = Field(
        True, description="Also evaluate with statistics of each camera's unlabelled images (AdaBN per camera)."
    )
    whiten: bool = Field(
        True,
        description="Also whiten the features with statistics per camera by those of the unlabelled images.",
    )
    matched: bool = Field(
        True, description="Also evaluate with the target's colours matched to the source's (colour transfer)."
    )
    verification: bool = Field(True, description="Also rank by the learned verification score of Eq. 1.")
    rerank: bool = Field(False, description="Also rank by the neighbours that images share (k-reciprocal re-ranking).")
    max_rank: int = Field(50, ge=20, description="Length of the CMC curves.")
    probes_shown: int = Field(6, ge=0, description="Probes whose ranked lists the report shows.")
    points_shown: int = Field(300, ge=0, description="Images of each data set in the feature maps; 0: no maps.")
    batch: int = Field(64, ge=2, description="Images that go through the classifier together.")
    precision: Precision = "auto"

    @property
    def extraction(self) -> dict[str, Any]:
        """Arguments for the functions of `simpgan.components.core.models.extraction`."""
        return {"batch": self.batch, "precision": self.precision}
