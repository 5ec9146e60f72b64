"""How a few operators of torch are said in ONNX, where the common way is slow or missing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from onnxscript import ir
from onnxscript import opset20 as op
from onnxscript.function_libs.torch_lib.ops.nn import aten_scaled_dot_product_attention

# Registers the operators of `quantized_decomposed`.
from torch.ao.quantization.fx import _decomposed  # noqa: F401

OPSET = 20
_LOWEST = -3.0e38  # nearly the lowest float32, so that adding a score keeps it finite


def table() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Translations by operator, as ``torch.onnx.export`` takes them."""
    quantized = torch.ops.quantized_decomposed
    return {
        quantized.quantize_per_tensor.default: _quantize,
        quantized.quantize_per_tensor.tensor: _quantize,
        quantized.dequantize_per_tensor.default: _dequantize,
        quantized.dequantize_per_tensor.tensor: _dequantize,
        torch.ops.aten.scaled_dot_product_attention.default: _attention,
    }


def _quantize(
    input: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int, dtype: int
) -> Any:
    """Integers of a tensor; torch's own translation takes no zero point that is a tensor."""
    return op.QuantizeLinear(input, _scalar(scale), _whole(zero_point, dtype))


def _dequantize(  # noqa: PLR0913 - the parameters of torch's operator
    input: Any,
    scale: Any,
    zero_point: Any,
    quant_min: int,
    quant_max: int,
    dtype: int,
    out_dtype: int | None = None,
) -> Any:
    """Numbers that integers stand for, in float32."""
    return op.DequantizeLinear(input, _scalar(scale), _whole(zero_point, dtype))


def _constant(value: float, dtype: ir.DataType) -> Any:
    tensor: Any = ir.tensor(value, dtype=dtype)
    return op.Constant(value=tensor)


def _scalar(scale: Any) -> Any:
    if isinstance(scale, (int, float)):
        return _constant(float(scale), ir.DataType.FLOAT)
    return scale if scale.dtype == ir.DataType.FLOAT else op.Cast(scale, to=ir.DataType.FLOAT)


def _whole(zero_point: Any, dtype: int) -> Any:
    if isinstance(zero_point, int):
        return _constant(zero_point, ir.DataType(dtype))
    return op.Cast(zero_point, to=dtype)


def _attention(  # noqa: PLR0913 - the parameters of torch's operator
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Attention with one scaling and one mask, which runtimes fuse into the multiplication.

    The common translation tests every weight for NaN, for rows in which all is masked. Here such
    rows get equal weights; they belong to padding, whose outputs nobody reads.
    """
    width, rank = query.shape[-1], len(query.shape)
    boolean = attn_mask is None or attn_mask.dtype == ir.DataType.BOOL
    if is_causal or enable_gqa or not boolean or rank != 4 or not isinstance(width, int):
        return aten_scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa
        )
    factor = _scalar(1 / math.sqrt(width) if scale is None else scale)
    scores = op.MatMul(op.Mul(query, factor), op.Transpose(key, perm=[0, 1, 3, 2]))
    if attn_mask is not None:
        scores = op.Add(scores, op.Where(attn_mask, _scalar(0.0), _scalar(_LOWEST)))
    return op.MatMul(op.Softmax(scores, axis=-1), value)
