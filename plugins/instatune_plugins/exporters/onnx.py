"""ONNX in full precision, for ONNX Runtime and everything else that reads it."""

from __future__ import annotations

from pathlib import Path

from instatune.interfaces import Exporter, Network, Runner
from instatune_plugins.exporters import _onnx, _runtime
from instatune_plugins.exporters._checks import full_only
from instatune_plugins.exporters._files import needed, present, staged

FILE = "model.onnx"


class Onnx(Exporter):
    """The network as ``model.onnx``; its weights in ``model.onnx.data`` from 1.8 GB on.

    Inputs are called as in a batch, the output ``logits``. Any number of examples, any length of
    texts; images keep their size. Labels and architecture are in the metadata of the file.
    """

    def export(self, network: Network, directory: Path) -> tuple[Path, ...]:
        """Write the network, all of it or nothing.

        Raises:
            PluginError: It has a policy of bits, or ONNX cannot say it.
            StoreError: The folder cannot be written.
        """
        full_only(network, "onnx", instead="onnx_int8")
        model = _onnx.convert(network, network.model, "onnx")
        with staged(directory) as folder:
            _onnx.save(model, folder / FILE)
        return self.artefact(directory)

    def artefact(self, directory: Path) -> tuple[Path, ...]:
        """The model, and its weights where they lie beside it."""
        return present(directory, FILE, f"{FILE}.data")

    def runner(self, directory: Path, threads: int) -> Runner:
        """Load it in ONNX Runtime."""
        return _runtime.onnx_runner(needed(directory, FILE), threads)
