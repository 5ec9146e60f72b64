"""The anatomy of vision transformers of transformers, from ``config.json``. Light: no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from instatune.errors import CheckpointError
from instatune.space import Anatomy
from instatune_plugins.adapters.vit_checkpoint import open_checkpoint, read_json
from instatune_plugins.adapters.vit_layout import (
    Numbers,
    Shapes,
    anatomy_of,
    linear,
    norm,
    transformers_layout,
)

FAMILIES = {"vit": "ViT", "deit": "DeiT", "beit": "BEiT"}
_SIZES = {  # what transformers takes for sizes that config.json leaves out
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "num_channels": 3,
}


def outline(checkpoint: str) -> Anatomy | None:
    """Read the anatomy of a checkpoint from its ``config.json``.

    Args:
        checkpoint: Folder or file, or name on a hub.

    Returns:
        None for a name on a hub, which would have to be asked, and for timm models, whose numbers
        of heads only timm knows.

    Raises:
        CheckpointError: The folder holds something else, or sizes that make no model.
    """
    place = Path(checkpoint).expanduser()
    if not place.is_dir() or read_json(checkpoint, place / "config.json") is None:
        return None
    found = open_checkpoint(checkpoint, place)
    if found.library == "timm":
        return None
    labels = found.config.get("id2label")
    outputs = len(labels) if isinstance(labels, Mapping) and labels else 2
    return transformers_anatomy(found.config, outputs)


def transformers_anatomy(config: Mapping[str, Any], n_outputs: int) -> Anatomy:
    """Describe ``{ViT,DeiT,Beit}ForImageClassification``.

    Args:
        config: Contents of ``config.json``.
        n_outputs: Rows of the classifier.

    Raises:
        CheckpointError: Sizes that make no such model.
    """
    family = config["model_type"]
    sizes = _sizes(config)
    grid = _grid(config)
    patches = grid[0] * grid[1]
    numbers = Numbers(
        layers=sizes["num_hidden_layers"],
        heads=sizes["num_attention_heads"],
        head_size=sizes["hidden_size"] // sizes["num_attention_heads"],
        patches=patches,
        tokens=patches + (2 if family == "deit" else 1),
    )
    if config.get("use_shared_relative_position_bias"):
        raise CheckpointError(
            "config.json: use_shared_relative_position_bias ties the heads of all layers together, "
            "so none can be left out; choose a checkpoint with a bias per layer"
        )
    shapes = {
        **_embeddings(config, numbers),
        **{
            f"{family}.layers.{layer}.{name}": shape
            for layer in range(numbers.layers)
            for name, shape in _layer(config, sizes, grid).items()
        },
        **_end(config, n_outputs),
    }
    return anatomy_of(FAMILIES[family], transformers_layout(family), shapes, numbers)


def _sizes(config: Mapping[str, Any]) -> dict[str, int]:
    sizes = {name: config.get(name, default) for name, default in _SIZES.items()}
    for name, value in sizes.items():
        if not isinstance(value, int) or value < 1:
            raise CheckpointError(f"config.json: {name} is {value!r}; a positive number is right")
    if sizes["hidden_size"] % sizes["num_attention_heads"]:
        raise CheckpointError(
            f"config.json: hidden_size {sizes['hidden_size']} is not a multiple of "
            f"num_attention_heads {sizes['num_attention_heads']}"
        )
    return sizes


def _grid(config: Mapping[str, Any]) -> tuple[int, int]:
    """Patches along height and width."""
    image, patch = (_pair(config, name) for name in ("image_size", "patch_size"))
    if patch[0] > image[0] or patch[1] > image[1]:
        raise CheckpointError(
            f"config.json: patch_size {list(patch)} is larger than image_size {list(image)}"
        )
    return image[0] // patch[0], image[1] // patch[1]


def _pair(config: Mapping[str, Any], name: str) -> tuple[int, int]:
    value = config.get(name, {"image_size": 224, "patch_size": 16}[name])
    both = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(both) != 2 or any(not isinstance(side, int) or side < 1 for side in both):
        raise CheckpointError(f"config.json: {name} is {value!r}; a positive number is right")
    return both[0], both[1]


def _embeddings(config: Mapping[str, Any], numbers: Numbers) -> Shapes:
    family, hidden = config["model_type"], config.get("hidden_size", _SIZES["hidden_size"])
    at, token = f"{config['model_type']}.embeddings", (1, 1, hidden)
    channels = config.get("num_channels", _SIZES["num_channels"])
    shapes: dict[str, tuple[int, ...]] = {f"{at}.cls_token": token}
    if family != "beit" or config.get("use_absolute_position_embeddings"):
        shapes[f"{at}.position_embeddings"] = (1, numbers.tokens, hidden)
    if family == "deit":
        shapes[f"{at}.distillation_token"] = token
    if config.get("use_mask_token"):
        shapes[f"{at}.mask_token"] = token
    patch = _pair(config, "patch_size")
    shapes[f"{at}.patch_embeddings.projection.weight"] = (hidden, channels, *patch)
    shapes[f"{at}.patch_embeddings.projection.bias"] = (hidden,)
    return shapes


def _layer(
    config: Mapping[str, Any], sizes: Mapping[str, int], grid: tuple[int, int]
) -> dict[str, tuple[int, ...]]:
    hidden, wide = sizes["hidden_size"], sizes["intermediate_size"]
    beit, bias = config["model_type"] == "beit", bool(config.get("qkv_bias", True))
    shapes = {
        **linear("attention.q_proj", hidden, hidden, bias=beit or bias),
        **linear("attention.k_proj", hidden, hidden, bias=not beit and bias),
        **linear("attention.v_proj", hidden, hidden, bias=beit or bias),
        **linear("attention.o_proj", hidden, hidden),
        **norm("layernorm_before", hidden),
        **norm("layernorm_after", hidden),
        **linear("mlp.fc1", hidden, wide),
        **linear("mlp.fc2", wide, hidden),
    }
    if beit and config.get("layer_scale_init_value", 0.1) > 0:
        shapes |= {"lambda_1": (hidden,), "lambda_2": (hidden,)}
    if beit and config.get("use_relative_position_bias"):
        distances = (2 * grid[0] - 1) * (2 * grid[1] - 1) + 3
        name = "relative_position_bias.relative_position_bias_table"
        shapes[name] = (distances, sizes["num_attention_heads"])
    return shapes


def _end(config: Mapping[str, Any], n_outputs: int) -> Shapes:
    family, hidden = config["model_type"], config.get("hidden_size", _SIZES["hidden_size"])
    pooled = family == "beit" and config.get("use_mean_pooling", True)
    return {
        **norm(f"{family}.{'pooler.' if pooled else ''}layernorm", hidden),
        **linear("classifier", hidden, n_outputs),
    }
