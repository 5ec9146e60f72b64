"""Products in float32 and in bfloat16, outside of autocast."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from instatune_plugins.quantizers._kinds import bias_of, kind_of, weight_of

Product: TypeAlias = "Callable[[Tensor, Tensor, Tensor | None], Tensor]"


def in_float32(x: Tensor) -> AbstractContextManager[object]:
    """No autocast while the context is open; nothing at all where there is none."""
    device = x.device.type
    if torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


def product_of(module: nn.Module) -> Product:
    """How a module combines an input, a weight ``[outputs, ...]`` and a bias."""
    if kind_of(module) == "conv":
        return cast("nn.Conv2d", module)._conv_forward
    return functional.linear


def multiplied_in_bfloat16(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """Both factors and the product are bfloat16, sums and the bias float32."""
    product, weight, bias = product_of(module), weight_of(module).bfloat16(), bias_of(module)
    return lambda x: biased(product(x.bfloat16(), weight, None).float(), bias, kind_of(module))


def factors(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """An input and a bfloat16 weight, ready to be multiplied in bfloat16.

    On the way to ONNX they become float32 again: runtimes for CPUs do not multiply bfloat16.
    """
    x = x.bfloat16()
    if torch.compiler.is_exporting() and torch.onnx.is_in_onnx_export():
        return x.float(), weight.float()
    return x, weight


def biased(y: Tensor, bias: Tensor | None, kind: str | None) -> Tensor:
    """Add ``bias [outputs]`` to ``[..., outputs]``, or to ``[..., outputs, height, width]``."""
    if bias is None:
        return y
    return y + (bias[:, None, None] if kind == "conv" else bias)
