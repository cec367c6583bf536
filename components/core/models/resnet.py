"""ResNets (He et al. 2016) as in torchvision, weight for weight.

Importing torchvision takes as long as importing torch again, nearly all of it for operators and compilers that no
stage uses.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class BasicBlock(nn.Module):
    """Two 3x3 convolutions whose result is added to the input."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = convolution(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, features: Tensor) -> Tensor:
        """Compute features of the next layer, [N, C, H, W]."""
        change = self.relu(self.bn1(self.conv1(features)))
        change = self.bn2(self.conv2(change))
        change += self.downsample(features) if self.downsample else features
        return self.relu(change)


class Bottleneck(nn.Module):
    """A 1x1, a 3x3 and a 1x1 convolution whose result is added to the input; the stride is on the 3x3."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = convolution(width, width * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, features: Tensor) -> Tensor:
        """Compute features of the next layer, [N, C, H, W]."""
        change = self.relu(self.bn1(self.conv1(features)))
        change = self.relu(self.bn2(self.conv2(change)))
        change = self.bn3(self.conv3(change))
        change += self.downsample(features) if self.downsample else features
        return self.relu(change)


class ResNet(nn.Module):
    """Maps images [N, 3, H, W] to logits [N, 1000] of ImageNet's classes.

    Layers are named and initialised in torchvision's order, so its weights fit, and a seed draws the same ones.
    """

    def __init__(self, block: type[BasicBlock | Bottleneck], blocks: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.conv1 = convolution(3, 64, 7, 2)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = residual_stage(block, 64, 64, blocks[0], 1)
        self.layer2 = residual_stage(block, 64 * block.expansion, 128, blocks[1], 2)
        self.layer3 = residual_stage(block, 128 * block.expansion, 256, blocks[2], 2)
        self.layer4 = residual_stage(block, 256 * block.expansion, 512, blocks[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc: nn.Module = nn.Linear(512 * block.expansion, 1000)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits [N, 1000] of images [N, 3, H, W]."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        return self.fc(self.avgpool(features).flatten(1))


def resnet18() -> ResNet:
    """Build a ResNet-18 with random weights."""
    return ResNet(BasicBlock, (2, 2, 2, 2))


def resnet50() -> ResNet:
    """Build a ResNet-50 with random weights."""
    return ResNet(Bottleneck, (3, 4, 6, 3))


def residual_stage(
    block: type[BasicBlock | Bottleneck], inputs: int, width: int, count: int, stride: int
) -> nn.Sequential:
    """Build `count` blocks, of which the first one changes the size and the number of channels."""
    outputs = width * block.expansion
    downsample = None
    if stride != 1 or inputs != outputs:
        downsample = nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
    first = block(inputs, width, stride, downsample)
    return nn.Sequential(first, *(block(outputs, width, 1, None) for _ in range(count - 1)))


def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Build a convolution without bias that keeps height and width except for its stride."""
    return nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)


def fold_batch_norm(network: nn.Module) -> None:
    """Fold batch normalisation into the convolution before it, in a frozen network and in place.

    Layers follow each other in the order in which their module lists them, as in all residual blocks here.
    """
    for module in list(network.modules()):
        for (before, layer), (after, normalisation) in pairwise(module.named_children()):
            if isinstance(layer, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d):
                module.add_module(before, fuse_conv_bn_eval(layer, normalisation))
                module.add_module(after, nn.Identity())
