"""Quantization by ONNX Runtime itself, of the modules that a policy gives 8 bits.

Its scales are its own: of each batch as it comes (dynamic), or of calibration batches (static).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import onnx_ir as ir
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from instatune.errors import DataError
from instatune.interfaces import Network
from instatune_plugins.exporters import _onnx
from instatune_plugins.exporters._metadata import metadata
from instatune_plugins.exporters._quiet import quiet
from instatune_plugins.exporters._runtime import arrays
from instatune_plugins.exporters._tracing import refused, title

_MULTIPLY = ["MatMul", "Gemm", "Conv"]


def write(network: Network, method: Literal["dynamic", "static"], path: Path) -> None:
    """Quantize the network in full precision into a file.

    Raises:
        DataError: The method is static, but there are no calibration batches.
        PluginError: ONNX, or its quantization, cannot say the network.
    """
    if method == "static" and not network.calibration:
        raise DataError(
            f"exporter 'onnx_int8': {title(network)} comes without calibration batches, which "
            "`method: static` measures; take `method: policy`"
        )
    model = _onnx.convert(network, network.model, "onnx_int8")
    kept, plain = _kept(model, network), ir.to_proto(model)
    # The quantizer turns weights, and stumbles over the shapes that they had before.
    del plain.graph.value_info[:]
    try:
        # It advises a preparation that the exported graph does not need.
        with quiet():
            _quantize(plain, path, method, kept, network)
    except Exception as error:  # of whatever ONNX Runtime raises
        raise refused(network, "onnx_int8", "quantized by ONNX Runtime", error) from error
    written = ir.load(path)
    written.metadata_props.update(metadata(network))
    ir.save(written, path)


def _quantize(plain: Any, path: Path, method: str, kept: list[str], network: Network) -> None:
    common: dict[str, Any] = {
        "per_channel": True,
        "weight_type": QuantType.QInt8,
        "nodes_to_exclude": kept,
    }
    if method == "dynamic":
        # Its integers for convolutions have no fast kernel.
        quantize_dynamic(
            plain,
            path,
            op_types_to_quantize=_MULTIPLY[:2],
            extra_options={"MatMulConstBOnly": True},
            **common,
        )
        return
    quantize_static(
        plain,
        path,
        _Batches(network, plain),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        op_types_to_quantize=_MULTIPLY,
        # What they give is added up and normalised, which wants floats.
        extra_options={"OpTypesToExcludeOutputQuantization": _MULTIPLY},
        **common,
    )


def _kept(model: ir.Model, network: Network) -> list[str]:
    """Nodes that stay in full precision: all but those of modules of 8 bits."""
    chosen = {name for name, bits in network.policy.items() if bits == 8}
    return [
        str(node.name)
        for node in model.graph
        if node.op_type in _MULTIPLY and node.metadata_props.get(_onnx.PLACE) not in chosen
    ]


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    """Calibration batches, one after the other."""

    def __init__(self, network: Network, plain: Any) -> None:
        names = [value.name for value in plain.graph.input]
        self._feeds = iter([arrays(batch, names) for batch in network.calibration])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)
