"""BEiT-3 (Wang et al., CVPR 2023): images, or images with questions about them.

Checkpoints are the authors' files (``beit3_base_patch16_224.pth`` and its kin, with or without a
head), with ``beit3.spm`` or a ``tokenizer.json`` beside them, or folders with a ``config.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from instatune.errors import CheckpointError, DataError
from instatune.interfaces import Adapter, Batch
from instatune.space import Anatomy
from instatune.supernet.fit import verify
from instatune_plugins.adapters import beit3_checkpoint, beit3_processing
from instatune_plugins.adapters.beit3_config import Beit3AdapterConfig
from instatune_plugins.adapters.beit3_model import Beit3, build
from instatune_plugins.adapters.beit3_outline import anatomy_of
from instatune_plugins.adapters.beit3_sizes import from_json
from instatune_plugins.adapters.quiet import quiet
from instatune_plugins.adapters.vit_checkpoint import read_json

_LABELS = "id2label"


class Beit3Adapter(Adapter):
    """Our own multiway transformer with the names of the authors' checkpoints."""

    config: Beit3AdapterConfig

    def __init__(self, config: Beit3AdapterConfig | None = None) -> None:
        super().__init__(config or Beit3AdapterConfig())

    def load(self, checkpoint: str, n_outputs: int, generator: torch.Generator) -> nn.Module:
        """Load weights in float32; parts of the head that do not fit are drawn anew.

        Args:
            checkpoint: File of weights, or folder.
            n_outputs: Number of classes or answers.
            generator: The only source of randomness.

        Raises:
            CheckpointError: Missing, unreadable, of another family, or not all of a model.
        """
        return beit3_checkpoint.load(
            beit3_checkpoint.open_checkpoint(checkpoint),
            (self.config.head, self.config.image_size),
            n_outputs,
            generator,
            pretrained=self.config.pretrained,
        )

    def describe(self, model: nn.Module) -> Anatomy:
        """Describe a model by its sizes, and check each name and shape against them."""
        if not isinstance(model, Beit3):
            raise CheckpointError(
                f"{type(model).__name__} is not built as the BEiT-3 family is: adapter 'beit3' "
                "describes what it has loaded"
            )
        anatomy = anatomy_of(model.sizes)
        verify(anatomy, model)
        return anatomy

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run the model on ``pixel_values``, and ``input_ids`` where it answers questions.

        Raises:
            DataError: Images of another size, questions that are too long, or none at all.
        """
        images = batch["pixel_values"]
        if not cast("Beit3", model).sizes.text:
            return cast("Tensor", model(images))
        if "input_ids" not in batch:
            raise DataError(
                "the model answers questions about images, but the task asks none; choose task "
                "'vqa', or set head: image_classification of the adapter"
            )
        return cast("Tensor", model(images, batch["input_ids"], batch.get("attention_mask")))

    def processor(self, checkpoint: str) -> Any:
        """Say how images are prepared, with a tokenizer where the model answers questions."""
        source = beit3_checkpoint.open_checkpoint(checkpoint)
        sizes = beit3_checkpoint.sizes_of(source, self.config.head, self.config.image_size)
        image = beit3_processing.image_processing(sizes, source.config)
        if not sizes.text:
            return image
        return {"image": image, "tokenizer": beit3_processing.tokenizer(source, sizes)}

    def save_assets(self, model: nn.Module, processor: Any, directory: Path) -> None:
        """Write ``config.json`` of the full-size model, and the tokenizer."""
        full = cast("Beit3", model)
        image, tokenizer = beit3_processing.parts(processor)
        config = full.sizes.to_json()
        if full.labels:
            config[_LABELS] = {str(index): label for index, label in enumerate(full.labels)}
        if image is not None:
            kept = {name: value for name, value in image.items() if name != "input_size"}
            config[beit3_processing.KEY] = kept
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        (directory / "config.json").write_text(text, "utf-8")
        if tokenizer is not None:
            with quiet():
                tokenizer.save_pretrained(directory)

    def skeleton(self, directory: Path) -> nn.Module:
        """Build the full-size model; its weights are arbitrary."""
        config = read_json(str(directory), directory / "config.json")
        if config is None:
            raise CheckpointError(f"checkpoint {directory}: config.json is missing")
        model = build(from_json(str(directory), config))
        self.name_outputs(model, tuple(config.get(_LABELS, {}).values()))
        return model

    def name_outputs(self, model: nn.Module, labels: tuple[str, ...]) -> None:
        """Keep the names of the classes or answers in ``labels``."""
        cast("Beit3", model).labels = labels
