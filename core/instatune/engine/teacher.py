"""The strong teacher Φ_T: logits of the fine-tuned original on training examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from instatune.engine.precision import resolve_precision
from instatune.engine.weights import replacing_tensors
from instatune.interfaces import Batch, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from instatune.engine.workshop import Workshop

_LARGEST = 2**28  # numbers in a table of logits, 1 GiB: beyond that the teacher is asked anew


@attrs.frozen(kw_only=True)
class Teacher:
    """Gives logits for a batch: looked up where each example is always the same, else computed.

    Attributes:
        shop: For the adapter and precision.
        model: In eval mode; None when everything is looked up.
        table: Logits ``[training examples, classes]`` by example index, or ``[training examples,
            tokens, classes]`` with 0 behind the end of an example; None when computed.
    """

    shop: Workshop
    model: nn.Module | None = None
    table: Tensor | None = None

    @classmethod
    def of(cls, shop: Workshop) -> Teacher:
        """Make the teacher of a run; its logits are computed once if the pipeline allows it."""
        if not shop.task.deterministic:
            return cls(shop=shop, model=shop.model_from("teacher").to(shop.device))
        how = resolve_precision(shop.plan.spec.tune.precision, shop.device)
        path = shop.folder.teacher / f"logits-{how}-{shop.keys['teach'][:12]}.safetensors"
        table = _read(path)
        if table is None:
            model = shop.model_from("teacher").to(shop.device)
            table = _compute(shop, model)
            if table is None:
                return cls(shop=shop, model=model)
            with replacing_tensors(path) as temporary:
                save_file({"logits": table}, temporary)
        return cls(shop=shop, table=table.to(shop.device))

    def logits(self, batch: Batch) -> Tensor:
        """Logits ``[examples, classes]`` or ``[examples, tokens, classes]``, without a graph."""
        if self.table is not None:
            found = self.table[batch["index"]]
            return found if found.ndim == 2 else found[:, : batch["labels"].shape[1]]
        if self.model is None:
            raise ValueError("a teacher needs a model or a table")
        with torch.no_grad(), self.shop.precision(self.shop.plan.spec.tune.precision):
            return self.shop.logits(self.model, batch).float()


def _read(path: Path) -> Tensor | None:
    try:
        return load_file(path)["logits"]
    except (OSError, SafetensorError, KeyError):
        return None  # absent or damaged: it is only a cache


def _compute(shop: Workshop, model: nn.Module) -> Tensor | None:
    """All logits of the training split; None where no table can hold them."""
    settings = shop.plan.spec.tune
    plan = shop.batches("train", 4 * settings.batch_size)
    table: Tensor | None = None
    with torch.inference_mode(), shop.precision(settings.precision):
        start = Progress(
            stage="tune", task="ask the teacher", done=0, total=len(plan), unit="batch"
        )
        for batch in shop.events.counted(start, plan):
            placed = {name: tensor.to(shop.device) for name, tensor in batch.items()}
            logits = shop.logits(model, placed).float().cpu()
            if table is None:
                table = _table(plan.n_examples, logits, batch)
            if table is None or logits.shape[1] > table.shape[1]:
                return None
            table[batch["index"], : logits.shape[1]] = logits
    return table


def _table(examples: int, logits: Tensor, batch: Batch) -> Tensor | None:
    """Room for all logits; those of the first batch, the longest one, tell the shape.

    Logits at each token are cut to the length of a batch, which its labels tell.
    """
    at_tokens = logits.ndim == 3 and "labels" in batch and batch["labels"].ndim == 2
    fits = logits.ndim == 2 or (at_tokens and batch["labels"].shape == logits.shape[:2])
    if not fits or examples * logits[0].numel() > _LARGEST:
        return None
    return torch.zeros(examples, *logits.shape[1:])
