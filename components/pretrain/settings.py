"""Settings of the pretrain stage."""

from typing import Literal, Self

from pydantic import Field, model_validator

from simpgan.components.core.settings import Place, Precision, Settings


class PretrainSettings(Settings):
    """Settings of the siamese classifier's training on the labelled source.

    The defaults are those of the network the paper builds on (Zheng et al. 2016), at 224x224.
    """

    seed: int = Field(0, ge=0, lt=2**53, description="Seed for weights, batches, augmentation and dropout.")
    protocol: str = Field(
        "", description="Protocol of the source whose training images are used; empty: the protocol of its layout."
    )
    backbone: Literal["resnet50", "resnet18"] = Field(
        "resnet50", description="Residual network that extracts the features."
    )
    weights: Place = Field(
        "imagenet",
        description="Initial weights of the backbone: `imagenet` (torchvision's), `none`, or the path or `s3://` "
        "address of a `.safetensors` file.",
    )
    weights_sha256: str = Field(
        "",
        pattern="^([0-9a-f]{64})?$",
        description="SHA-256 that the file of weights must have; empty: any. `simpgan run` and `simpgan submit` "
        "fill it in, so that another file of the same name starts another training.",
    )
    height: int = Field(224, ge=32, description="Height in pixels to which images are stretched.")
    width: int = Field(224, ge=16, description="Width in pixels to which images are stretched.")
    last_stride: Literal[1, 2] = Field(2, description="Stride of the last residual stage; 1 keeps finer features.")
    bn_neck: bool = Field(False, description="Put batch normalisation between the pooled feature and both heads.")
    ibn: bool = Field(
        False, description="Use instance normalisation for half of the early channels (IBN-a, Pan et al. 2018)."
    )
    mixstyle: float = Field(
        0,
        ge=0,
        le=1,
        description="Probability that a step mixes the style of early features (MixStyle, Zhou et al. 2021).",
    )
    dropout: float = Field(0.9, ge=0, lt=1, description="Dropout rate in front of each head.")
    identity_epochs: int = Field(
        0, ge=0, description="Epochs of a first stage with the identity loss alone, at a fixed learning rate."
    )
    identity_batch: int = Field(16, ge=2, multiple_of=2, description="Images per batch of the first stage.")
    identity_stage_rate: float = Field(1e-3, gt=0, description="Learning rate of all layers in the first stage.")
    epochs: int = Field(
        75,
        ge=1,
        description="Epochs of pairs. Each image is the first of a pair once per epoch; with identity-balanced "
        "batches an epoch draws as many images as there are.",
    )
    pairs: int = Field(48, ge=2, description="Pairs per batch.")
    images_per_identity: int = Field(
        0,
        ge=0,
        description="Images of each identity in identity-balanced batches of 2 * `pairs` images, which contain "
        "their pairs; 0: pairs are drawn instead.",
    )
    optimizer: Literal["sgd", "adam"] = Field("sgd", description="Optimiser; `sgd` has momentum 0.9.")
    weight_decay: float = Field(5e-4, ge=0, description="Weight decay of all parameters.")
    backbone_rate: float = Field(1e-4, gt=0, description="Learning rate of the backbone.")
    identity_rate: float = Field(1e-3, gt=0, description="Learning rate of the identity head.")
    verification_rate: float = Field(0.1, gt=0, description="Learning rate of the verification head.")
    warmup_epochs: float = Field(0, ge=0, description="Epochs in which the learning rates rise linearly from 0.")
    schedule: Literal["step", "cosine"] = Field(
        "step",
        description="Schedule of the learning rates: a tenth of them from `step_epoch` on, or half a cosine to 0.",
    )
    step_epoch: int = Field(
        70, ge=1, description="Epoch from which on the schedule `step` takes a tenth of the learning rates."
    )
    identity_weight: float = Field(1, ge=0, description="Weight of the identity loss, L_id in Eq. 5.")
    verification_weight: float = Field(1, ge=0, description="Weight of the verification loss, L_v in Eq. 5.")
    triplet_weight: float = Field(0, ge=0, description="Weight of the batch-hard triplet loss (Hermans et al. 2017).")
    triplet_margin: float = Field(
        0.3, ge=0, description="Margin of the triplet loss, a Euclidean distance of features before the neck."
    )
    label_smoothing: float = Field(0, ge=0, lt=1, description="Label smoothing of the identity loss.")
    negatives_growth: float = Field(
        1.01,
        ge=1,
        description="Growth per epoch of the negative pairs: the share of positive pairs is 1 / min(1 + "
        "`max_negatives`, 2 * growth^epoch).",
    )
    max_negatives: float = Field(4, ge=1, description="Largest number of negative pairs per positive pair.")
    crop_padding: int = Field(16, ge=0, description="Pixels by which a random crop may leave the image.")
    jitter: float = Field(0, ge=0, lt=1, description="Largest random change of brightness, contrast and saturation.")
    grey: float = Field(0, ge=0, le=1, description="Probability that an image loses its colours.")
    erasing: float = Field(0, ge=0, le=1, description="Probability of random erasing (Zhong et al. 2020).")
    precision: Precision = "auto"
    checkpoint_seconds: float = Field(60, ge=0, description="Seconds between two checkpoints.")

    @property
    def identities(self) -> int:
        """Identities in an identity-balanced batch; 0 if pairs are drawn."""
        return 2 * self.pairs // self.images_per_identity if self.images_per_identity else 0

    @model_validator(mode="after")
    def losses_leave_something_to_learn(self) -> Self:
        """Refuse settings in which no loss has a weight."""
        if self.identity_weight == self.verification_weight == self.triplet_weight == 0:
            raise ValueError("identity_weight, verification_weight and triplet_weight are 0: nothing is left to learn")
        return self

    @model_validator(mode="after")
    def balanced_batches_have_pairs_of_both_kinds(self) -> Self:
        """Refuse identity-balanced batches without positive and negative pairs."""
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
