"""Models of timm by name: building them, reading weights, saving what rebuilds them.

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
from timm.models._hub import save_config_for_hf
from torch import Tensor, nn

from instatune.errors import CheckpointError
from instatune_plugins.adapters.vit_checkpoint import VitCheckpoint

# Sizes and options of a network; a configuration file must not name files or places to load from.
_NOT_SIZES = (
    *("num_classes", "weight_init"),
    *("pretrained", "checkpoint_path", "cache_dir", "features_only"),
)


def build(source: VitCheckpoint, n_outputs: int, **extra: Any) -> nn.Module:
    """Build a model without its weights.

    Args:
        source: Says which, and of what sizes.
        n_outputs: Of its classifier.
        extra: Further arguments, which come before those of ``source``.

    Raises:
        CheckpointError: timm has no such model, or cannot make it of these sizes.
    """
    args = {k: v for k, v in source.config.get("model_args", {}).items() if k not in _NOT_SIZES}
    name = architecture(source)
    try:
        with quiet_timm():
            model = timm.create_model(name, num_classes=n_outputs, **{**args, **extra})
    except Exception as error:  # timm passes arguments on to whatever the model is
        raise CheckpointError(
            f"checkpoint {source.name}: {name} cannot be built ({first_line(error)}); "
            "correct model_args in config.json, or image_size"
        ) from error
    return cast("nn.Module", model)


def outputs(source: VitCheckpoint) -> int:
    """Outputs of the classifier that ``config.json`` tells of.

    Raises:
        CheckpointError: It tells of none.
    """
    found = source.config.get("num_classes")
    if not isinstance(found, int) or found < 1:
        raise CheckpointError(f"checkpoint {source.name}: config.json has no num_classes")
    return found


def architecture(source: VitCheckpoint) -> str:
    """Name of a model that timm has.

    Raises:
        CheckpointError: It has no such model; tells of similar names.
    """
    name = str(source.config["architecture"])
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        raise CheckpointError(
            f"checkpoint {source.name}: timm {timm.__version__} has no model {name!r}"
            + (f"; did you mean {' or '.join(near)}?" if near else "; see timm.list_models()")
        )
    return name


def read(source: VitCheckpoint) -> dict[str, Tensor]:
    """Weights under the names of the file, all float32.

    Raises:
        CheckpointError: The file is damaged.
    """
    file = cast("Path", source.weights)
    try:
        if file.suffix == ".safetensors":
            tensors = load_file(file)
        else:
            tensors = torch.load(file, map_location="cpu", weights_only=True)
        return {name: tensor.float() for name, tensor in tensors.items()}
    except Exception as error:  # damaged archives raise errors of many types
        kind = "damaged" if isinstance(error, SafetensorError) else "unreadable"
        raise CheckpointError(
            f"checkpoint {source.name}: {file.name} is {kind} ({first_line(error)}); download it "
            "again"
        ) from error


def check(
    source: VitCheckpoint,
    weights: Mapping[str, Tensor],
    shapes: Mapping[str, torch.Size],
    new: tuple[str, ...],
) -> None:
    """Require that all is there but what is new, and that nothing is left over.

    Args:
        source: For messages.
        weights: Of the file, without a head of another size.
        shapes: Of the model.
        new: Beginnings of names that may be lacking.

    Raises:
        CheckpointError: Names the first tensor that is wrong.
    """
    for name in sorted(weights.keys() | shapes.keys()):
        here = list(shapes[name]) if name in shapes else None
        there = list(weights[name].shape) if name in weights else None
        if here != there and not (there is None and name.startswith(new)):
            raise CheckpointError(
                f"checkpoint {source.name}: is not a {source.config['architecture']}: tensor "
                f"{name!r} is {_spelled(there)} in the file, but {_spelled(here)} in the "
                "model; name its own arch"
            )


def processing(source: VitCheckpoint, image_size: int | None) -> dict[str, Any]:
    """How images are prepared, see :mod:`.vit_processing`."""
    known = timm.get_pretrained_cfg(architecture(source))
    published = {**(known.to_dict() if known else {}), **source.config.get("pretrained_cfg", {})}
    channels, height, width = published["input_size"]
    args = source.config.get("model_args", {})
    size = image_size or args.get("img_size") or (height, width)
    sides = size if isinstance(size, list | tuple) else (size, size)
    wanted = {"input_size": (args.get("in_chans") or channels, *sides)}
    with quiet_timm():
        found = resolve_data_config(wanted, pretrained_cfg=published)
    return {name: tuple(v) if isinstance(v, list | tuple) else v for name, v in found.items()}


def save(model: nn.Module, processor: Mapping[str, Any] | None, directory: Path) -> None:
    """Write ``config.json``: name, sizes that differ from timm's, labels, image processing."""
    file = directory / "config.json"
    with quiet_timm():
        save_config_for_hf(model, str(file), data_config=processor)
    # timm remembers how we built the model; who builds it anew wants other first weights.
    config = json.loads(file.read_text("utf-8"))
    config.get("model_args", {}).pop("weight_init", None)
    file.write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def name_outputs(model: nn.Module, labels: tuple[str, ...]) -> None:
    """Put the names of the classes where timm has them."""
    cfg = cast("Any", model).pretrained_cfg
    cfg["label_names"], cfg["num_classes"] = list(labels), len(labels)


@contextmanager
def quiet_timm() -> Iterator[None]:
    """Keep timm from telling what it resizes."""
    logger = logging.getLogger("timm")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def first_line(error: Exception) -> str:
    """Of its message, or its type where there is none."""
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def _spelled(shape: list[int] | None) -> str:
    return "missing" if shape is None else str(shape)
