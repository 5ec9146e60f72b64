"""Image classifiers of timm for the adapter ``auto``: loading, inputs, saving."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from instatune.errors import CheckpointError
from instatune.interfaces import Batch
from instatune_plugins.adapters import vit_timm
from instatune_plugins.adapters.encoder_checkpoint import first_line
from instatune_plugins.adapters.vit_checkpoint import check_weights, open_checkpoint
from instatune_plugins.adapters.vit_randomness import draw, drawn_from

_NOT_SIZES = ("num_classes", "pretrained", "checkpoint_path", "cache_dir", "features_only")


def load(
    checkpoint: str,
    config: dict[str, Any],
    n_outputs: int,
    generator: torch.Generator,
    revision: str,
) -> nn.Module:
    """Load weights with a head of ``n_outputs``; see :meth:`Auto.load`."""
    source = open_checkpoint(checkpoint, Path(checkpoint).expanduser())
    check_weights(source)
    with drawn_from(generator):
        model = _build(checkpoint, config, n_outputs)
    file = cast("Path", source.weights)
    try:
        weights = {name: tensor.float() for name, tensor in load_file(file).items()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"checkpoint {checkpoint}: {file.name} is damaged ({first_line(error)}); download it "
            "again"
        ) from error
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    heads = tuple(f"{name}." for name in _heads(model))
    for name in sorted(weights.keys() | shapes.keys()):
        here, there = shapes.get(name), weights[name].shape if name in weights else None
        if here != there and not name.startswith(heads):
            raise CheckpointError(
                f"checkpoint {checkpoint}: is not a {config['architecture']}: tensor {name!r} is "
                f"{_size(there)} in the file, but {_size(here)} in the model; download it again"
            )
    fitting = {name: t for name, t in weights.items() if shapes.get(name) == t.shape}
    model.load_state_dict(fitting, strict=False)
    draw(model, [name for name in shapes if name not in fitting], 0.02, generator)
    return model.eval()


def skeleton(checkpoint: str, config: dict[str, Any]) -> nn.Module:
    """Build the model that ``config.json`` tells of."""
    outputs = config.get("num_classes")
    if not isinstance(outputs, int) or outputs < 1:
        raise CheckpointError(f"checkpoint {checkpoint}: config.json has no num_classes")
    with torch.random.fork_rng(devices=[]):  # weights are arbitrary, but drawn all the same
        return _build(checkpoint, config, outputs).eval()


def expected_layers(model: nn.Module) -> None:
    """Unknown: timm's models are what they are."""


def max_tokens(model: nn.Module) -> None:
    """Unknown: images have one size."""


def inputs(model: Any) -> list[Batch]:
    """A random image."""
    size = model.pretrained_cfg["input_size"]
    made = getattr(getattr(model, "patch_embed", None), "img_size", None)
    shape = (1, size[0], *(made or size[1:]))
    generator = torch.Generator().manual_seed(0)
    return [{"pixel_values": torch.randn(shape, generator=generator)}]


def processor(checkpoint: str, config: dict[str, Any], revision: str) -> Any:
    """How images are prepared."""
    return vit_timm.processing(open_checkpoint(checkpoint, Path(checkpoint).expanduser()), None)


def save(model: nn.Module, made: Mapping[str, Any] | None, directory: Path) -> None:
    """Write ``config.json``."""
    vit_timm.save(model, made, directory)


def name_outputs(model: nn.Module, labels: tuple[str, ...]) -> None:
    """Put the names of the classes where timm has them."""
    vit_timm.name_outputs(model, labels)


def _build(checkpoint: str, config: dict[str, Any], n_outputs: int) -> nn.Module:
    sizes = {k: v for k, v in config.get("model_args", {}).items() if k not in _NOT_SIZES}
    try:
        model = timm.create_model(str(config["architecture"]), num_classes=n_outputs, **sizes)
    except Exception as error:  # timm passes arguments on to whatever the model is
        raise CheckpointError(
            f"checkpoint {checkpoint}: {config['architecture']} cannot be built by timm "
            f"{timm.__version__} ({first_line(error)}); correct config.json"
        ) from error
    return cast("nn.Module", model)


def _heads(model: Any) -> tuple[str, ...]:
    found = model.pretrained_cfg.get("classifier", "head")
    return (found,) if isinstance(found, str) else tuple(found)


def _size(shape: torch.Size | None) -> object:
    return "missing" if shape is None else list(shape)
