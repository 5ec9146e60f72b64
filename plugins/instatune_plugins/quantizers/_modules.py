"""Modules that hold their weights in low precision, for networks that are saved and deployed.

They are a reference: written with the operators by which quantized programs are known
(``quantized_decomposed``), so that torch.export keeps them, the ONNX exporter turns them into
QuantizeLinear and DequantizeLinear, and compilers replace them by products of integers. Run as they
are, they round floats and multiply floats. Weights of 4 bits are packed, and taken apart each time
that they are needed; of a look-up table these are only the rows that are looked up.

``weight`` is there for code that asks a module for it, but as floats, not in the state dict: some
models convert their inputs to the type of the first weight.
"""

from __future__ import annotations

from typing import Any, cast

import attrs
import torch
import torch.ao.quantization.fx._decomposed  # registers the operators
from torch import Tensor, nn
from torch.nn import functional

from instatune_plugins.quantizers._grid import LAST, LEAST, MOST, Grid, floats_of, spread
from instatune_plugins.quantizers._kinds import bias_of
from instatune_plugins.quantizers._lowered import Lowered
from instatune_plugins.quantizers._nibbles import pack, unpack
from instatune_plugins.quantizers._precision import biased, factors, in_float32

_GEOMETRY = (
    "in_channels",
    "out_channels",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "padding_mode",
    "_reversed_padding_repeated_twice",
)


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


class _Product(Integers):
    """An integer weight to multiply with rounded inputs.

    Scale and zero point of the inputs are buffers for the sake of files, and plain numbers when it
    comes to computing: exported programs want constants.
    """

    input_scale: Tensor
    input_zero_point: Tensor

    def __init__(self, weight: Stored, bias: Tensor | None, grid: Grid) -> None:
        super().__init__(weight)
        device = weight.tensor.device
        self.bias = _frozen(bias)
        self.register_buffer("input_scale", torch.tensor(grid.scale, device=device))
        zero_point = torch.tensor(grid.zero_point, dtype=torch.int32, device=device)
        self.register_buffer("input_zero_point", zero_point)
        self.grid = grid

    def rounded(self, x: Tensor) -> Tensor:
        """The input on its grid, as floats."""
        affine = (self.grid.scale, self.grid.zero_point, 0, LAST, torch.uint8)
        quantized = torch.ops.quantized_decomposed.quantize_per_tensor(x.float(), *affine)
        floats: Tensor = torch.ops.quantized_decomposed.dequantize_per_tensor(quantized, *affine)
        return floats

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        if not self.input_scale.is_meta:
            self.grid = Grid(self.input_scale.item(), int(self.input_zero_point.item()))


class QuantizedLinear(_Product):
    """``x [..., inputs]`` to ``[..., outputs]``, float32."""

    def __init__(self, weight: Stored, bias: Tensor | None, grid: Grid) -> None:
        super().__init__(weight, bias, grid)
        self.out_features, self.in_features = weight.shape

    def forward(self, input: Tensor) -> Tensor:
        """Multiply what is left after rounding."""
        with in_float32(input):
            return functional.linear(self.rounded(input), self.weight, self.bias)


class QuantizedConv2d(_Product):
    """``x [..., channels, height, width]`` to the same, float32."""

    def __init__(self, like: nn.Conv2d, weight: Stored, grid: Grid) -> None:
        super().__init__(weight, bias_of(like), grid)
        _take_geometry(self, like)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve what is left after rounding."""
        with in_float32(input):
            return _convolved(self, self.rounded(input), self.weight, self.bias)


class QuantizedEmbedding(Integers):
    """Indices ``[...]`` to rows ``[..., width]``, float32."""

    def __init__(self, weight: Stored, padding: int | None) -> None:
        super().__init__(weight)
        self.num_embeddings, self.embedding_dim = weight.shape
        self.padding_idx = padding

    def forward(self, input: Tensor) -> Tensor:
        """Look rows and their scales up, so that the table itself stays as it is."""
        rows = functional.embedding(input, self.weight_int8)
        return rows * self.weight_scale[input][..., None]


class PackedEmbedding(QuantizedEmbedding):
    """The same of 4 bits, with scales of groups."""

    def forward(self, input: Tensor) -> Tensor:
        """Look packed rows and their scales up, and take the rows apart."""
        rows = unpack(functional.embedding(input, self.weight_int4), self.embedding_dim)
        return rows * spread(functional.embedding(input, self.weight_scale), self.embedding_dim)


class Brief(nn.Module):
    """A weight ``[outputs, ...]`` in bfloat16."""

    weight_bfloat16: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight_bfloat16", weight)

    @property
    def weight(self) -> Tensor:
        """The weight as floats."""
        return self.weight_bfloat16.float()


class BriefLinear(Brief):
    """``x [..., inputs]`` to ``[..., outputs]``, float32; factors in bfloat16."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(weight)
        self.bias = _frozen(bias)
        self.out_features, self.in_features = weight.shape

    def forward(self, input: Tensor) -> Tensor:
        """Multiply in bfloat16."""
        with in_float32(input):
            y = functional.linear(*factors(input, self.weight_bfloat16))
            return biased(y.float(), self.bias, "linear")


class BriefConv2d(Brief):
    """``x [..., channels, height, width]`` to the same, float32; factors in bfloat16."""

    def __init__(self, like: nn.Conv2d, weight: Tensor) -> None:
        super().__init__(weight)
        self.bias = _frozen(bias_of(like))
        _take_geometry(self, like)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve in bfloat16."""
        with in_float32(input):
            y = _convolved(self, *factors(input, self.weight_bfloat16), None)
            return biased(y.float(), self.bias, "conv")


class BriefEmbedding(Brief):
    """Indices ``[...]`` to rows ``[..., width]``, float32."""

    def __init__(self, weight: Tensor, padding: int | None) -> None:
        super().__init__(weight)
        self.num_embeddings, self.embedding_dim = weight.shape
        self.padding_idx = padding

    def forward(self, input: Tensor) -> Tensor:
        """Look rows up."""
        return functional.embedding(input, self.weight_bfloat16).float()


def _frozen(bias: Tensor | None) -> nn.Parameter | None:
    return None if bias is None else nn.Parameter(bias, requires_grad=False)


def _take_geometry(module: nn.Module, like: nn.Conv2d) -> None:
    for name in _GEOMETRY:
        setattr(module, name, getattr(like, name))


def _convolved(module: nn.Module, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    # Reads the geometry alone, and knows all paddings.
    y: Tensor = nn.Conv2d._conv_forward(cast("nn.Conv2d", module), x, weight, bias)
    return y
