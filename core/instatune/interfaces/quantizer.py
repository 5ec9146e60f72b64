"""Quantizer: lower bit widths for linear layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from instatune.interfaces.adapter import Batch


class Quantizer(ABC):
    """Applies a policy, bits by module name, to a model."""

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

    @abstractmethod
    def calibrate(self, model: nn.Module, batches: Iterable[Batch]) -> None:
        """Gather activation ranges on training batches; called once per super-network."""

    @abstractmethod
    def simulated(
        self, model: nn.Module, policy: Mapping[str, int]
    ) -> AbstractContextManager[None]:
        """Make the model compute as if quantized while the context is open; restores it always."""

    @abstractmethod
    def quantize(self, model: nn.Module, policy: Mapping[str, int]) -> nn.Module:
        """Give a really quantized copy of an extracted model."""
