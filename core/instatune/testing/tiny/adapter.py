"""The adapter of the tiny transformer, its checkpoints, and plug-ins that offer it alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor, nn

from instatune.errors import CheckpointError
from instatune.interfaces import Adapter, Batch
from instatune.plugin.entries import AdapterEntry, Entry
from instatune.plugin.manager import Plugins
from instatune.plugin.registry import Offer, Registry
from instatune.space import Anatomy
from instatune.testing import fakes
from instatune.testing.fakes import TinySizes
from instatune.testing.tiny.transformer import TinyTransformer, fill, model


class TinyAdapter(Adapter):
    """Adapter of the tiny transformer; a checkpoint is a folder with ``sizes.json``."""

    def load(self, checkpoint: str, n_outputs: int, generator: torch.Generator) -> nn.Module:
        """Weights of the body follow from ``sizes.json``, those of the head from the generator."""
        data = _read(Path(checkpoint))
        made = model(attrs.evolve(TinySizes(**data["sizes"]), classes=n_outputs), data["seed"])
        fill(made.classifier, generator)
        return made

    def describe(self, model: nn.Module) -> Anatomy:
        """Anatomy by the sizes that the model remembers."""
        if not isinstance(model, TinyTransformer):
            raise CheckpointError(f"{type(model).__name__} is no TinyTransformer")
        return fakes.anatomy(model.sizes)

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run the model."""
        logits: Tensor = model(batch["input_ids"], batch["attention_mask"])
        return logits

    def processor(self, checkpoint: str) -> Any:
        """There is none: the tiny task speaks in tokens."""
        return None

    def save_assets(self, model: nn.Module, processor: Any, directory: Path) -> None:
        """Write ``sizes.json``."""
        assert isinstance(model, TinyTransformer)  # noqa: S101 - for the type checker
        write_checkpoint(directory, model.sizes)

    def skeleton(self, directory: Path) -> nn.Module:
        """Build the model that ``sizes.json`` tells of."""
        return model(TinySizes(**_read(directory)["sizes"]))


def write_checkpoint(directory: Path, sizes: TinySizes | None = None, seed: int = 0) -> Path:
    """Write a checkpoint that :class:`TinyAdapter` loads."""
    text = json.dumps({"sizes": attrs.asdict(sizes or TinySizes()), "seed": seed})
    (directory / "sizes.json").write_text(text, encoding="utf-8")
    return directory


def _read(directory: Path) -> Any:
    try:
        return json.loads((directory / "sizes.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{directory}: no checkpoint of a tiny transformer") from error


def plugins() -> Plugins:
    """Plugins that offer the tiny adapter and nothing else, for loading what was exported."""
    entry: Entry = AdapterEntry(
        name="tiny", target="instatune.testing.tiny:TinyAdapter", summary="tiny transformers"
    )
    offer = Offer(
        entry=entry, distribution="instatune-testing", version="", module="instatune.testing"
    )
    return Plugins(registries={"adapters": Registry(kind="adapters", entries=(offer,))})
