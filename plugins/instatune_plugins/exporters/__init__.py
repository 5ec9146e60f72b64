"""Formats for deployable sub-networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs

from instatune.plugin import hookimpl
from instatune.plugin.entries import ExporterEntry

_ONNX = ("onnx>=1.23", "onnxscript>=0.7.2", "onnxruntime>=1.31")
_OPENVINO = ("openvino>=2026.4",)


@attrs.frozen(kw_only=True)
class OnnxInt8Config:
    """Settings of ``onnx_int8``.

    Attributes:
        method: ``policy`` writes the scales that were searched with. The others let ONNX Runtime
            choose: ``dynamic`` those of each batch, ``static`` those of calibration batches.
    """

    method: Literal["policy", "dynamic", "static"] = "policy"


@attrs.frozen(kw_only=True)
class TorchExportConfig:
    """Settings of ``torch_export``.

    Attributes:
        compile: Whether the file is compiled before it is measured, as its user would; needs a
            compiler of C++, and a minute for each network. The file is the same. Quantized networks
            then multiply bytes if torchao is installed (the extra ``quantization`` brings it), and
            rounded floats if not.
    """

    compile: bool = False


@attrs.frozen(kw_only=True)
class NeuralCompressorConfig:
    """Settings of ``neural_compressor``.

    Attributes:
        compile: Whether the file is compiled before it is measured, as its user would, which is
            what makes it multiply bytes; needs a compiler of C++, and a minute for each network.
            The file is the same.
    """

    compile: bool = False


@attrs.frozen(kw_only=True)
class OpenvinoConfig:
    """Settings of ``openvino``.

    Attributes:
        fp16: Whether weights in full precision are stored in 16 bits.
        precision: What is not quantized is computed in this precision; ``bf16`` is fast where the
            processor has instructions for it.
    """

    fp16: bool = False
    precision: Literal["f32", "bf16"] = "f32"


@hookimpl
def instatune_exporters() -> Iterator[ExporterEntry]:
    """Offer the exporters of this package."""
    yield ExporterEntry(
        name="folder",
        target="instatune_plugins.exporters.folder:Folder",
        loadable=True,
        runs=True,
        quantized=True,
        runtime="torch",
        summary="safetensors, configuration and tokenizer in a folder that instatune.load reads",
    )
    yield ExporterEntry(
        name="onnx",
        target="instatune_plugins.exporters.onnx:Onnx",
        requires=_ONNX,
        runs=True,
        runtime="onnxruntime",
        summary="ONNX in full precision, any number of examples and length of texts",
    )
    yield ExporterEntry(
        name="onnx_int8",
        target="instatune_plugins.exporters.onnx_int8:OnnxInt8",
        config=OnnxInt8Config,
        requires=_ONNX,
        runs=True,
        quantized=True,
        full=False,
        runtime="onnxruntime",
        summary="ONNX with 8-bit integers, at the scales that were searched with",
    )
    yield ExporterEntry(
        name="torch_export",
        target="instatune_plugins.exporters.torch_export:TorchExport",
        config=TorchExportConfig,
        runs=True,
        quantized=True,
        runtime="torch",
        summary="a torch.export program, to compile or to run where there is torch alone",
    )
    yield ExporterEntry(
        name="neural_compressor",
        target="instatune_plugins.exporters.neural_compressor:NeuralCompressor",
        config=NeuralCompressorConfig,
        requires=("neural-compressor[pt]>=3.10",),
        runs=True,
        quantized=True,
        full=False,
        runtime="torch",
        summary="8-bit integers by Intel Neural Compressor, calibrated anew and traced by torch",
    )
    yield ExporterEntry(
        name="openvino",
        target="instatune_plugins.exporters.openvino:Openvino",
        config=OpenvinoConfig,
        requires=(*_ONNX, *_OPENVINO),
        runs=True,
        quantized=True,
        runtime="openvino",
        summary="OpenVINO in full precision or with 8-bit integers, often the fastest on CPUs",
    )
