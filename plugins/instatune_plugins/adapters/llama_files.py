"""The files of a LLaMA-like checkpoint: what they say, and what is wrong with them. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from instatune.errors import CheckpointError
from instatune_plugins.adapters.llama_families import FAMILIES

WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""What transformers loads, in its order."""

_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


def read_config(checkpoint: str) -> dict[str, Any] | None:
    """Read ``config.json`` of a folder and check the family; None if it is a name on a hub.

    Raises:
        CheckpointError: The folder is missing or holds something else.
    """
    folder = Path(checkpoint).expanduser()
    if not folder.is_dir():
        if folder.is_file():
            raise CheckpointError(
                f"checkpoint {checkpoint}: is a file; give a folder with config.json, "
                "model.safetensors and tokenizer.json"
            )
        if not _HUB_NAME.fullmatch(checkpoint):
            raise CheckpointError(
                f"checkpoint {checkpoint}: no such folder; give a folder with config.json and "
                "model.safetensors, or the name of a model on the hub"
            )
        return None
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"checkpoint {checkpoint}: config.json is missing; give a folder that "
            "save_pretrained wrote"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint {checkpoint}: config.json cannot be read ({error}); download it again"
        ) from error
    check_family(checkpoint, config)
    return dict(config)


def check_family(checkpoint: str, config: Any) -> None:
    """Refuse models that this adapter does not fit.

    Raises:
        CheckpointError: Another family, or weights that are quantised already.
    """
    found = config.get("model_type") if isinstance(config, Mapping) else None
    if found not in FAMILIES:
        raise CheckpointError(
            f"checkpoint {checkpoint}: model_type is {found!r}, adapter 'llama' fits "
            f"{', '.join(map(repr, FAMILIES))}; choose such a checkpoint or the adapter of that "
            "family (`instatune plugins --kind adapters`)"
        )
    if config.get("quantization_config"):
        raise CheckpointError(
            f"checkpoint {checkpoint}: is quantised, which cannot be fine-tuned as a whole; give "
            "the checkpoint that it was made from"
        )


def place(checkpoint: str) -> str:
    """What transformers is given: a path for a folder, the name itself for a hub."""
    return checkpoint if read_config(checkpoint) is None else str(Path(checkpoint).expanduser())


def check_weights(checkpoint: str) -> None:
    """Say plainly what is wrong with the weights of a folder, before transformers reads them.

    Raises:
        CheckpointError: There are none, or the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    if read_config(checkpoint) is None:
        return
    folder = Path(checkpoint).expanduser()
    present = [name for name in WEIGHTS if (folder / name).is_file()]
    if not present:
        raise CheckpointError(
            f"checkpoint {checkpoint}: has no weights; one of {', '.join(WEIGHTS)} must be there"
        )
    if present[0] == WEIGHTS[0]:
        try:
            with safe_open(folder / present[0], framework="pt"):
                pass
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"checkpoint {checkpoint}: {present[0]} is damaged ({error}); download it again"
            ) from error
