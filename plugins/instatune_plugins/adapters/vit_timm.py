"""Vision transformers of timm: ViT, DeiT (also distilled), BEiT-3's image encoder and more.

All of them are ``timm.models.VisionTransformer``; which parts a layer has is read off the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from timm.layers import Attention
from timm.models import VisionTransformer
from timm.models.vision_transformer import checkpoint_filter_fn
from torch import Tensor, nn

from instatune.errors import CheckpointError
from instatune.space import Anatomy
from instatune.supernet.fit import verify
from instatune_plugins.adapters import timm_models
from instatune_plugins.adapters.timm_models import (
    first_line,
    name_outputs,
    processing,
    quiet_timm,
    save,
)
from instatune_plugins.adapters.vit_checkpoint import VitCheckpoint, check_weights
from instatune_plugins.adapters.vit_layout import TIMM, Numbers, anatomy_of
from instatune_plugins.adapters.vit_randomness import draw, drawn_from

__all__ = ["describe", "fits", "load", "name_outputs", "processing", "save", "skeleton"]

FAMILY = "timm ViT"
_HEADS = ("head.", "head_dist.")
_NEW = (*_HEADS, "fc_norm.")  # BEiT-3 is published without the norm that goes before a head


def load(
    source: VitCheckpoint,
    n_outputs: int,
    image_size: int | None,
    generator: torch.Generator,
    *,
    pretrained: bool,
) -> nn.Module:
    """Build a model and read its weights; a head of the same size is kept, another drawn anew."""
    with drawn_from(generator):
        init = {"weight_init": "skip"} if pretrained else {}
        model = _build(source, n_outputs, image_size, **init)
    if not pretrained:
        return cast("nn.Module", model.eval())
    check_weights(source)
    weights = _read(source, model)
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    weights = {
        name: tensor
        for name, tensor in weights.items()
        if not (name.startswith(_HEADS) and tensor.shape != shapes.get(name))
    }
    timm_models.check(source, weights, shapes, _NEW)
    model.load_state_dict(weights, strict=False)
    draw(model, [name for name in shapes if name not in weights], 0.02, generator)
    return cast("nn.Module", model.eval())


def skeleton(source: VitCheckpoint) -> nn.Module:
    """Build the model that ``config.json`` tells of."""
    outputs = timm_models.outputs(source)
    with torch.random.fork_rng(devices=[]):  # weights are arbitrary, but drawn all the same
        return cast("nn.Module", _build(source, outputs, None, weight_init="skip").eval())


def describe(model: Any) -> Anatomy:
    """Describe a model by its tensors; see :mod:`.vit_layout`."""
    blocks = model.blocks
    for index, block in enumerate(blocks):
        if type(block.attn) is not Attention:
            raise CheckpointError(
                f"{type(model).__name__} is not built as the {FAMILY} family is: module "
                f"'blocks.{index}.attn' is a {type(block.attn).__name__}, not an Attention"
            )
        for name in ("attn.norm", "mlp.norm"):
            inner = block.get_submodule(name) if _has(block, name) else nn.Identity()
            if not isinstance(inner, (nn.Identity, nn.LayerNorm)):
                raise CheckpointError(
                    f"{type(model).__name__} is not built as the {FAMILY} family is: module "
                    f"'blocks.{index}.{name}' is a {type(inner).__name__}, not a LayerNorm"
                )
    if not len(blocks):
        raise CheckpointError(f"{type(model).__name__}: module 'blocks' has no layers")
    patches = model.patch_embed.num_patches
    numbers = Numbers(
        layers=len(blocks),
        heads=blocks[0].attn.num_heads,
        head_size=blocks[0].attn.head_dim,
        patches=patches,
        tokens=patches + model.num_prefix_tokens,
    )
    shapes = {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
    anatomy = anatomy_of(FAMILY, TIMM, shapes, numbers)
    verify(anatomy, model)
    return anatomy


def fits(model: nn.Module) -> bool:
    """Whether a model is one of these."""
    return isinstance(model, VisionTransformer)


def _build(
    source: VitCheckpoint, n_outputs: int, image_size: int | None, **extra: Any
) -> VisionTransformer:
    sized = {} if image_size is None else {"img_size": image_size}
    model = timm_models.build(source, n_outputs, **sized, **extra)
    if not isinstance(model, VisionTransformer):
        raise CheckpointError(
            f"checkpoint {source.name}: {timm_models.architecture(source)} is a "
            f"{type(model).__name__}, adapter 'vit' fits VisionTransformer; choose a ViT, DeiT or "
            "BEiT-3 of timm"
        )
    return model


def _read(source: VitCheckpoint, model: VisionTransformer) -> dict[str, Tensor]:
    """Weights under timm's names, position embeddings in the model's size, all float32."""
    floats = timm_models.read(source)
    # DeiT III was published with other names of its layer scales.
    scales = any(".gamma_1" in name for name in floats)
    try:
        with torch.no_grad(), quiet_timm():
            found = checkpoint_filter_fn(floats, model, adapt_layer_scale=scales)
            return cast("dict[str, Tensor]", found)
    except Exception as error:  # position embeddings of another model cannot be resized
        name = cast("Path", source.weights).name
        raise CheckpointError(
            f"checkpoint {source.name}: {name} does not fit {source.config['architecture']} "
            f"({first_line(error)}); name its own arch"
        ) from error


def _has(module: nn.Module, path: str) -> bool:
    try:
        module.get_submodule(path)
    except AttributeError:
        return False
    return True
