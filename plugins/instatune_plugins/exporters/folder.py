"""A folder of safetensors and JSON that :func:`instatune.load` turns back into a module."""

from __future__ import annotations

from pathlib import Path

from instatune.interfaces import Exporter, Network
from instatune.supernet.subnet import save


class Folder(Exporter):
    """Weights, card, configuration and tokenizer; see :mod:`instatune.supernet.subnet`."""

    def export(self, network: Network, directory: Path) -> tuple[Path, ...]:
        """Write the network, atomically."""
        return save(network, directory)
