"""The siamese Re-ID classifier of the paper's section 4.2."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from simpgan.components.core.errors import UserError
from simpgan.components.core.models.model_folder import build_network, load_network, read_config
from simpgan.components.core.models.resnet import fold_batch_norm, resnet18, resnet50
from simpgan.components.core.models.styles import InstanceBatchNorm, MixStyle
from simpgan.components.core.settings import Settings

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class ClassifierConfig(Settings):
    """Everything needed to build a `SiameseClassifier`."""

    backbone: Literal["resnet50", "resnet18"] = "resnet50"
    identities: int = Field(ge=2, description="K of Eq. 3: identities of the source's training set.")
    height: int = Field(ge=16, description="Pixels of the images it was trained on.")
    width: int = Field(ge=16, description="Pixels of the images it was trained on.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Dropout before each head.")
    last_stride: Literal[1, 2] = Field(2, description="Stride of the last residual stage.")
    downsample_at: Literal["1x1", "3x3"] = Field(
        "3x3", description="Convolution of a bottleneck that has the stride; published weights differ in it."
    )
    bn_neck: bool = Field(False, description="Batch normalisation between the pooled feature and both heads.")
    ibn: bool = Field(False, description="Instance normalisation of half of the early channels (IBN-a).")
    mixstyle: float = Field(
        0, ge=0, le=1, description="Probability of mixing the statistics of early features in training."
    )


class SiameseClassifier(nn.Module):
    """ResNet without its last layer, an identity head and a verification head, shared by both images of a pair.

    Images are float tensors [N, 3, H, W] in [-1, 1], as the generators produce them; the classifier converts them to
    ImageNet statistics itself, differentiably.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config)
        size = 2048 if config.backbone == "resnet50" else 512
        self.neck = nn.BatchNorm1d(size) if config.bn_neck else nn.Identity()
        self.dropout = nn.Dropout(config.dropout)
        self.identity_head = nn.Linear(size, config.identities)
        self.verification_head = nn.Linear(size, 1)
        nn.init.normal_(self.identity_head.weight, std=0.001)
        nn.init.normal_(self.verification_head.weight, std=0.001)
        nn.init.zeros_(self.identity_head.bias)
        nn.init.zeros_(self.verification_head.bias)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION).view(1, 3, 1, 1), persistent=False)
        # Convolutions followed by batch normalisation run faster with the channels last, on CPUs and on GPUs.
        self.to(memory_format=torch.channels_last)

    @property
    def dimensions(self) -> int:
        """Return D, the length of an embedding."""
        return self.identity_head.in_features

    def forward(self, images: Tensor) -> Tensor:
        """Return embeddings v [N, D] of images [N, 3, H, W] in [-1, 1]; other sizes are resized to the trained one."""
        return self.neck(self.pooled(images))

    def pooled(self, images: Tensor) -> Tensor:
        """Return the backbone's pooled features [N, D], before the neck."""
        size = (self.config.height, self.config.width)
        if images.shape[-2:] != size:  # which CPUs cannot do in bf16
            images = nn.functional.interpolate(
                images.float(), size, mode="bilinear", antialias=True, align_corners=False
            )
        normalised = ((images + 1) / 2 - self.mean) / self.deviation
        return self.backbone(normalised.contiguous(memory_format=torch.channels_last))

    def identity_logits(self, embedding: Tensor) -> Tensor:
        """Compute Eq. 3 before its softmax: [N, K]."""
        return self.identity_head(self.dropout(embedding))

    def verification_logit(self, first: Tensor, second: Tensor) -> Tensor:
        """Compute Eq. 1 before its sigmoid for embeddings [N, D] each: [N], high for the same person."""
        return self.verification_head(self.dropout((first - second).square())).squeeze(1)

    def freeze(self) -> "SiameseClassifier":
        """Fix weights, batch-norm statistics and dropout; gradients still flow to the images."""
        return self.eval().requires_grad_(False)

    def folded(
        self, statistics: Mapping[str, Tensor] | None = None, dtype: torch.dtype = torch.float32
    ) -> "SiameseClassifier":
        """Copy the frozen classifier with batch normalisation folded into the convolutions before it.

        In evaluation mode, batch normalisation multiplies and shifts each channel by constants, which a convolution's
        weights can do too. Embeddings stay the same to rounding.

        Args:
            statistics: batch-norm statistics to use instead of its own, by their names in the state.
            dtype: of the convolutions' weights. In autocast, frozen weights of another type are converted in every
                forward.
        """
        copy = deepcopy(self).freeze()
        copy.load_state_dict({**copy.state_dict(), **(statistics or {})})
        fold_batch_norm(copy.backbone)
        for layer in copy.backbone.modules():
            if isinstance(layer, nn.Conv2d):
                layer.to(dtype)
        return copy


def build_backbone(config: ClassifierConfig) -> nn.Module:
    """Build a ResNet that ends with its pooled feature."""
    network: Any = resnet50() if config.backbone == "resnet50" else resnet18()
    network.fc = nn.Identity()
    if config.last_stride == 1:
        first = network.layer4[0]
        first.downsample[0].stride = (1, 1)
        for convolution in (first.conv1, first.conv2):
            convolution.stride = (1, 1)
    if config.backbone == "resnet50" and config.downsample_at == "1x1":
        for stage in (network.layer2, network.layer3, network.layer4):
            block = stage[0]
            block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
    if config.ibn:
        for block in (*network.layer1, *network.layer2, *network.layer3):
            block.bn1 = InstanceBatchNorm(block.bn1.num_features)
    if config.mixstyle:
        for stage in (network.layer1, network.layer2):
            stage.append(MixStyle(config.mixstyle))
    return network


def load_classifier(folder: Path) -> tuple[SiameseClassifier, dict[str, Any]]:
    """Load the classifier from a model folder. Return it with the folder's config.

    Raises:
        UserError: the folder holds no classifier.
    """
    config = read_config(folder)
    if "classifier" not in config:
        raise UserError(f"the model in '{folder}' is not a classifier; give the folder the pretrain stage wrote")
    network = build_network(
        folder, lambda: SiameseClassifier(ClassifierConfig.parse(config["classifier"], stage="classifier"))
    )
    load_network(folder, "classifier", network)
    return network, config
