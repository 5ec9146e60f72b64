"""Batch normalisation folded into the convolution of integers before it, in an ONNX graph.

After training it multiplies each channel by a number and adds another (Ioffe and Szegedy, "Batch
Normalization", ICML 2015, arXiv 1502.03167). The convolution can do both: the scales of its weight
are multiplied, the integers stay, so its rounding does too. Only what is folded comes to the
kernels for bytes of ONNX Runtime. Behind weights of floats torch's exporter folds by itself.
"""

from __future__ import annotations

from typing import cast

import attrs
import numpy as np
import numpy.typing as npt
import onnx_ir as ir

_LARGEST = 2.0**30
"""Steps in a bias: runtimes round it to 32-bit integers of the scales of input and weight."""


@attrs.frozen
class _Change:
    """What a normalisation does to a channel: ``factor * x + shift``; both float64 [channels]."""

    factor: npt.NDArray[np.float64]
    shift: npt.NDArray[np.float64]


def fold_norms(graph: ir.Graph) -> None:
    """Fold all batch normalisations that follow a convolution of integers of their own.

    One stays where its channels are almost switched off, so that the scale of their weights would
    be too small beside their bias.
    """
    for node in list(graph):
        if node.op_type == "BatchNormalization":
            source = node.inputs[0].producer() if node.inputs[0] is not None else None
            change = _change(node)
            if source is not None and change is not None and _is_own(source, "Conv"):
                _fold(source, node, change)


def _fold(conv: ir.Node, norm: ir.Node, change: _Change) -> None:
    weight = conv.inputs[1].producer() if conv.inputs[1] is not None else None
    if weight is None or not _is_own(weight, "DequantizeLinear"):
        return
    before = _constant(conv.inputs[2]) if len(conv.inputs) > 2 else np.zeros(1)
    old = _constant(weight.inputs[1])
    if before is None or old is None or weight.attributes.get_int("axis", 1) != 0:
        return
    scales, bias = old * change.factor, before * change.factor + change.shift
    if _bias_fits(conv, scales, bias):
        weight.replace_input_with(1, _initializer(conv, f"{norm.name}_scales", scales))
        _replace(conv, norm, _initializer(conv, f"{norm.name}_bias", bias))


def _bias_fits(
    conv: ir.Node, scales: npt.NDArray[np.float64], bias: npt.NDArray[np.float64]
) -> bool:
    source = conv.inputs[0].producer() if conv.inputs[0] is not None else None
    dequantized = source is not None and source.op_type == "DequantizeLinear"
    step = _constant(source.inputs[1]) if source is not None and dequantized else np.ones(1)
    return step is not None and bool(np.all(np.abs(bias) <= _LARGEST * step * np.abs(scales)))


def _change(norm: ir.Node) -> _Change | None:
    """None while it trains, or where its numbers are not known."""
    found = [_constant(value) for value in norm.inputs[1:5]]
    if norm.attributes.get_int("training_mode", 0) or any(part is None for part in found):
        return None
    weight, bias, mean, variance = cast("list[npt.NDArray[np.float64]]", found)
    factor = weight / np.sqrt(variance + norm.attributes.get_float("epsilon", 1e-5))
    return _Change(factor, bias - mean * factor)


def _constant(value: ir.Value | None) -> npt.NDArray[np.float64] | None:
    if value is None or not value.is_initializer() or value.const_value is None:
        return None
    return np.asarray(value.const_value.numpy(), dtype=np.float64)


def _is_own(node: ir.Node, kind: str) -> bool:
    """Whether it is of this kind, and only one other node asks for what it gives."""
    output = node.outputs[0]
    return node.op_type == kind and len(output.uses()) == 1 and not output.is_graph_output()


def _initializer(node: ir.Node, name: str, array: npt.NDArray[np.float64]) -> ir.Value:
    tensor = ir.tensor(array.astype(np.float32), name=name)
    value = ir.Value(name=name, const_value=tensor, shape=ir.Shape(array.shape))
    value.dtype = tensor.dtype
    node.graph.register_initializer(value)  # type: ignore[union-attr]
    return value


def _replace(conv: ir.Node, norm: ir.Node, bias: ir.Value) -> None:
    """Put a convolution with this bias into the place of both, under the name of their output."""
    inputs, attributes = [*conv.inputs[:2], bias], list(conv.attributes.values())
    made = ir.Node("", "Conv", inputs, attributes, name=conv.name)
    made.metadata_props.update(conv.metadata_props)
    graph, old, new = conv.graph, norm.outputs[0], made.outputs[0]
    graph.insert_before(norm, made)  # type: ignore[union-attr]
    new.type, new.shape, name = old.type, old.shape, old.name
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    graph.remove([norm, conv], safe=True)  # type: ignore[union-attr]
    new.name = name
