"""Classifiers of transformers for the adapter ``auto``: loading, inputs, saving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    PreTrainedConfig,
)
from transformers.initialization import no_init_weights

from instatune.errors import CheckpointError
from instatune.interfaces import Batch
from instatune_plugins.adapters import encoder_checkpoint
from instatune_plugins.adapters.quiet import quiet
from instatune_plugins.adapters.vit_checkpoint import MODEL_TYPES, read_json
from instatune_plugins.adapters.vit_processing import from_transformers, to_transformers

_PROCESSING = "preprocessor_config.json"
_TEXT_LENGTHS = (5, 8)


def load(
    checkpoint: str,
    data: dict[str, Any] | None,
    n_outputs: int,
    generator: torch.Generator,
    revision: str,
) -> nn.Module:
    """Load weights with a head of ``n_outputs``; see :meth:`Auto.load`."""
    config = _config(checkpoint, data, revision, num_labels=n_outputs)
    kind = _class(checkpoint, config)
    root = kind.base_model_prefix
    with torch.device("meta"), no_init_weights(), quiet():
        names = [name for name, _ in kind(config).named_parameters()]
    new = {name for name in names if not name.startswith(f"{root}.") or ".pooler." in name}
    return encoder_checkpoint.load(
        kind, checkpoint, tuple(sorted(new)), generator, config=config, revision=revision
    )


def skeleton(checkpoint: str, data: dict[str, Any]) -> nn.Module:
    """Build the model that ``config.json`` tells of; its parameters are not initialised."""
    config = _config(checkpoint, data, "main")
    with quiet(), no_init_weights():
        return cast("nn.Module", _class(checkpoint, config)(config).eval())


def expected_layers(model: Any) -> int | None:
    """Number of layers as the configuration says."""
    found = getattr(model.config, "num_hidden_layers", None)
    return found if isinstance(found, int) else None


def max_tokens(model: Any) -> int | None:
    """Longest text: rows of the position table behind those of the padding token."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            padding = module.padding_idx
            return module.num_embeddings - (0 if padding is None else padding + 1)
    found = getattr(model.config, "max_position_embeddings", None)
    return found if isinstance(found, int) and found > 0 else None


def inputs(model: Any) -> list[Batch]:
    """Random inputs of one example: two texts of unlike lengths, or an image."""
    generator = torch.Generator().manual_seed(0)
    if model.main_input_name == "pixel_values":
        size = model.config.image_size
        sides = tuple(size) if isinstance(size, (list, tuple)) else (size, size)
        shape = (1, getattr(model.config, "num_channels", 3), *sides)
        return [{"pixel_values": torch.randn(shape, generator=generator)}]
    words = int(model.config.vocab_size)
    return [_text(words, min(n, max_tokens(model) or n), generator) for n in _TEXT_LENGTHS]


def processor(checkpoint: str, data: dict[str, Any] | None, revision: str) -> Any:
    """The tokenizer, or how images are prepared."""
    config = _config(checkpoint, data, revision)
    if _is_image(config):
        folder = Path(checkpoint).expanduser()
        return from_transformers(
            config.to_dict(), read_json(checkpoint, folder / _PROCESSING) or {}
        )
    return encoder_checkpoint.tokenizer(checkpoint, revision)


def save(model: Any, made: Any, directory: Path) -> None:
    """Write ``config.json`` and the processor."""
    with quiet():
        model.config.save_pretrained(directory)
        if made is not None and not isinstance(made, dict):
            made.save_pretrained(directory)
    if isinstance(made, dict):
        known = model.config.model_type in MODEL_TYPES
        settings = to_transformers(model.config.model_type if known else MODEL_TYPES[0], made)
        (directory / _PROCESSING).write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def name_outputs(model: Any, labels: tuple[str, ...]) -> None:
    """Put the names of the classes where pipelines of transformers look for them."""
    model.config.id2label = dict(enumerate(labels))
    model.config.label2id = {label: index for index, label in enumerate(labels)}


def _text(words: int, tokens: int, generator: torch.Generator) -> dict[str, Tensor]:
    # The first words of a vocabulary are padding and marks, which models treat in their own ways.
    ids = torch.randint(min(5, words - 1), words, (1, tokens), generator=generator)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _config(checkpoint: str, data: dict[str, Any] | None, revision: str, **changes: Any) -> Any:
    try:
        with quiet():
            if data is None:
                data, _ = PreTrainedConfig.get_config_dict(checkpoint, revision=revision)
            model_type = data.get("model_type")
            if model_type not in CONFIG_MAPPING:
                raise ValueError(f"transformers knows no model_type {model_type!r}")
            return CONFIG_MAPPING[model_type].from_dict(data, **changes)
    except Exception as error:  # of any type: absent hubs, values that a class refuses
        raise encoder_checkpoint.unreadable(checkpoint, error) from error


def _is_image(config: Any) -> bool:
    return (
        type(config) in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
        and type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
    )


def _class(checkpoint: str, config: Any) -> Any:
    for mapping in (
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
        MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
    ):
        if type(config) in mapping:
            found = mapping[type(config)]
            return found[0] if isinstance(found, (list, tuple)) else found
    raise CheckpointError(
        f"checkpoint {checkpoint}: transformers has no classifier of texts or images for "
        f"{config.model_type!r}; choose an encoder"
    )
