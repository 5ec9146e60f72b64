"""Reading a BEiT-3: files of its authors (``.pth``), or folders with a ``config.json``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from math import isqrt
from pathlib import Path
from typing import Any

import attrs
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from instatune.errors import CheckpointError
from instatune_plugins.adapters.beit3_init import draw
from instatune_plugins.adapters.beit3_model import Beit3, build
from instatune_plugins.adapters.beit3_outline import missing
from instatune_plugins.adapters.beit3_sizes import (
    SKIPPED,
    Beit3Sizes,
    Head,
    checked,
    from_json,
    from_shapes,
)
from instatune_plugins.adapters.vit_checkpoint import read_json

_NAMES = ("model.safetensors", "pytorch_model.bin")
_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
_PLACES = "beit3.encoder.embed_positions.A.weight"
_NEW = ("head.", "pooler.", "fc_norm.")  # pre-trained files have no head, or that of another task
# What pre-training or another head needs: published files may hold it.
_UNUSED = ("beit3.encoder.layer_norm.", "beit3.text_embed.", "beit3.vision_embed.mask_token")


@attrs.frozen(kw_only=True)
class Beit3Checkpoint:
    """A checkpoint on this machine.

    Attributes:
        name: As the user wrote it, for messages.
        folder: Where its files lie.
        config: Contents of ``config.json``, None where there is none.
        weights: File of the weights, None where there is none.
    """

    name: str
    folder: Path
    config: dict[str, Any] | None
    weights: Path | None


def open_checkpoint(name: str) -> Beit3Checkpoint:
    """Find out what lies at a place.

    Raises:
        CheckpointError: Nothing, or neither a configuration nor weights.
    """
    place = Path(name).expanduser()
    if place.is_file() and place.suffix in _SUFFIXES:
        return Beit3Checkpoint(name=name, folder=place.parent, config=None, weights=place)
    if not place.is_dir():
        raise missing(name)
    config, weights = read_json(name, place / "config.json"), _weights(place)
    if config is None and weights is None:
        raise CheckpointError(
            f"checkpoint {name}: has neither config.json nor weights; a file of BEiT-3's authors "
            "such as beit3_base_patch16_224.pth is right, or a folder that instatune wrote"
        )
    return Beit3Checkpoint(name=name, folder=place, config=config, weights=weights)


def sizes_of(source: Beit3Checkpoint, head: Head | None, image_size: int | None) -> Beit3Sizes:
    """Sizes of the model that is to be built from a checkpoint and settings.

    Args:
        source: The checkpoint.
        head: Wanted head; None for the checkpoint's own.
        image_size: Wanted side of images; None for the checkpoint's own.

    Raises:
        CheckpointError: The checkpoint does not tell its sizes, or they fit no model.
    """
    found = _found(source, None)
    return _wanted(found, head, image_size)


def load(
    source: Beit3Checkpoint,
    wanted: tuple[Head | None, int | None],
    n_outputs: int,
    generator: torch.Generator,
    *,
    pretrained: bool,
) -> Beit3:
    """Build a model and read its weights; of the head, what fits is kept and the rest drawn.

    Args:
        source: The checkpoint.
        wanted: Head and side of images; None for the checkpoint's own.
        n_outputs: Number of classes; 0 for the checkpoint's own.
        generator: The only source of randomness.
        pretrained: Whether to read weights.
    """
    weights = _read(source) if pretrained else {}
    found = _found(source, weights or None)
    sizes = _wanted(found, *wanted)
    sizes = attrs.evolve(sizes, outputs=n_outputs or sizes.outputs)
    model = build(sizes)
    if _PLACES in weights and sizes.image != found.image:
        weights = {**weights, _PLACES: _resized(source, weights[_PLACES], sizes)}
    shapes = {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
    fitting = {n: t for n, t in weights.items() if tuple(t.shape) == shapes.get(n)}
    if pretrained:
        _check(source, weights, shapes)
    model.load_state_dict(fitting, strict=False)
    draw(model, shapes.keys() - fitting.keys(), sizes.layers, generator)
    return model


def _found(source: Beit3Checkpoint, weights: Mapping[str, Tensor] | None) -> Beit3Sizes:
    if source.config is not None:
        return from_json(source.name, source.config)
    read = _read(source) if weights is None else weights
    return from_shapes(source.name, {name: tuple(tensor.shape) for name, tensor in read.items()})


def _wanted(sizes: Beit3Sizes, head: Head | None, image_size: int | None) -> Beit3Sizes:
    return checked(attrs.evolve(sizes, head=head or sizes.head, image=image_size or sizes.image))


def _weights(folder: Path) -> Path | None:
    for name in _NAMES:
        if (folder / name).is_file():
            return folder / name
    alone = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES)
    return alone[0] if len(alone) == 1 else None


def _read(source: Beit3Checkpoint) -> dict[str, Tensor]:
    """Tensors by name, in float32; those of the authors' files lie under ``model``."""
    if source.weights is None:
        raise CheckpointError(
            f"checkpoint {source.name}: has no weights; {_NAMES[0]} or one .pth file must be "
            "there, or set pretrained: false for random ones"
        )
    try:
        if source.weights.suffix == ".safetensors":
            tensors: Any = load_file(source.weights)
        else:  # files of a training also hold its settings, a plain namespace
            with torch.serialization.safe_globals([argparse.Namespace]):
                tensors = torch.load(source.weights, map_location="cpu", weights_only=True)
            tensors = tensors.get("model", tensors)
        return {str(name): tensor.float() for name, tensor in tensors.items()}
    except Exception as error:  # damaged archives raise errors of many types
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise CheckpointError(
            f"checkpoint {source.name}: {source.weights.name} cannot be read ({reason}); download "
            "it again"
        ) from error


def _resized(source: Beit3Checkpoint, table: Tensor, sizes: Beit3Sizes) -> Tensor:
    """Bring the positions of patches to another grid, bicubically, as BEiT-3 is fine-tuned."""
    kept = SKIPPED + 1
    before, after = isqrt(len(table) - kept), isqrt(sizes.patches)
    if before**2 != len(table) - kept:
        raise CheckpointError(
            f"checkpoint {source.name}: tensor {_PLACES!r} has {len(table)} rows, which make no "
            "square of patches; give a complete checkpoint"
        )
    grid = table[kept:].T.reshape(1, -1, before, before)
    grid = functional.interpolate(grid, (after, after), mode="bicubic", align_corners=False)
    return torch.cat([table[:kept], grid[0].flatten(1).T])


def _check(
    source: Beit3Checkpoint, weights: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Require that all but the head is there, and that no layer is left over."""
    for name in sorted(weights.keys() | shapes.keys()):
        here = list(shapes[name]) if name in shapes else None
        there = list(weights[name].shape) if name in weights else None
        if here == there or name.startswith(_NEW):
            continue
        # Files hold heads of pre-training, and what a model for images alone does without.
        unused = not name.startswith("beit3.") or name.startswith(_UNUSED) or ".B." in name
        if here is None and unused:
            continue
        raise CheckpointError(
            f"checkpoint {source.name}: tensor {name!r} is {there or 'missing'} in the file, but "
            f"{here or 'missing'} in the model; {_advice(source, name)}"
        )


def _advice(source: Beit3Checkpoint, name: str) -> str:
    if ".B." in name or "text_embed" in name:
        return "a file with the text expert is needed, or set head: image_classification"
    if source.config is not None:
        return "config.json is of another model: correct it, or give a complete checkpoint"
    return "give a complete checkpoint"
