"""Ordering: which heads and neurons come first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from torch import Tensor, nn

    from instatune.interfaces.adapter import Batch
    from instatune.space import Anatomy


@attrs.frozen(kw_only=True)
class Probe:
    """What an ordering may look at.

    Attributes:
        model: The fine-tuned teacher in eval mode; must be left as it is.
        batches: Labelled training batches on the model's device.
        loss: Task loss of the model on one batch, scalar, with a graph.
    """

    model: nn.Module
    batches: tuple[Batch, ...]
    loss: Callable[[Batch], Tensor]


class Ordering(ABC):
    """Scores the units of each group; core sorts them, most important first.

    Sorting is a function-preserving permutation, done once before the super-network is tuned.
    """

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

    @abstractmethod
    def importance(self, anatomy: Anatomy, probe: Probe) -> Mapping[str, Tensor]:
        """Score units.

        Returns:
            ``[units]`` by name of the group, larger = more important; a group that is left out
            keeps its order.
        """
