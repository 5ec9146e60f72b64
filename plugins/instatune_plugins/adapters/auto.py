"""Any transformer with like layers, recognised by its structure.

Loads classifiers of transformers (text or images) and of timm. What is found in them is proved on a
small copy before it is used, see :mod:`auto_proof`: a model that does not pass is refused.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from instatune.errors import CheckpointError
from instatune.interfaces import Adapter, Batch
from instatune.space import Anatomy
from instatune.supernet.fit import verify
from instatune_plugins.adapters.auto_anatomy import anatomy_of, measure
from instatune_plugins.adapters.auto_config import AutoAdapterConfig
from instatune_plugins.adapters.auto_layer import Unrecognised
from instatune_plugins.adapters.auto_proof import (
    fewest_neurons,
    named_failure,
    prove,
    small_copy,
)
from instatune_plugins.adapters.auto_structure import recognise, refused
from instatune_plugins.adapters.encoder_config import read_json


class Auto(Adapter):
    """A classifier whose layers, heads and neurons are found by looking."""

    config: AutoAdapterConfig

    def __init__(self, config: AutoAdapterConfig | None = None) -> None:
        super().__init__(config or AutoAdapterConfig())

    def load(self, checkpoint: str, n_outputs: int, generator: torch.Generator) -> nn.Module:
        """Load weights; what the checkpoint lacks of pooler and head is drawn anew.

        Args:
            checkpoint: Folder, or name on the hub.
            n_outputs: Number of classes (1 for regression).
            generator: The only source of randomness.

        Raises:
            CheckpointError: Missing, unreadable, or no classifier of transformers or timm.
        """
        library, config = self._read(checkpoint)
        model = library.load(checkpoint, config, n_outputs, generator, self.config.revision)
        return cast("nn.Module", model)

    def describe(self, model: nn.Module) -> Anatomy:
        """Recognise a model, and prove what was found.

        Raises:
            CheckpointError: Something was not found or is not as it seemed; names the module.
        """
        library = _library_of(model)
        structure = recognise(model, library.expected_layers(model))
        try:
            batches = library.inputs(model)
            copy = small_copy(model, structure)
            found = recognise(copy)
            with named_failure(copy, "be run on random inputs"):
                measured = measure(copy, found, batches, self.logits)
            longest = library.max_tokens(model)
            small = anatomy_of(copy, found, measured, longest)
            prove(copy, small, batches, self.logits)
            fewest = fewest_neurons(copy, small, batches, self.logits)
        except Unrecognised as error:
            raise refused(model, str(error)) from error
        anatomy = anatomy_of(model, structure, measured, longest, fewest)
        verify(anatomy, model)
        return anatomy

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run the model on what it takes of a batch: ``[examples, outputs]``."""
        known = inspect.signature(model.forward).parameters
        inputs = {name: batch[name] for name in batch if name in known and name != "labels"}
        # timm calls its input x.
        found = model(**inputs) if inputs else model(batch["pixel_values"])
        return cast("Tensor", found if isinstance(found, Tensor) else found.logits)

    def processor(self, checkpoint: str) -> Any:
        """Give the tokenizer, or the data configuration of timm for images.

        Raises:
            CheckpointError: The checkpoint has none.
        """
        library, config = self._read(checkpoint)
        return library.processor(checkpoint, config, self.config.revision)

    def save_assets(self, model: nn.Module, processor: Any, directory: Path) -> None:
        """Write the configuration of the full-size model and the processor."""
        _library_of(model).save(model, processor, directory)

    def skeleton(self, directory: Path) -> nn.Module:
        """Build the full-size model; its weights are arbitrary."""
        library, config = self._read(str(directory))
        return cast("nn.Module", library.skeleton(str(directory), config))

    def name_outputs(self, model: nn.Module, labels: tuple[str, ...]) -> None:
        """Put the names of the classes where the model's library has them."""
        if labels:
            _library_of(model).name_outputs(model, labels)

    def _read(self, checkpoint: str) -> tuple[Any, Any]:
        """The library of a checkpoint, and its configuration; None of a hub, which is asked."""
        config = read_json(checkpoint)
        if isinstance(config, dict) and "architecture" in config:
            return _library("timm"), config
        if config is None or (isinstance(config, dict) and "model_type" in config):
            return _library("transformers"), config
        raise CheckpointError(
            f"checkpoint {checkpoint}: config.json has neither model_type, as transformers writes "
            "it, nor architecture, as timm does; give a checkpoint of one of them"
        )


def _library(name: str) -> Any:
    return import_module(f"instatune_plugins.adapters.auto_{name}")


def _library_of(model: nn.Module) -> Any:
    # Told by what a model carries: importing a library to ask it takes seconds.
    if hasattr(model, "pretrained_cfg"):
        return _library("timm")
    if hasattr(model, "config"):
        return _library("transformers")
    raise CheckpointError(
        f"{type(model).__name__} is no model of transformers or timm: it has neither config nor "
        "pretrained_cfg; load it from a checkpoint of one of them"
    )
