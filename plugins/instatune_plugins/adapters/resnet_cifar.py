"""ResNets for images of 32 pixels (He et al., "Deep Residual Learning", CVPR 2016, section 4.2).

timm has none: they have three stages, no pooling behind the first convolution, and shortcuts
without parameters where the size changes ("option A"). The blocks are timm's, and the models are
registered with timm, so that names, configuration files and processing work as for any other. The
names of tensors are those of akamaster's published weights, but for the classifier.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.resnet import BasicBlock
from torch import Tensor, nn
from torch.nn import functional

DEPTHS = (8, 14, 20, 32, 44, 56, 110)
"""Numbers of layers with weights, 6 n + 2 for n blocks in a stage."""

_PREFIX = "cifar_resnet"


class PaddedShortcut(nn.Module):
    """Every second pixel, and channels of zeros on both sides: option A of the paper.

    Attributes:
        channels: To reach.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """``[examples, fewer, height, width]`` to ``[examples, channels, height/2, width/2]``."""
        missing = self.channels - x.shape[1]
        before = missing // 2
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, before, missing - before))


class CifarResNet(nn.Module):
    """Three stages of basic blocks, each twice as wide as the one before.

    Attributes:
        num_classes: Outputs of the classifier.
        num_features: Inputs of the classifier.
    """

    def __init__(
        self, blocks: int, num_classes: int = 10, in_chans: int = 3, width: int = 16
    ) -> None:
        """Build it.

        Args:
            blocks: In each stage.
            num_classes: Outputs of the classifier.
            in_chans: Channels of the images.
            width: Channels of the first stage.
        """
        super().__init__()
        self.num_classes, self.num_features = num_classes, 4 * width
        self.conv1 = nn.Conv2d(in_chans, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.act1 = nn.ReLU(inplace=True)
        self.layer1 = _stage(width, width, blocks)
        self.layer2 = _stage(width, 2 * width, blocks)
        self.layer3 = _stage(2 * width, 4 * width, blocks)
        self.fc = nn.Linear(4 * width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[examples, classes]`` of images ``[examples, channels, height, width]``."""
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits


def published(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the classifier of akamaster's weights, ``linear``, its name here."""
    renamed = {"linear.weight": "fc.weight", "linear.bias": "fc.bias"}
    return {renamed.get(name, name): tensor for name, tensor in tensors.items()}


def _stage(inputs: int, channels: int, blocks: int) -> nn.Sequential:
    changes = inputs != channels
    first = BasicBlock(
        inputs,
        channels,
        stride=2 if changes else 1,
        downsample=PaddedShortcut(channels) if changes else None,
    )
    rest = (BasicBlock(channels, channels) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)


def _entry(depth: int) -> Callable[..., nn.Module]:
    """A function as timm registers them: by its name and module."""

    def entry(pretrained: bool = False, **settings: Any) -> nn.Module:
        settings["blocks"] = (depth - 2) // 6
        made = build_model_with_cfg(CifarResNet, entry.__name__, pretrained, **settings)
        return cast("nn.Module", made)

    entry.__name__ = f"{_PREFIX}{depth}"
    entry.__module__ = __name__
    return entry


# timm looks for a mapping of this name in the module of a model.
default_cfgs = generate_default_cfgs(
    {
        f"{_PREFIX}{depth}": {
            "num_classes": 10,
            "input_size": (3, 32, 32),
            "crop_pct": 1.0,
            "interpolation": "bilinear",
            "mean": (0.485, 0.456, 0.406),  # those of ImageNet, as akamaster's models were trained
            "std": (0.229, 0.224, 0.225),
            "first_conv": "conv1",
            "classifier": "fc",
        }
        for depth in DEPTHS
    }
)
for _depth in DEPTHS:
    register_model(_entry(_depth))
