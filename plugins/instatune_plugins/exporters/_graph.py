"""Changes to an ONNX graph that keep what it computes, so that runtimes run it well."""

from __future__ import annotations

from collections.abc import Iterable

import onnx_ir as ir

_FLOAT, _BFLOAT16 = ir.DataType.FLOAT, ir.DataType.BFLOAT16


def keep_sums(graph: ir.Graph) -> None:
    """Write sums before a layer normalisation as ``Sum``, which means the same as ``Add``.

    ONNX Runtime fuses an ``Add`` there into SkipLayerNormalization, whose kernel for CPUs takes
    several times as long as the two operators that it stands for.
    """
    for node in graph:
        if node.op_type == "Add" and "LayerNormalization" in _users(node.outputs[0]):
            node.op_type = "Sum"


def split_gemms(graph: ir.Graph) -> None:
    """Write products of quantized matrices as MatMul and a sum.

    ONNX Runtime multiplies floats in a Gemm with a bias of float32, and bytes in a MatMul. It would
    make a Gemm of a MatMul and an ``Add`` again.
    """
    for node in list(graph):
        if node.op_type == "Gemm" and _is_plain(node) and _is_dequantized(node.inputs[1]):
            left, right, *bias = node.inputs
            if node.attributes.get_int("transB", 0):
                right = _before(node, "Transpose", right, perm=(1, 0))
            result = _before(node, "MatMul", left, right)
            if bias and bias[0] is not None:
                result = _before(node, "Sum", result, bias[0])
            _replace(node, result)


def widen_bfloat16(graph: ir.Graph) -> None:
    """Compute in float32 with weights that stay in bfloat16, which few runtimes multiply on CPUs.

    Inputs are not rounded to bfloat16 then: results are a little more exact.
    """
    for value in [value for value in graph.initializers.values() if value.dtype == _BFLOAT16]:
        users = list(value.uses())
        cast = ir.node("Cast", [value], attributes={"to": _FLOAT}, name=f"widen_{value.name}")
        wide = cast.outputs[0]
        wide.name, wide.dtype = f"{value.name}_float32", _FLOAT
        graph.insert_before(graph[0], cast)
        for user, index in users:
            user.replace_input_with(index, wide)
    for node in graph:
        if node.op_type == "Cast" and node.attributes.get_int("to") == _BFLOAT16:
            node.attributes["to"] = ir.AttrInt64("to", _FLOAT)
        for output in node.outputs:
            if output.dtype == _BFLOAT16:
                output.dtype = _FLOAT


def name_axes(graph: ir.Graph) -> None:
    """Call free axes of inputs and outputs by what they mean; runtimes work out all the others."""
    names: dict[str, str] = {}
    for value in graph.inputs:
        shape = value.shape or ir.Shape(())
        for axis, size in enumerate(shape):
            if isinstance(size, ir.SymbolicDim):
                inner = "tokens" if axis == len(shape) - 1 else "choices"
                base = inner if axis else "examples"
                names.setdefault(str(size.value), _fresh(base, names.values()))
    for value in (*graph.inputs, *graph.outputs):
        value.shape = ir.Shape(
            names.get(str(size.value)) if isinstance(size, ir.SymbolicDim) else size
            for size in value.shape or ()
        )
    for node in graph:
        for output in node.outputs:
            if not output.is_graph_output():
                output.shape = None


def _is_plain(gemm: ir.Node) -> bool:
    factors = (gemm.attributes.get_float(name, 1.0) for name in ("alpha", "beta"))
    return all(factor == 1.0 for factor in factors) and not gemm.attributes.get_int("transA", 0)


def _is_dequantized(value: ir.Value | None) -> bool:
    source = None if value is None else value.producer()
    return source is not None and source.op_type == "DequantizeLinear"


def _before(
    node: ir.Node, kind: str, *inputs: ir.Value | None, **attributes: tuple[int, ...]
) -> ir.Value:
    """Insert an operator in front of a node, and give what it computes."""
    name = f"{node.name}_{kind}"
    made = ir.node(
        kind, inputs, attributes=attributes, name=name, metadata_props=dict(node.metadata_props)
    )
    made.outputs[0].name, made.outputs[0].type = name, node.outputs[0].type
    node.graph.insert_before(node, made)  # type: ignore[union-attr]
    return made.outputs[0]


def _replace(node: ir.Node, result: ir.Value) -> None:
    """Let another value take the place of the only one that a node gives, with its name."""
    old = node.outputs[0]
    name, result.shape = old.name, old.shape
    old.replace_all_uses_with(result, replace_graph_outputs=True)
    node.graph.remove(node, safe=True)  # type: ignore[union-attr]
    result.name = name


def _users(value: ir.Value) -> set[str]:
    return {user.op_type for user, _ in value.uses()}


def _fresh(base: str, taken: Iterable[str]) -> str:
    """A name like ``base`` that is not taken."""
    used = set(taken)
    number = 1
    while (name := base if number == 1 else f"{base}_{number}") in used:
        number += 1
    return name
