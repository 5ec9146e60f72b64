"""What a checkpoint of a ResNet is: a file with ``arch``, a folder of timm, a name."""

from __future__ import annotations

from pathlib import Path

import attrs
import timm

from instatune.errors import CheckpointError
from instatune_plugins.adapters.resnet_config import ResnetAdapterConfig
from instatune_plugins.adapters.vit import fetched
from instatune_plugins.adapters.vit_checkpoint import VitCheckpoint, open_checkpoint, read_json


def open_resnet(name: str, config: ResnetAdapterConfig) -> VitCheckpoint:
    """Find a checkpoint on this machine, downloading it where it is a name.

    Args:
        name: Folder, ``.safetensors`` file, name on the hub, or name of a timm model.
        config: Settings of the adapter.

    Raises:
        CheckpointError: Nothing is there, or something else, or it does not say what it is.
    """
    place = Path(name).expanduser()
    if not place.exists() and not place.is_absolute() and not name.startswith("."):
        if timm.is_model(name) and not config.pretrained:
            return _sized(_named(name, place), config)
        place = fetched(_hub_name(name), config.revision)
    described = read_json(name, place / "config.json") if place.is_dir() else None
    if described is None:
        _check_arch(name, place, config)
        return _sized(open_checkpoint(name, place, config.arch), config)
    _check_timm(name, described, config)
    return open_checkpoint(name, place, config.arch)


def _named(name: str, place: Path) -> VitCheckpoint:
    config = {"architecture": name}
    return VitCheckpoint(name=name, folder=place, library="timm", config=config, weights=None)


def _hub_name(name: str) -> str:
    """Where the weights are that timm takes for one of its models; other names as they are."""
    if not timm.is_model(name):
        return name
    published = timm.get_pretrained_cfg(name)
    if published is None or not published.hf_hub_id:
        raise CheckpointError(
            f"checkpoint {name}: timm knows of no weights for this model; give a .safetensors file "
            f"with `arch: {name}`, or set pretrained: false for random ones"
        )
    return str(published.hf_hub_id)


def _sized(source: VitCheckpoint, config: ResnetAdapterConfig) -> VitCheckpoint:
    return attrs.evolve(source, config={**source.config, "model_args": dict(config.model_args)})


def _check_arch(name: str, place: Path, config: ResnetAdapterConfig) -> None:
    if place.exists() and config.arch is None:
        raise CheckpointError(
            f"checkpoint {name}: weights without config.json do not say what they are; name the "
            "model: `adapter: {name: resnet, arch: resnet50}`"
        )


def _check_timm(name: str, described: dict[str, object], config: ResnetAdapterConfig) -> None:
    if "architecture" not in described:
        raise CheckpointError(
            f"checkpoint {name}: config.json is not one of timm (model_type is "
            f"{described.get('model_type')!r}), adapter 'resnet' fits ResNets of timm; choose "
            "another checkpoint or the adapter of that family (`instatune plugins --kind adapters`)"
        )
    if config.model_args:
        raise CheckpointError(
            f"checkpoint {name}: config.json says how the model is built; leave model_args out"
        )
