"""ONNX with integers: quantized tensors between QuantizeLinear and DequantizeLinear (QDQ)."""

from __future__ import annotations

from pathlib import Path

from instatune.interfaces import Exporter, Network, Runner
from instatune_plugins.exporters import OnnxInt8Config, _onnx, _runtime
from instatune_plugins.exporters._checks import quantized_only
from instatune_plugins.exporters._files import needed, present, staged

FILE = "model_int8.onnx"


class OnnxInt8(Exporter):
    """The quantized network as ``model_int8.onnx``, with 8-bit weights as 8-bit integers.

    With ``method: policy`` it is the graph that was searched, with the same scales. The other
    methods let ONNX Runtime choose its own scales for the same modules; look-up tables and modules
    of 16 bits stay in full precision there.

    ONNX Runtime convolves bytes only where the outcome is rounded again at once, as between the two
    convolutions of a residual block; ``openvino`` convolves all of them, and is the faster one for
    such networks.
    """

    config: OnnxInt8Config

    def __init__(self, config: OnnxInt8Config | None = None) -> None:
        super().__init__(config or OnnxInt8Config())

    def export(self, network: Network, directory: Path) -> tuple[Path, ...]:
        """Write the network, all of it or nothing.

        Raises:
            PluginError: It is in full precision, or ONNX cannot say it.
            DataError: The method is static, but there are no calibration batches.
            StoreError: The folder cannot be written.
        """
        quantized = quantized_only(network, "onnx_int8", instead="onnx")
        with staged(directory) as folder:
            if self.config.method == "policy":
                _onnx.save(_onnx.convert(network, quantized, "onnx_int8"), folder / FILE)
            else:
                from instatune_plugins.exporters import _calibrated

                _calibrated.write(network, self.config.method, folder / FILE)
        return self.artefact(directory)

    def artefact(self, directory: Path) -> tuple[Path, ...]:
        """The model, and its weights where they lie beside it."""
        return present(directory, FILE, f"{FILE}.data")

    def runner(self, directory: Path, threads: int) -> Runner:
        """Load it in ONNX Runtime."""
        return _runtime.onnx_runner(needed(directory, FILE), threads)
