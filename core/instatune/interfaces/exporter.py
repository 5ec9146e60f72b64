"""Exporter: a format for deployable sub-networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

if TYPE_CHECKING:
    from torch import Tensor, nn

    from instatune.interfaces.adapter import Adapter, Batch
    from instatune.interfaces.quantizer import Policy
    from instatune.space import Anatomy, Architecture

Runner: TypeAlias = "Callable[[Batch], Tensor]"
"""Logits of a batch, both on the CPU; the same as :meth:`Adapter.logits` of the network."""


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
        policy: Bits by module name for modules of less than 32; empty for a network in full
            precision.
        quantized: The same network with quantized tensors; None in full precision.
        quantizer_name: How a spec calls what quantized it, ``name@distribution``; may be empty.
        quantizer_settings: Settings of it, plain data.
        example: A batch that the network takes, on the CPU, for tracing; two examples or more.
        calibration: Training batches on the CPU for formats that quantize by themselves.
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
    policy: Policy = attrs.field(factory=dict)
    quantized: nn.Module | None = None
    quantizer_name: str = ""
    quantizer_settings: Mapping[str, Any] = attrs.field(factory=dict)
    example: Batch = attrs.field(factory=dict)
    calibration: tuple[Batch, ...] = ()

    @property
    def deployed(self) -> nn.Module:
        """What is to be deployed: the quantized network, or the one in full precision."""
        return self.model if self.quantized is None else self.quantized


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

    def artefact(self, directory: Path) -> tuple[Path, ...]:
        """Files in ``directory`` that hold the network itself: their size is its size.

        The default is none: not known.
        """
        return ()

    def runner(self, directory: Path, threads: int) -> Runner | None:
        """Load what :meth:`export` wrote, as a user would, to be scored and timed on the CPU.

        Asked of exporters whose entry has ``runs``. The default is None.

        Args:
            directory: Where it was written.
            threads: Threads that it may compute with.
        """
        return None
