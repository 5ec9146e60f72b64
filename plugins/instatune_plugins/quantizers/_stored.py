"""Weights of 4 and 8 bits as they are saved, and modules that hold them.

``weight`` is there for code that asks a module for it, but as floats, not in the state dict: some
models convert their inputs to the type of the first weight.
"""

from __future__ import annotations

import attrs
import torch
import torch.ao.quantization.fx._decomposed  # registers the operators
from torch import Tensor, nn

from instatune_plugins.quantizers._grid import LEAST, MOST, floats_of
from instatune_plugins.quantizers._lowered import Lowered
from instatune_plugins.quantizers._nibbles import pack, unpack


@attrs.frozen(eq=False)
class Stored:
    """A weight as it is saved.

    Attributes:
        tensor: ``int8 [outputs, ...]``, or ``uint8 [outputs, ceil(columns / 2)]`` of 4 bits.
        scales: ``[outputs]`` or ``[outputs, groups]``.
        bits: 4 or 8.
        shape: Of the weight.
    """

    tensor: Tensor
    scales: Tensor
    bits: int
    shape: torch.Size

    @classmethod
    def of(cls, low: Lowered) -> Stored:
        """Pack what can be."""
        integers = low.integers
        tensor = pack(integers.flatten(1)) if low.bits == 4 else integers
        return cls(tensor, low.scales, low.bits, integers.shape)


class Integers(nn.Module):
    """A weight ``[outputs, ...]`` of signed integers, with one scale for each output or group."""

    weight_int4: Tensor
    weight_int8: Tensor
    weight_scale: Tensor
    weight_zero_point: Tensor

    def __init__(self, weight: Stored) -> None:
        super().__init__()
        self.bits, self.shape = weight.bits, weight.shape
        self.register_buffer(f"weight_int{weight.bits}", weight.tensor)
        self.register_buffer("weight_scale", weight.scales)
        # Always 0, so it is in no file; compilers look for it.
        zeros = torch.zeros_like(weight.scales, dtype=torch.int64)
        self.register_buffer("weight_zero_point", zeros, persistent=False)

    @property
    def stored(self) -> Tensor:
        """The weight as it is saved."""
        return self.weight_int8 if self.bits == 8 else self.weight_int4

    @property
    def integers(self) -> Tensor:
        """The weight as ``int8``, not packed."""
        if self.bits == 8:
            return self.weight_int8
        flat = unpack(self.weight_int4, self.shape[1:].numel())
        return flat.view(self.shape).to(torch.int8)

    @property
    def weight(self) -> Tensor:
        """The weight as floats."""
        if self.weight_scale.dim() > 1:
            return floats_of(self.integers, self.weight_scale)
        floats: Tensor = torch.ops.quantized_decomposed.dequantize_per_channel(
            *(self.integers, self.weight_scale, self.weight_zero_point, 0),
            *(LEAST, MOST, torch.int8),
        )
        return floats
