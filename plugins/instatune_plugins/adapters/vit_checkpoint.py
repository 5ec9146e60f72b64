"""What a checkpoint of a vision transformer is: whose format, which files. Light: no torch.

* A folder with a ``config.json`` that has ``model_type``: transformers.
* A folder with a ``config.json`` that has ``architecture``: timm, as on its hub and in our exports.
* A file of weights, or a folder with nothing else: timm, with the setting ``arch``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from instatune.errors import CheckpointError

MODEL_TYPES = ("vit", "deit", "beit")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_SHARDED = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_HOW = "give a folder with config.json and model.safetensors, or a .safetensors file with `arch`"


@attrs.frozen(kw_only=True)
class VitCheckpoint:
    """A checkpoint on this machine.

    Attributes:
        name: As the user wrote it, for messages.
        folder: Where its files lie.
        library: Whose model it is.
        config: Contents of ``config.json``, or what the setting ``arch`` stands for.
        weights: File of the weights; None if there is none, or several that hold a part each.
    """

    name: str
    folder: Path
    library: Literal["timm", "transformers"]
    config: dict[str, Any]
    weights: Path | None


def open_checkpoint(name: str, place: Path, arch: str | None = None) -> VitCheckpoint:
    """Find out what lies at a place.

    Args:
        name: The checkpoint as the user wrote it.
        place: Folder or file.
        arch: The setting of that name.

    Raises:
        CheckpointError: Nothing, something else, or something that does not say what it is.
    """
    if place.is_file() and place.suffix == ".safetensors":
        return _timm(name, place.parent, {"architecture": _named(name, arch)}, place)
    if not place.is_dir():
        raise CheckpointError(f"checkpoint {name}: no such folder or .safetensors file; {_HOW}")
    config = read_json(name, place / "config.json")
    if config is None:
        return _timm(name, place, {"architecture": _named(name, arch)}, _weights(place))
    if "architecture" in config:
        if arch not in (None, config["architecture"]):
            raise CheckpointError(
                f"checkpoint {name}: config.json says that it is {config['architecture']!r}, the "
                f"setting arch says {arch!r}; leave arch out"
            )
        return _timm(name, place, config, _weights(place))
    if config.get("model_type") not in MODEL_TYPES:
        raise CheckpointError(
            f"checkpoint {name}: model_type is {config.get('model_type')!r}, adapter 'vit' fits "
            f"{', '.join(map(repr, MODEL_TYPES))} of transformers and ViT models of timm; choose "
            "another checkpoint or the adapter of that family (`instatune plugins --kind adapters`)"
        )
    return VitCheckpoint(
        name=name,
        folder=place,
        library="transformers",
        config=config,
        weights=_weights(place),
    )


def check_weights(checkpoint: VitCheckpoint) -> None:
    """Require that there are weights.

    Raises:
        CheckpointError: There are none.
    """
    sharded = any((checkpoint.folder / name).is_file() for name in _SHARDED)
    if checkpoint.weights is None and not (sharded and checkpoint.library == "transformers"):
        raise CheckpointError(
            f"checkpoint {checkpoint.name}: has no weights; {WEIGHTS[0]} must be there, or set "
            "pretrained: false for random ones"
        )


def read_json(name: str, file: Path) -> dict[str, Any] | None:
    """Read a mapping; None if there is no such file.

    Raises:
        CheckpointError: It is there but cannot be read.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint {name}: {file.name} cannot be read ({error}); download it again"
        ) from error
    if not isinstance(found, Mapping):
        raise CheckpointError(
            f"checkpoint {name}: {file.name} holds no settings; download it again"
        )
    return dict(found)


def _timm(name: str, folder: Path, config: dict[str, Any], weights: Path | None) -> VitCheckpoint:
    return VitCheckpoint(name=name, folder=folder, library="timm", config=config, weights=weights)


def _named(name: str, arch: str | None) -> str:
    if arch is None:
        raise CheckpointError(
            f"checkpoint {name}: weights without config.json do not say what they are; name the "
            "timm model: `adapter: {name: vit, arch: deit_tiny_patch16_224}`"
        )
    return arch


def _weights(folder: Path) -> Path | None:
    for known in WEIGHTS:
        if (folder / known).is_file():
            return folder / known
    alone = sorted(folder.glob("*.safetensors"))
    return alone[0] if len(alone) == 1 else None
