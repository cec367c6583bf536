"""Settings of the drift stage."""

from pydantic import Field

from simpgan.components.core.settings import Precision, Settings


class DriftSettings(Settings):
    """How many images of each camera are compared, and when a difference counts."""

    seed: int = Field(0, ge=0, lt=2**53, description="of the samples and permutations")
    sample: int = Field(200, ge=10, description="images of a camera that are compared at most, of either side")
    block: int = Field(10, ge=1, description="images in a row that stay together, since they tend to show one person")
    permutations: int = Field(199, ge=19, description="random splits that chance is judged by")
    threshold: float = Field(0.01, gt=0, lt=1, description="p-value up to which a camera counts as changed")
    pictures: int = Field(8, ge=1, le=20, description="images in each row of the page")
    batch: int = Field(64, ge=1, description="images that go through the classifier together")
    precision: Precision = "auto"
