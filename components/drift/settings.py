"""Settings of the drift stage."""

from pydantic import Field

from simpgan.components.core.settings import Precision, Settings


class DriftSettings(Settings):
    """Settings of the comparison of cameras."""

    seed: int = Field(0, ge=0, lt=2**53, description="Seed for samples and permutations.")
    sample: int = Field(
        200, ge=10, description="Largest number of images of a camera that are compared, before and since."
    )
    block: int = Field(
        10,
        ge=1,
        description="Neighbouring images that stay together in samples and permutations, since they tend to show "
        "one person.",
    )
    permutations: int = Field(199, ge=19, description="Random splits that show what chance does.")
    threshold: float = Field(0.01, gt=0, lt=1, description="Largest p-value with which a camera counts as changed.")
    pictures: int = Field(8, ge=1, le=20, description="Images in each row of the page.")
    batch: int = Field(64, ge=1, description="Images that go through the classifier together.")
    precision: Precision = "auto"
