"""ResNets (He et al., CVPR 2016): those of timm, and those for CIFAR.

A residual block may do with fewer channels inside, and a stage with fewer blocks; the channels that
blocks add to stay. The modules are timm's as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from timm.models import ResNet
from torch import Tensor, nn

from instatune.errors import CheckpointError
from instatune.interfaces import Adapter, Batch
from instatune.space import Anatomy
from instatune_plugins.adapters import timm_models
from instatune_plugins.adapters.resnet_anatomy import describe
from instatune_plugins.adapters.resnet_checkpoint import open_resnet
from instatune_plugins.adapters.resnet_cifar import CifarResNet, published
from instatune_plugins.adapters.resnet_config import ResnetAdapterConfig
from instatune_plugins.adapters.vit_checkpoint import VitCheckpoint, check_weights, open_checkpoint
from instatune_plugins.adapters.vit_randomness import draw, drawn_from

_HEAD = "fc."
_DEVIATION = 0.01  # of a new head


class Resnet(Adapter):
    """``timm.models.ResNet`` and :class:`CifarResNet`, with basic or bottleneck blocks."""

    config: ResnetAdapterConfig

    def __init__(self, config: ResnetAdapterConfig | None = None) -> None:
        super().__init__(config or ResnetAdapterConfig())

    def load(self, checkpoint: str, n_outputs: int, generator: torch.Generator) -> nn.Module:
        """Load weights, also half-precision ones, in float32; a head of another size is drawn anew.

        Args:
            checkpoint: Folder, ``.safetensors`` file, name on the hub, or name of a timm model.
            n_outputs: Number of classes.
            generator: The only source of randomness.

        Raises:
            CheckpointError: Missing, unreadable, of another family, or not all of a model.
        """
        source = open_resnet(checkpoint, self.config)
        if self.config.pretrained:
            check_weights(source)
        with drawn_from(generator):
            model = _build(source, n_outputs, self.config.image_size)
        if self.config.pretrained:
            _fill(model, source, generator)
        return model.eval()

    def describe(self, model: nn.Module) -> Anatomy:
        """Describe a model; see :mod:`.resnet_anatomy`.

        Raises:
            CheckpointError: It is no such ResNet; names the first module that differs.
        """
        if not isinstance(model, (ResNet, CifarResNet)):
            raise CheckpointError(
                f"{type(model).__name__} is not built as ResNets are: adapter 'resnet' fits ResNet "
                "of timm and its own CifarResNet"
            )
        return describe(model)

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run the model on ``pixel_values`` ``[examples, channels, height, width]``."""
        return cast("Tensor", model(batch["pixel_values"]))

    def processor(self, checkpoint: str) -> Mapping[str, Any]:
        """Say how images are prepared, as ``timm.data.create_transform`` takes it."""
        source = open_resnet(checkpoint, self.config)
        return timm_models.processing(source, self.config.image_size)

    def save_assets(self, model: nn.Module, processor: Any, directory: Path) -> None:
        """Write ``config.json`` in timm's format, image processing included."""
        timm_models.save(model, processor, directory)

    def skeleton(self, directory: Path) -> nn.Module:
        """Build the full-size model; its weights are arbitrary."""
        source = open_checkpoint(str(directory), directory)
        with torch.random.fork_rng(devices=[]):
            return _build(source, timm_models.outputs(source), None).eval()

    def name_outputs(self, model: nn.Module, labels: tuple[str, ...]) -> None:
        """Put the names of the classes where timm has them."""
        if labels:
            timm_models.name_outputs(model, labels)


def _build(source: VitCheckpoint, n_outputs: int, image_size: int | None) -> nn.Module:
    model = timm_models.build(source, n_outputs)
    if not isinstance(model, (ResNet, CifarResNet)):
        raise CheckpointError(
            f"checkpoint {source.name}: {timm_models.architecture(source)} is a "
            f"{type(model).__name__}, adapter 'resnet' fits ResNets; choose another model, or the "
            "adapter 'auto'"
        )
    # MACs depend on the size of the images, which nothing else in the model remembers.
    size = timm_models.processing(source, image_size)["input_size"]
    cast("Any", model).pretrained_cfg["input_size"] = size
    return model


def _fill(model: nn.Module, source: VitCheckpoint, generator: torch.Generator) -> None:
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    weights = timm_models.read(source)
    if isinstance(model, CifarResNet):
        weights = published(weights)
    weights = {
        name: tensor
        for name, tensor in weights.items()
        if not (name.startswith(_HEAD) and tensor.shape != shapes.get(name))
    }
    # A count of batches that files of old versions of torch lack; nothing is computed from it.
    counted = {n: s for n, s in shapes.items() if n in weights or not n.endswith("batches_tracked")}
    timm_models.check(source, weights, counted, (_HEAD,))
    model.load_state_dict(weights, strict=False)
    draw(model, [name for name in counted if name not in weights], _DEVIATION, generator)
