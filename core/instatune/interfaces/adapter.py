"""Adapter: a family of models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from instatune.space import Anatomy

Batch: TypeAlias = "Mapping[str, Tensor]"
"""Tensors of one batch by name, first axis = examples; what names there are is agreed between
adapter and task (``input_ids``, ``attention_mask``, ``pixel_values``, ``labels``, ...)."""


class Adapter(ABC):
    """Loads a family of models and says where things are in them.

    Elasticity, ordering, counting, extraction and saving are core's work, an adapter describes.
    Calls come in this order: ``serve``, then ``processor`` and ``load``, then ``describe``;
    ``logits`` at any time. ``skeleton`` and what follows it come without ``serve``.
    """

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class (None where it has none)."""
        self.config = config

    def serve(self, problem: str) -> None:  # noqa: B027
        """Learn which kind of output is wanted, before anything is loaded.

        The default does nothing, as befits an adapter with one kind of head.

        Args:
            problem: As in :attr:`TaskEntry.problem`; one of the entry's ``problems``, if it names
                any.
        """

    @abstractmethod
    def load(self, checkpoint: str, n_outputs: int, generator: torch.Generator) -> nn.Module:
        """Load pre-trained weights in float32 on the CPU, with a head of ``n_outputs``.

        Args:
            checkpoint: Folder, or name on a hub.
            n_outputs: Number of classes (1 for regression); 0: the checkpoint's own head stays, as
                language tasks ask, whose splits have no labels.
            generator: Source of randomness for a new head.

        Raises:
            CheckpointError: Missing, unreadable or of another family.
        """

    @abstractmethod
    def describe(self, model: nn.Module) -> Anatomy:
        """Describe a full-size model of this family.

        Raises:
            CheckpointError: The model is built differently; names the first module that differs.
        """

    @abstractmethod
    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Run the model, full or sliced: ``[examples, outputs]``.

        What answers at each token gives ``[examples, tokens, outputs]``, and 0 at padding: so the
        distance of two networks is 0 there. Language models also take inputs with one more axis,
        ``[examples, choices, tokens]``, and give ``[examples, choices, tokens, words]``.
        """

    @abstractmethod
    def processor(self, checkpoint: str) -> Any:
        """Give what turns raw inputs into tensors (tokenizer, image transform); None if nothing."""

    @abstractmethod
    def save_assets(self, model: nn.Module, processor: Any, directory: Path) -> None:
        """Write all that ``skeleton`` needs, and the processor, but no weights."""

    @abstractmethod
    def skeleton(self, directory: Path) -> nn.Module:
        """Build the full-size model from what ``save_assets`` wrote, on the CPU.

        Its weights may be arbitrary. Must not depend on the adapter's settings: ``instatune.load``
        knows none and gives the defaults.

        Raises:
            CheckpointError: The folder is incomplete.
        """

    def name_outputs(self, model: nn.Module, labels: tuple[str, ...]) -> None:  # noqa: B027
        """Tell a loaded model the names of its classes, where it has a place for them.

        The default does nothing.
        """
