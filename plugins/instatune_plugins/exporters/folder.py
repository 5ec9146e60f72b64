"""A folder of safetensors and JSON that :func:`instatune.load` turns back into a module."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from instatune.engine.threads import torch_threads
from instatune.interfaces import Batch, Exporter, Network, Runner
from instatune.supernet.subnet import WEIGHTS, load, load_adapter, save
from instatune_plugins.exporters._files import present


class Folder(Exporter):
    """Weights, card, configuration and tokenizer; see :mod:`instatune.supernet.subnet`."""

    def export(self, network: Network, directory: Path) -> tuple[Path, ...]:
        """Write the network, atomically."""
        return save(network, directory)

    def artefact(self, directory: Path) -> tuple[Path, ...]:
        """The weights."""
        return present(directory, WEIGHTS)

    def runner(self, directory: Path, threads: int) -> Runner:
        """Load it as ``instatune.load`` does, and run it in eager mode.

        Raises:
            CheckpointError: The folder is missing or damaged.
            PluginError: The adapter is not installed.
        """
        model, adapter = load(directory), load_adapter(directory)

        def run(batch: Batch) -> Tensor:
            with torch_threads(threads), torch.inference_mode():
                return adapter.logits(model, batch)

        return run
