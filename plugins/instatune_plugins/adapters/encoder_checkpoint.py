"""Loading an encoder of transformers with a new head, with clear words for what can go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import AutoTokenizer

from instatune.errors import CheckpointError
from instatune_plugins.adapters.quiet import quiet

_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


def load(
    model_class: Any,
    checkpoint: str,
    new: tuple[str, ...],
    generator: torch.Generator,
    **options: Any,
) -> nn.Module:
    """Load weights; what the checkpoint lacks of pooler and head is drawn anew.

    A head of the same size, as a fine-tuned checkpoint has, is kept.

    Args:
        model_class: Class of transformers with ``from_pretrained``.
        checkpoint: Folder, or name on the hub.
        new: Beginnings of the names of parameters that may be lacking.
        generator: The only source of randomness.
        options: For ``from_pretrained``.

    Raises:
        CheckpointError: Missing, unreadable, or without all of the encoder.
    """
    _check_files(checkpoint)
    try:
        # Parameters that are missing are drawn twice: by transformers, from the global
        # generator, which must not notice, and then by us from the given one.
        with quiet(), torch.random.fork_rng(devices=[]):
            model, report = model_class.from_pretrained(
                place(checkpoint),
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # a head of another size is replaced
                output_loading_info=True,
                **options,
            )
    except CheckpointError:
        raise
    except Exception as error:  # what damaged files and absent hubs raise has no common type
        raise unreadable(checkpoint, error) from error
    _draw(model, _new_parameters(checkpoint, report, new), generator)
    return cast("nn.Module", model)


def tokenizer(checkpoint: str, revision: str, longest: int | None = None) -> Any:
    """Give the fast tokenizer of a checkpoint.

    Args:
        checkpoint: Folder, or name on the hub.
        revision: Branch, tag or commit on the hub.
        longest: Tokens that the model takes: longer texts are to be cut there.

    Raises:
        CheckpointError: It has none.
    """
    try:
        with quiet():
            found = AutoTokenizer.from_pretrained(
                place(checkpoint), revision=revision, use_fast=True
            )
        # Where files are absent transformers gives a tokenizer that knows no word.
        if found.vocab_size <= len(found.all_special_tokens):
            raise ValueError("its vocabulary is empty")
    except Exception as error:  # of any type, as in `load`
        raise CheckpointError(
            f"checkpoint {checkpoint}: its tokenizer cannot be loaded ({first_line(error)}); "
            "add tokenizer.json or vocab.txt"
        ) from error
    if longest is not None:
        found.model_max_length = min(found.model_max_length, longest)
    return found


def place(checkpoint: str) -> str:
    """What transformers is given: a path for a folder, the name itself for a hub."""
    folder = Path(checkpoint).expanduser()
    return str(folder) if folder.is_dir() else checkpoint


def unreadable(checkpoint: str, error: Exception) -> CheckpointError:
    """The error for a checkpoint that transformers cannot load."""
    return CheckpointError(
        f"checkpoint {checkpoint}: cannot be loaded ({first_line(error)}); check the "
        "name, or download it again"
    )


def first_line(error: Exception) -> str:
    """The beginning of a message that may go on for a page."""
    return (str(error).strip() or type(error).__name__).split("\n")[0]


def _check_files(checkpoint: str) -> None:
    """Say plainly what is wrong with the files of a folder, before transformers reads them."""
    folder = Path(checkpoint).expanduser()
    if not folder.is_dir():
        return
    present = [name for name in _WEIGHTS if (folder / name).is_file()]
    if not present:
        raise CheckpointError(
            f"checkpoint {checkpoint}: has no weights; one of {', '.join(_WEIGHTS)} must be there"
        )
    if present[0] == _WEIGHTS[0]:
        try:
            with safe_open(folder / present[0], framework="pt"):
                pass
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"checkpoint {checkpoint}: {present[0]} is damaged ({error}); download it again"
            ) from error


def _new_parameters(checkpoint: str, report: Mapping[str, Any], new: tuple[str, ...]) -> list[str]:
    """Names of parameters that were not loaded, all of which must be of pooler or head."""
    mismatched = {entry[0] for entry in report["mismatched_keys"]}
    missing = sorted({*report["missing_keys"], *mismatched})
    lacking = [name for name in missing if not name.startswith(new)]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise CheckpointError(
            f"checkpoint {checkpoint}: its weights do not cover the encoder that config.json "
            f"describes: {lacking[0]}{more} missing or of another shape; give a complete checkpoint"
        )
    return missing


@torch.no_grad()
def _draw(model: Any, names: list[str], generator: torch.Generator) -> None:
    """Initialise parameters as BERT does: normal weights, biases of zero."""
    scale = getattr(model.config, "initializer_range", 0.02)
    for name in names:
        parameter = model.get_parameter(name)
        if name.endswith("bias"):
            parameter.zero_()
        else:
            parameter.normal_(0.0, scale, generator=generator)
