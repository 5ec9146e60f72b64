"""Vision transformers of transformers: ViT, DeiT and BEiT with an image classification head."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import (
    BeitConfig,
    BeitForImageClassification,
    DeiTConfig,
    DeiTForImageClassification,
    PretrainedConfig,
    ViTConfig,
    ViTForImageClassification,
)
from transformers.initialization import no_init_weights
from transformers.models.beit.modeling_beit import BeitRelativePositionBias

from instatune.errors import CheckpointError
from instatune.space import Anatomy
from instatune.supernet.fit import verify
from instatune_plugins.adapters.quiet import quiet
from instatune_plugins.adapters.vit_checkpoint import VitCheckpoint, check_weights, read_json
from instatune_plugins.adapters.vit_outline import transformers_anatomy
from instatune_plugins.adapters.vit_processing import from_transformers, to_transformers
from instatune_plugins.adapters.vit_randomness import draw, drawn_from

_CLASSES: dict[str, tuple[Any, Any]] = {
    "vit": (ViTConfig, ViTForImageClassification),
    "deit": (DeiTConfig, DeiTForImageClassification),
    "beit": (BeitConfig, BeitForImageClassification),
}
_PROCESSING = "preprocessor_config.json"


def load(
    source: VitCheckpoint, n_outputs: int, generator: torch.Generator, *, pretrained: bool
) -> nn.Module:
    """Read a model; a head of the same size is kept, another drawn anew."""
    kind, config = _class(source), _config(source, n_outputs)
    if not pretrained:
        with quiet(), drawn_from(generator):
            return settled(kind(config).eval())
    check_weights(source)
    try:
        with quiet(), torch.random.fork_rng(devices=[]):
            model, report = kind.from_pretrained(
                source.folder,
                config=config,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # a head of another size is replaced
                output_loading_info=True,
            )
    except Exception as error:  # what damaged files raise has no common type
        raise CheckpointError(
            f"checkpoint {source.name}: cannot be loaded ({_first_line(error)}); download it again"
        ) from error
    mismatched = {entry[0] for entry in report["mismatched_keys"]}
    new = sorted({*report["missing_keys"], *mismatched})
    # A model from masked images lacks the norm behind the mean of BEiT.
    lacking = [name for name in new if not name.startswith(("classifier.", "beit.pooler."))]
    if lacking:
        raise CheckpointError(
            f"checkpoint {source.name}: its weights do not cover what config.json describes: "
            f"{lacking[0]} is missing or of another shape; give a complete checkpoint"
        )
    draw(model, new, config.initializer_range, generator)
    return settled(model)


def skeleton(source: VitCheckpoint) -> nn.Module:
    """Build the model that ``config.json`` tells of; its parameters are not initialised."""
    with quiet(), no_init_weights():
        return settled(_class(source)(_config(source, None)).eval())


def describe(model: Any) -> Anatomy:
    """Describe a model from its configuration, and check each name and shape against it."""
    head = model.classifier
    outputs = head.out_features if isinstance(head, nn.Linear) else 0
    anatomy = transformers_anatomy(model.config.to_dict(), outputs)
    verify(anatomy, model)
    return anatomy


def settled(model: Any) -> nn.Module:
    """Let BEiT work out its relative positions now.

    It remembers them for all models, and what it first works out in inference mode cannot be used
    in training ever after.
    """
    with torch.inference_mode(False):
        for module in model.modules():
            if isinstance(module, BeitRelativePositionBias):
                module.generate_relative_position_index(module.window_size)
    return cast("nn.Module", model)


def fits(model: nn.Module) -> bool:
    """Whether a model is one of these."""
    return isinstance(model, tuple(kind for _, kind in _CLASSES.values()))


def processing(source: VitCheckpoint) -> dict[str, Any]:
    """How images are prepared, see :mod:`.vit_processing`."""
    found = read_json(source.name, source.folder / _PROCESSING)
    return from_transformers(source.config, found or {})


def save(model: Any, processor: Any, directory: Path) -> None:
    """Write ``config.json`` of the full-size model, and ``preprocessor_config.json``."""
    with quiet():
        model.config.save_pretrained(directory)
    if processor is not None:
        settings = to_transformers(model.config.model_type, processor)
        (directory / _PROCESSING).write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def name_outputs(model: Any, labels: tuple[str, ...]) -> None:
    """Put the names of the classes where pipelines of transformers look for them."""
    model.config.id2label = dict(enumerate(labels))
    model.config.label2id = {label: index for index, label in enumerate(labels)}


def _class(source: VitCheckpoint) -> Any:
    return _CLASSES[source.config["model_type"]][1]


def _config(source: VitCheckpoint, n_outputs: int | None) -> PretrainedConfig:
    """The configuration, with fused attention; refused here where it makes no model."""
    transformers_anatomy(source.config, 1)
    kind = _CLASSES[source.config["model_type"]][0]
    try:
        with quiet():
            config = kind.from_dict(source.config)
    except Exception as error:  # transformers checks the types of all settings
        raise CheckpointError(
            f"checkpoint {source.name}: config.json is wrong ({_first_line(error)})"
        ) from error
    if n_outputs is not None:
        config.num_labels = n_outputs
    config._attn_implementation = "sdpa"
    return config


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]
