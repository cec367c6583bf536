"""Settings of the pretrain stage."""

from typing import Literal, Self

from pydantic import Field, model_validator

from simpgan.components.core.settings import Place, Precision, Settings


class PretrainSettings(Settings):
    """How the siamese classifier is trained on the labelled source.

    The defaults are those of the network the paper builds on (Zheng et al. 2016), at 224x224.
    """

    seed: int = Field(0, ge=0, lt=2**53, description="of weights, batches, augmentation and dropout")
    protocol: str = Field("", description="of the source whose training images are used; '' for its layout's own")
    backbone: Literal["resnet50", "resnet18"] = "resnet50"
    weights: Place = Field(
        "imagenet", description="'imagenet' (torchvision's), path or s3:// of a .safetensors file, or 'none'"
    )
    weights_sha256: str = Field(
        "",
        pattern="^([0-9a-f]{64})?$",
        description="what that file must hold, '' for anything; `run` and `submit` fill it in, so that a run says what "
        "it began with and other content is another training",
    )
    height: int = Field(224, ge=32, description="pixels; images are stretched to this size")
    width: int = Field(224, ge=16, description="pixels")
    last_stride: Literal[1, 2] = Field(2, description="of the last residual stage; 1 keeps finer features")
    bn_neck: bool = Field(False, description="batch normalisation between the pooled feature and both heads")
    ibn: bool = Field(
        False, description="instance normalisation of half of the early channels (IBN-a, Pan et al. 2018)"
    )
    mixstyle: float = Field(
        0, ge=0, le=1, description="probability of mixing the style of early features in a step (Zhou et al. 2021)"
    )
    dropout: float = Field(0.9, ge=0, lt=1, description="in front of each head")
    identity_epochs: int = Field(0, ge=0, description="of a first stage with the identity loss alone, at a fixed rate")
    identity_batch: int = Field(16, ge=2, multiple_of=2, description="images in a batch of the first stage")
    identity_stage_rate: float = Field(1e-3, gt=0, description="learning rate of all parts in the first stage")
    epochs: int = Field(
        75, ge=1, description="times each image is the first of a pair; identity-balanced, as many images as there are"
    )
    pairs: int = Field(48, ge=2, description="in a batch")
    images_per_identity: int = Field(
        0,
        ge=0,
        description="of identity-balanced batches of 2 * `pairs` images, with the pairs within; 0: pairs are drawn",
    )
    optimizer: Literal["sgd", "adam"] = Field("sgd", description="SGD has momentum 0.9")
    weight_decay: float = Field(5e-4, ge=0)
    backbone_rate: float = Field(1e-4, gt=0, description="learning rate")
    identity_rate: float = Field(1e-3, gt=0, description="learning rate of the identity head")
    verification_rate: float = Field(0.1, gt=0, description="learning rate of the verification head")
    warmup_epochs: float = Field(0, ge=0, description="of a learning rate that rises linearly from 0")
    schedule: Literal["step", "cosine"] = Field("step", description="x0.1 after `step_epoch`, or half a cosine to 0")
    step_epoch: int = Field(70, ge=1)
    identity_weight: float = Field(1, ge=0, description="of L_id in Eq. 5")
    verification_weight: float = Field(1, ge=0, description="of L_v in Eq. 5")
    triplet_weight: float = Field(0, ge=0, description="of the batch-hard triplet loss (Hermans et al. 2017)")
    triplet_margin: float = Field(0.3, ge=0, description="Euclidean distance of features before the neck")
    label_smoothing: float = Field(0, ge=0, lt=1, description="of the identity loss")
    negatives_growth: float = Field(
        1.01, ge=1, description="the share of positive pairs is 1 / min(1 + max_negatives, 2 * growth^epoch)"
    )
    max_negatives: float = Field(4, ge=1, description="negative pairs for a positive one, at the most")
    crop_padding: int = Field(16, ge=0, description="pixels by which a random crop may leave the image")
    jitter: float = Field(0, ge=0, lt=1, description="largest change of brightness, contrast and saturation")
    grey: float = Field(0, ge=0, le=1, description="probability of taking the colours from an image")
    erasing: float = Field(0, ge=0, le=1, description="probability of random erasing (Zhong et al. 2020)")
    precision: Precision = "auto"
    checkpoint_seconds: float = Field(60, ge=0, description="between two checkpoints")

    @property
    def identities(self) -> int:
        """People in an identity-balanced batch; 0 where pairs are drawn."""
        return 2 * self.pairs // self.images_per_identity if self.images_per_identity else 0

    @model_validator(mode="after")
    def losses_leave_something_to_learn(self) -> Self:
        if self.identity_weight == self.verification_weight == self.triplet_weight == 0:
            raise ValueError("identity_weight, verification_weight and triplet_weight are 0: nothing is left to learn")
        return self

    @model_validator(mode="after")
    def balanced_batches_have_pairs_of_both_kinds(self) -> Self:
        images = 2 * self.pairs
        if self.images_per_identity == 0:
            if self.triplet_weight:
                raise ValueError("triplet_weight needs identity-balanced batches: set images_per_identity, such as 4")
        elif self.images_per_identity < 2 or images % self.images_per_identity or images == self.images_per_identity:
            raise ValueError(
                f"images_per_identity must divide the {images} images of a batch (2 * pairs) into at least two "
                "identities with at least two images each"
            )
        return self
