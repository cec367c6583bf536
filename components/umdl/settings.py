"""Settings of the umdl stage."""

from pydantic import Field

from simpgan.components.core.settings import Settings


class UmdlSettings(Settings):
    """How the dictionaries are learned; the defaults are those of Peng et al., CVPR 2016."""

    protocol: str = Field("folds10", description="of the target: its training images are what is learned from")
    fold: int = Field(0, ge=0, description="of that protocol")
    seed: int = Field(0, ge=0, lt=2**53, description="of the dictionaries at first")
    atoms: int = Field(150, ge=1, description="of each dictionary: shared, target's own, and residual ones")
    inner_steps: int = Field(40, ge=1, description="updates of every code and dictionary with one target graph")
    outer_steps: int = Field(3, ge=1, description="target graphs: none at first, then by the codes so far")
    graph_weight: float = Field(5, ge=0, description="of linked images' difference in codes")
    ridge: float = Field(0.1, gt=0, description="weight of the codes' squares")
    residual_weight: float = Field(0.8, gt=0, description="of the term with the residual; counts squared")
    source_weight: float = Field(0.5, gt=0, description="of the source in learning the shared dictionary; squared")
    match_ridge: float = Field(0.25, gt=0, description="of the codes that target images are matched by")
    match_floor: float = Field(0.05, ge=-1, le=1, description="cosine below which two target images are no match")
    test_ridge: float = Field(0.2, gt=0, description="of the codes that are the features")
