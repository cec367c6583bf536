"""Settings of the self_train stage."""

from typing import Literal, Self

from pydantic import Field, model_validator

from simpgan.components.core.data.suitability import NEIGHBOURS
from simpgan.components.core.settings import Precision, Settings


class SelfTrainSettings(Settings):
    """Settings of the training on the target's unlabelled images.

    The defaults are those of Cluster Contrast (Dai et al. 2022) and SpCL (Ge et al. 2020), with batches of 64 images.
    Only `eps` is smaller than their 0.6, which joins many people to one cluster.
    """

    protocol: str = Field("folds10", description="Protocol of the target whose training images are learned from.")
    fold: int = Field(0, ge=0, description="Fold of the protocol, counted from 0.")
    seed: int = Field(0, ge=0, lt=2**53, description="Seed for batches, augmentation and the order of images.")
    epochs: int = Field(50, ge=1, description="Epochs. The images are clustered before the first and after each one.")
    batches: int = Field(120, ge=1, description="Batches of an epoch.")
    identities: int = Field(16, ge=2, description="Clusters in a batch.")
    images_per_identity: int = Field(
        4, ge=2, description="Images of each cluster in a batch, by at least two cameras if the cluster has them."
    )
    k1: int = Field(NEIGHBOURS, ge=2, description="Nearest images, itself among them, that describe an image.")
    k2: int = Field(
        6, ge=1, description="Nearest images, itself among them, over which descriptions are averaged; `k1` at most."
    )
    eps: float = Field(0.5, gt=0, lt=1, description="Largest Jaccard distance of neighbours in a cluster (DBSCAN).")
    min_samples: int = Field(
        4, ge=2, description="Images within `eps` of an image, itself among them, that make it the core of a cluster."
    )
    temperature: float = Field(0.05, gt=0, description="Temperature of the contrastive loss.")
    momentum: float = Field(
        0.1, ge=0, lt=1, description="Share that a cluster's centre keeps when an image of the cluster moves it."
    )
    average_decay: float = Field(
        0,
        ge=0,
        lt=1,
        description="Decay of an averaged copy of the network, which makes the features and is the result; 0: none.",
    )
    rate: float = Field(3.5e-4, gt=0, description="Learning rate of Adam.")
    weight_decay: float = Field(5e-4, ge=0, description="Weight decay of all parameters.")
    step_epoch: int = Field(20, ge=1, description="Epochs after which the learning rate falls to a tenth, every time.")
    crop_padding: int = Field(10, ge=0, description="Pixels by which a random crop may leave the image.")
    erasing: float = Field(0.5, ge=0, le=1, description="Probability of random erasing (Zhong et al. 2020).")
    choose: Literal["score", "last"] = Field(
        "score", description="Epoch that becomes the result: the one with the best score without labels, or the last."
    )
    batch: int = Field(64, ge=2, description="Images that go through the classifier together for features.")
    precision: Precision = "auto"
    checkpoint_seconds: float = Field(60, ge=0, description="Seconds between two checkpoints.")

    @model_validator(mode="after")
    def no_more_images_are_averaged_than_describe_one(self) -> Self:
        """Refuse a `k2` above `k1`, of which a target is known to have enough images."""
        if self.k2 > self.k1:
            raise ValueError(f"k2 is {self.k2} and k1 is {self.k1}: lower k2, or raise k1")
        return self
