"""OpenVINO, often the fastest runtime on CPUs of Intel and AMD.

The network goes through ONNX, so what has no ONNX form has none here. Integers of quantized
networks are multiplied as such.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from instatune.interfaces import Batch, Exporter, Network, Runner
from instatune_plugins.exporters import OpenvinoConfig, _onnx
from instatune_plugins.exporters._files import needed, present, staged, unreadable
from instatune_plugins.exporters._metadata import metadata
from instatune_plugins.exporters._runtime import arrays
from instatune_plugins.exporters._tracing import OUTPUT, refused

FILE, WEIGHTS = "model.xml", "model.bin"


class Openvino(Exporter):
    """The network that is to be deployed as ``model.xml`` and ``model.bin``."""

    config: OpenvinoConfig

    def __init__(self, config: OpenvinoConfig | None = None) -> None:
        super().__init__(config or OpenvinoConfig())

    def export(self, network: Network, directory: Path) -> tuple[Path, ...]:
        """Write the network, all of it or nothing.

        Raises:
            PluginError: It has a part that ONNX or OpenVINO cannot say.
            StoreError: The folder cannot be written.
        """
        converted = _onnx.convert(network, network.deployed, "openvino")
        with staged(directory) as folder, tempfile.TemporaryDirectory() as name:
            source = Path(name) / "model.onnx"
            _onnx.save(converted, source)
            self._convert(network, source, folder / FILE)
        return self.artefact(directory)

    def artefact(self, directory: Path) -> tuple[Path, ...]:
        """The graph and its weights."""
        return present(directory, FILE, WEIGHTS)

    def runner(self, directory: Path, threads: int) -> Runner:
        """Compile it for the CPU.

        Raises:
            CheckpointError: It is missing, or OpenVINO does not load it.
        """
        import openvino

        file = needed(directory, FILE)
        hints = {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": self.config.precision,
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            compiled = openvino.Core().compile_model(file, "CPU", hints)
        except Exception as error:  # its classes have no common base but this one
            raise unreadable(file, error) from error
        return _runner(compiled)

    def _convert(self, network: Network, source: Path, path: Path) -> None:
        # Not `convert_model`, which reports its use to the makers.
        import openvino

        try:
            model = openvino.Core().read_model(source)
            for key, value in metadata(network).items():
                model.set_rt_info(value, ["instatune", key])
            openvino.save_model(model, path, compress_to_fp16=self.config.fp16)
        except OSError:
            raise
        except Exception as error:  # its classes have no common base but this one
            raise refused(network, "openvino", "written for OpenVINO", error) from error


def _runner(compiled: Any) -> Runner:
    request = compiled.create_infer_request()
    names = [port.get_any_name() for port in compiled.inputs]

    def run(batch: Batch) -> Tensor:
        # A copy: the next call writes into the same memory.
        return torch.from_numpy(request.infer(arrays(batch, names))[OUTPUT].copy())

    return run
