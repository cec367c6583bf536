"""Settings of the umdl stage."""

from pydantic import Field

from simpgan.components.core.settings import Settings


class UmdlSettings(Settings):
    """Settings of the dictionary learning.

    The defaults are those of Peng et al., CVPR 2016.
    """

    protocol: str = Field("folds10", description="Protocol of the target whose training images are learned from.")
    fold: int = Field(0, ge=0, description="Fold of the protocol, counted from 0.")
    seed: int = Field(0, ge=0, lt=2**53, description="Seed for the initial dictionaries.")
    atoms: int = Field(
        150, ge=1, description="Atoms of each dictionary: the shared one, the target's own and the residual ones."
    )
    inner_steps: int = Field(40, ge=1, description="Updates of every code and dictionary per graph of the target.")
    outer_steps: int = Field(
        3,
        ge=1,
        description="Graphs of the target: the first one has no links, later ones follow from the codes so far.",
    )
    graph_weight: float = Field(5, ge=0, description="Weight of the difference between the codes of linked images.")
    ridge: float = Field(0.1, gt=0, description="Weight of the codes' squares.")
    residual_weight: float = Field(0.8, gt=0, description="Weight of the term with the residual; it counts squared.")
    source_weight: float = Field(
        0.5, gt=0, description="Weight of the source in learning the shared dictionary; it counts squared."
    )
    match_ridge: float = Field(0.25, gt=0, description="Ridge weight of the codes by which target images are matched.")
    match_floor: float = Field(0.05, ge=-1, le=1, description="Cosine below which two target images do not match.")
    test_ridge: float = Field(0.2, gt=0, description="Ridge weight of the codes that become the features.")
