"""Vision transformers with a classification head (Dosovitskiy et al., ICLR 2021).

Two libraries are understood: timm (ViT, DeiT, the image encoder of BEiT-3) and transformers (ViT,
DeiT, BEiT). The modules are theirs as they are; attention runs on torch's fused kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from instatune.errors import CheckpointError
from instatune.interfaces import Adapter, Batch
from instatune.space import Anatomy
from instatune_plugins.adapters.vit_checkpoint import VitCheckpoint, open_checkpoint
from instatune_plugins.adapters.vit_config import VitAdapterConfig

_FILES = ("config.json", "preprocessor_config.json", "*.safetensors*", "pytorch_model.bin*")


class Vit(Adapter):
    """``timm.models.VisionTransformer`` and ``{ViT,DeiT,Beit}ForImageClassification``."""

    config: VitAdapterConfig

    def __init__(self, config: VitAdapterConfig | None = None) -> None:
        super().__init__(config or VitAdapterConfig())

    def load(self, checkpoint: str, n_outputs: int, generator: torch.Generator) -> nn.Module:
        """Load weights, also half-precision ones, in float32; a head of another size is drawn anew.

        Args:
            checkpoint: Folder, ``.safetensors`` file, or name on the hub.
            n_outputs: Number of classes.
            generator: The only source of randomness.

        Raises:
            CheckpointError: Missing, unreadable, of another family, or not all of a model.
        """
        source = self._open(checkpoint)
        pretrained = self.config.pretrained
        library = _library(source)
        if source.library == "timm":
            size = self.config.image_size
            return cast(
                "nn.Module", library.load(source, n_outputs, size, generator, pretrained=pretrained)
            )
        return cast("nn.Module", library.load(source, n_outputs, generator, pretrained=pretrained))

    def describe(self, model: nn.Module) -> Anatomy:
        """Describe a model.

        Raises:
            CheckpointError: It is no vision transformer, or differs; names the first module.
        """
        # Only the library of the model is imported: each of them takes seconds.
        if type(model).__module__.startswith("timm."):
            from instatune_plugins.adapters import vit_timm

            if vit_timm.fits(model):
                return vit_timm.describe(model)
        elif type(model).__module__.startswith("transformers."):
            from instatune_plugins.adapters import vit_transformers

            if vit_transformers.fits(model):
                return vit_transformers.describe(model)
        raise CheckpointError(
            f"{type(model).__name__} is not built as vision transformers are: adapter 'vit' fits "
            "VisionTransformer of timm and ViT, DeiT, BEiT of transformers with a classifier"
        )

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run the model on ``pixel_values`` ``[examples, channels, height, width]``."""
        found = model(batch["pixel_values"])
        return cast("Tensor", found if isinstance(found, Tensor) else found.logits)

    def processor(self, checkpoint: str) -> Mapping[str, Any]:
        """Say how images are prepared, as ``timm.data.create_transform`` takes it."""
        source = self._open(checkpoint)
        library = _library(source)
        if source.library == "timm":
            return cast("Mapping[str, Any]", library.processing(source, self.config.image_size))
        return cast("Mapping[str, Any]", library.processing(source))

    def save_assets(self, model: nn.Module, processor: Any, directory: Path) -> None:
        """Write ``config.json`` in the format of the model's library, and the processing."""
        _library_of(model).save(model, processor, directory)

    def skeleton(self, directory: Path) -> nn.Module:
        """Build the full-size model; its weights are arbitrary."""
        source = open_checkpoint(str(directory), directory)
        return cast("nn.Module", _library(source).skeleton(source))

    def name_outputs(self, model: nn.Module, labels: tuple[str, ...]) -> None:
        """Put the names of the classes where the model's library has them."""
        if labels:
            _library_of(model).name_outputs(model, labels)

    def _open(self, checkpoint: str) -> VitCheckpoint:
        place = Path(checkpoint).expanduser()
        if not place.exists() and not place.is_absolute() and not checkpoint.startswith("."):
            place = fetched(checkpoint, self.config.revision)
        source = open_checkpoint(checkpoint, place, self.config.arch)
        if source.library == "transformers" and self.config.image_size is not None:
            raise CheckpointError(
                f"checkpoint {checkpoint}: image_size is for timm models; models of transformers "
                "keep the size that config.json says, leave it out"
            )
        return source


def _library(source: VitCheckpoint) -> Any:
    return import_module(f"instatune_plugins.adapters.vit_{source.library}")


def _library_of(model: nn.Module) -> Any:
    name = "timm" if type(model).__module__.startswith("timm.") else "transformers"
    return import_module(f"instatune_plugins.adapters.vit_{name}")


def fetched(name: str, revision: str) -> Path:
    """Folder of a model of the hub, downloaded unless it was before."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(_FILES)))
    except Exception as error:  # absent names and networks raise errors of many types
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise CheckpointError(
            f"checkpoint {name}: cannot be loaded ({reason}); check the name, or give a folder"
        ) from error
