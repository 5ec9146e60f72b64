"""A network as an ONNX model: traced, translated, tidied, written."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir
import torch
from onnx_ir.passes import common as passes
from torch import nn
from torch.ao.quantization.fx import _decomposed  # noqa: F401 - registers quantized operators

from instatune.interfaces import Network
from instatune_plugins.exporters import _graph
from instatune_plugins.exporters._metadata import metadata
from instatune_plugins.exporters._norms import fold_norms
from instatune_plugins.exporters._tracing import OUTPUT, refused, trace
from instatune_plugins.exporters._translation import OPSET, table

PLACE = "module"
"""Key under which a node tells the module that it comes from."""

_LIMIT = 1_800_000_000  # protobuf holds 2 GiB
_SCOPES = "pkg.torch.onnx.name_scopes"


def convert(network: Network, model: nn.Module, exporter: str) -> ir.Model:
    """Translate a network.

    Each node names the module of the network that it comes from, under :data:`PLACE`.

    Raises:
        PluginError: It has a part that cannot be traced, or that ONNX has no operator for.
    """
    program = trace(network, model, exporter)
    try:
        found = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            output_names=[OUTPUT],
            custom_translation_table=table(),
            verbose=False,
        )
        assert found is not None  # noqa: S101 - for the type checker
        converted: ir.Model = found.model
        _tidy(converted)
    except Exception as error:  # of whatever torch and onnxscript raise
        raise refused(network, exporter, "written as ONNX", error) from error
    converted.metadata_props.update(metadata(network))
    return converted


def save(model: ir.Model, path: Path, limit: int = _LIMIT) -> None:
    """Write a model; weights of more than ``limit`` bytes go into a file beside it."""
    held = sum(
        value.const_value.nbytes
        for value in model.graph.initializers.values()
        if value.const_value is not None
    )
    ir.save(model, path, external_data=f"{path.name}.data" if held > limit else None)


def _tidy(model: ir.Model) -> None:
    graph = model.graph
    places = [_place(node) for node in graph]
    passes.ClearMetadataAndDocStringPass()(model)
    model.metadata_props.clear()
    for node, place in zip(graph, places, strict=True):
        if place:
            node.metadata_props[PLACE] = place
    fold_norms(graph)
    _graph.widen_bfloat16(graph)
    _graph.split_gemms(graph)
    _graph.keep_sums(graph)
    _graph.name_axes(graph)
    passes.RemoveUnusedNodesPass()(model)


def _place(node: ir.Node) -> str:
    """Name of the innermost module of the network that a node was traced in."""
    scopes = node.metadata_props.get(_SCOPES, "")
    names = [part.strip(" '\"") for part in scopes.strip("[]").split(",")]
    # The last scope is the operation itself.
    return names[-2].removeprefix("network.") if len(names) > 2 else ""
