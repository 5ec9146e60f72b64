"""Vision transformers of timm: ViT, DeiT (also distilled), BEiT-3's image encoder and more.

All of them are ``timm.models.VisionTransformer``; which parts a layer has is read off the model.
A saved model is a folder in timm's own format: ``config.json`` with ``architecture`` and
``model_args``.
"""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data import resolve_data_config
from timm.layers import Attention
from timm.models import VisionTransformer
from timm.models._hub import save_config_for_hf
from timm.models.vision_transformer import checkpoint_filter_fn
from torch import Tensor, nn

from instatune.errors import CheckpointError
from instatune.space import Anatomy
from instatune.supernet.fit import verify
from instatune_plugins.adapters.vit_checkpoint import VitCheckpoint, check_weights
from instatune_plugins.adapters.vit_layout import TIMM, Numbers, anatomy_of
from instatune_plugins.adapters.vit_randomness import draw, drawn_from

FAMILY = "timm ViT"
_HEADS = ("head.", "head_dist.")
_NEW = (*_HEADS, "fc_norm.")  # BEiT-3 is published without the norm that goes before a head
# Sizes and options of a network; a configuration file must not name files or places to load from.
_NOT_SIZES = (
    *("num_classes", "weight_init"),
    *("pretrained", "checkpoint_path", "cache_dir", "features_only"),
)


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
    _check(source, weights, shapes)
    model.load_state_dict(weights, strict=False)
    draw(model, [name for name in shapes if name not in weights], 0.02, generator)
    return cast("nn.Module", model.eval())


def skeleton(source: VitCheckpoint) -> nn.Module:
    """Build the model that ``config.json`` tells of."""
    outputs = source.config.get("num_classes")
    if not isinstance(outputs, int) or outputs < 1:
        raise CheckpointError(f"checkpoint {source.name}: config.json has no num_classes")
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


def processing(source: VitCheckpoint, image_size: int | None) -> dict[str, Any]:
    """How images are prepared, see :mod:`.vit_processing`."""
    known = timm.get_pretrained_cfg(_architecture(source))
    published = {**(known.to_dict() if known else {}), **source.config.get("pretrained_cfg", {})}
    channels, height, width = published["input_size"]
    args = source.config.get("model_args", {})
    size = image_size or args.get("img_size") or (height, width)
    sides = size if isinstance(size, list | tuple) else (size, size)
    wanted = {"input_size": (args.get("in_chans") or channels, *sides)}
    with _quiet():
        found = resolve_data_config(wanted, pretrained_cfg=published)
    return {name: tuple(v) if isinstance(v, list | tuple) else v for name, v in found.items()}


def save(model: nn.Module, processor: Mapping[str, Any] | None, directory: Path) -> None:
    """Write ``config.json``: name, sizes that differ from timm's, labels, image processing."""
    file = directory / "config.json"
    with _quiet():
        save_config_for_hf(model, str(file), data_config=processor)
    # timm remembers how we built the model; who builds it anew wants other first weights.
    config = json.loads(file.read_text("utf-8"))
    config.get("model_args", {}).pop("weight_init", None)
    file.write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def name_outputs(model: nn.Module, labels: tuple[str, ...]) -> None:
    """Put the names of the classes where timm has them."""
    cfg = cast("Any", model).pretrained_cfg
    cfg["label_names"], cfg["num_classes"] = list(labels), len(labels)


def _build(
    source: VitCheckpoint, n_outputs: int, image_size: int | None, **extra: Any
) -> VisionTransformer:
    args = {k: v for k, v in source.config.get("model_args", {}).items() if k not in _NOT_SIZES}
    if image_size is not None:
        args["img_size"] = image_size
    architecture = _architecture(source)
    try:
        with _quiet():
            model = timm.create_model(architecture, num_classes=n_outputs, **args, **extra)
    except Exception as error:  # timm passes arguments on to whatever the model is
        raise CheckpointError(
            f"checkpoint {source.name}: {architecture} cannot be built ({_first_line(error)}); "
            "correct model_args in config.json, or image_size"
        ) from error
    if not isinstance(model, VisionTransformer):
        raise CheckpointError(
            f"checkpoint {source.name}: {architecture} is a {type(model).__name__}, adapter 'vit' "
            "fits VisionTransformer; choose a ViT, DeiT or BEiT-3 of timm"
        )
    return model


def _architecture(source: VitCheckpoint) -> str:
    name = str(source.config["architecture"])
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        raise CheckpointError(
            f"checkpoint {source.name}: timm {timm.__version__} has no model {name!r}"
            + (f"; did you mean {' or '.join(near)}?" if near else "; see timm.list_models()")
        )
    return name


def _read(source: VitCheckpoint, model: VisionTransformer) -> dict[str, Tensor]:
    """Weights under timm's names, position embeddings in the model's size, all float32."""
    file = cast("Path", source.weights)
    try:
        if file.suffix == ".safetensors":
            tensors = load_file(file)
        else:
            tensors = torch.load(file, map_location="cpu", weights_only=True)
        floats = {name: tensor.float() for name, tensor in tensors.items()}
    except Exception as error:  # damaged archives raise errors of many types
        kind = "damaged" if isinstance(error, SafetensorError) else "unreadable"
        raise CheckpointError(
            f"checkpoint {source.name}: {file.name} is {kind} ({_first_line(error)}); download it "
            "again"
        ) from error
    # DeiT III was published with other names of its layer scales.
    scales = any(".gamma_1" in name for name in floats)
    try:
        with torch.no_grad(), _quiet():
            found = checkpoint_filter_fn(floats, model, adapt_layer_scale=scales)
            return cast("dict[str, Tensor]", found)
    except Exception as error:  # position embeddings of another model cannot be resized
        raise CheckpointError(
            f"checkpoint {source.name}: {file.name} does not fit {source.config['architecture']} "
            f"({_first_line(error)}); name its own arch"
        ) from error


def _check(
    source: VitCheckpoint, weights: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]
) -> None:
    """Require that all but the head is there, and that nothing is left over."""
    for name in sorted(weights.keys() | shapes.keys()):
        here = list(shapes[name]) if name in shapes else None
        there = list(weights[name].shape) if name in weights else None
        if here != there and not (there is None and name.startswith(_NEW)):
            raise CheckpointError(
                f"checkpoint {source.name}: is not a {source.config['architecture']}: tensor "
                f"{name!r} is {there or 'missing'} in the file, but {here or 'missing'} in the "
                "model; name its own arch"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep timm from telling what it resizes."""
    logger = logging.getLogger("timm")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _has(module: nn.Module, path: str) -> bool:
    try:
        module.get_submodule(path)
    except AttributeError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]
