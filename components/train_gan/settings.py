"""Settings of the train_gan stage."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simpgan.components.core.results.methods import METHODS, TRANSLATORS
from simpgan.components.core.settings import OneOf, Precision, Settings

Translator = Annotated[str, OneOf(TRANSLATORS)]


class TrainGanSettings(Settings):
    """Settings of the translators' training.

    The defaults are the paper's, and CycleGAN's where the paper is silent.
    """

    method: Translator = Field(
        "simpgan",
        description="Losses of the generators: `gan` has the adversarial losses only, `cyclegan` adds cycle "
        "consistency, `simpgan` the similarity loss, `simpgan-fit` the alignment of batch-norm "
        "statistics.",
    )
    protocol: str = Field("folds10", description="Protocol of the target whose training images the GAN sees.")
    fold: int = Field(0, ge=0, description="Fold of the protocol, counted from 0.")
    style: str = Field(
        "", description="Part of a joint source whose images are the style to translate into; empty: all images."
    )
    seed: int = Field(0, ge=0, lt=2**53, description="Seed for weights, batches and augmentation.")
    height: int = Field(256, ge=32, multiple_of=4, description="Height in pixels to which images are stretched.")
    width: int = Field(128, ge=32, multiple_of=4, description="Width in pixels to which images are stretched.")
    channels: int = Field(64, ge=4, description="Channels of the first convolution of generators and discriminators.")
    blocks: int = Field(
        9, ge=1, description="Residual blocks of a generator; CycleGAN has 6 for images up to 128 pixels."
    )
    recompute: bool = Field(
        False, description="Compute the residual blocks again in the backward pass: less memory, slower steps."
    )
    upsample: Literal["transposed", "resize"] = Field(
        "transposed", description="Upsampling of the generators; `resize` leaves no checkerboard pattern."
    )
    input_skip: bool = Field(
        False, description="Let the generators add to their input instead of making the whole image."
    )
    steps: int = Field(130_000, ge=1, description="Training steps.")
    constant_share: float = Field(
        0.5, ge=0, le=1, description="Share of the steps before the learning rate falls linearly to 0."
    )
    pairs: int = Field(1, ge=1, description="Pairs of source images per step, and of target images (Fig. 3).")
    positive_share: float = Field(0.5, ge=0, le=1, description="Share of the source pairs that show one person.")
    optimizer: Literal["adam", "sgd"] = Field("adam", description="Optimiser; `adam` has betas 0.5 and 0.999.")
    rate: float = Field(2e-4, gt=0, description="Learning rate of generators and discriminators.")
    lambda_cycle: float = Field(10, ge=0, description="Weight of the cycle consistency, lambda1 in Eq. 11.")
    lambda_similarity: float = Field(1, ge=0, description="Weight of the similarity loss, lambda2 in Eq. 11.")
    similarity_warmup: int = Field(0, ge=0, description="Steps in which lambda2 rises linearly from 0.")
    lambda_fitness: float = Field(
        1, ge=0, description="Weight of the alignment of batch-norm statistics in `simpgan-fit`."
    )
    lambda_identity: float = Field(
        0, ge=0, description="Weight of CycleGAN's identity loss |F(I_S) - I_S| + |G(I_T) - I_T|."
    )
    classifier_rate: float = Field(
        0, ge=0, description="Learning rate of the classifier on source pairs and their reconstructions; 0: frozen."
    )
    discriminator_factor: float = Field(
        1, gt=0, description="Factor of the discriminators' loss, Eq. 12; CycleGAN halves the loss."
    )
    pool: int = Field(0, ge=0, description="Past translations that each discriminator sees again; CycleGAN has 50.")
    average_decay: float = Field(
        0,
        ge=0,
        lt=1,
        description="Share of the generators' running average that a step keeps; 0: no average.",
    )
    choose: Literal["score", "last"] = Field(
        "score",
        description="Checkpoint that becomes the result: the one with the best label-free score, or the last one.",
    )
    candidates: int = Field(10, ge=1, description="Evenly spaced steps after which the score is measured.")
    crop_padding: int = Field(0, ge=0, description="Pixels by which a random crop may leave the image.")
    precision: Precision = "auto"
    picture_steps: int = Field(500, ge=1, description="Steps between two grids of sample translations.")
    gradient_norm_steps: int = Field(
        500, ge=0, description="Steps between two records of the gradient norm of each generator loss; 0: never."
    )
    allow_shared_people: bool = Field(False, description="Accept a target with images of the source.")
    checkpoint_seconds: float = Field(60, ge=0, description="Seconds between two checkpoints.")

    @model_validator(mode="after")
    def method_has_its_losses(self) -> Self:
        """Refuse weights that turn the method into another one."""
        losses = METHODS[self.method].losses
        for loss in losses:
            if getattr(self, f"lambda_{loss}") == 0:
                rest = tuple(each for each in losses if each != loss)
                without = [name for name in TRANSLATORS if METHODS[name].losses == rest]
                hint = f"; without it the method is '{without[0]}'" if without else ""
                raise ValueError(f"method {self.method} needs lambda_{loss} above 0{hint}")
        if "cycle" not in losses and self.classifier_rate:
            raise ValueError(
                f"method {self.method} reconstructs no images: a classifier_rate above 0 needs another method"
            )
        return self

    def loss_weights(self, step: int) -> dict[str, float]:
        """Return the weight of each generator loss in Eq. 11 at `step`, counted from 0.

        Losses that the method does not use, and losses with a weight of 0, are left out at every step.
        """
        weights = {"adversarial_g": 1.0, "adversarial_f": 1.0, "identity": self.lambda_identity}
        weights |= {loss: getattr(self, f"lambda_{loss}") for loss in METHODS[self.method].losses}
        if "similarity" in weights:
            weights["similarity"] *= min(1, (step + 1) / max(1, self.similarity_warmup))
        return {name: weight for name, weight in weights.items() if weight}
