"""Exporter: a format for deployable sub-networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from torch import nn

    from instatune.interfaces.adapter import Adapter
    from instatune.space import Anatomy, Architecture


@attrs.frozen(kw_only=True)
class Network:
    """An extracted sub-network with all that is known of it.

    Attributes:
        model: Physically small, on the CPU, in eval mode.
        architecture: Which one it is.
        adapter: Its family.
        adapter_name: How a spec calls the adapter, ``name@distribution``.
        anatomy: Anatomy of the *full* model.
        kept_units: Units kept in each group.
        kept_layers: Layers kept in each stack.
        processor: Tokenizer or transform.
        labels: Names of the classes.
        facts: Plain data for people: measurements, task, versions.
    """

    model: nn.Module
    architecture: Architecture
    adapter: Adapter
    adapter_name: str
    anatomy: Anatomy
    kept_units: Mapping[str, int]
    kept_layers: Mapping[str, tuple[int, ...]]
    processor: Any
    labels: tuple[str, ...]
    facts: Mapping[str, Any]


class Exporter(ABC):
    """Writes a network into a folder."""

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

    @abstractmethod
    def export(self, network: Network, directory: Path) -> tuple[Path, ...]:
        """Write files into ``directory``, which exists and is empty or holds other formats.

        Returns:
            The files written.
        """
