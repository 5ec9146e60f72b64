"""Modules that hold their weights in low precision, for networks that are saved and deployed.

They are written with the operators by which quantized programs are known
(``quantized_decomposed``), so that torch.export keeps them, the ONNX exporter turns them into
QuantizeLinear and DequantizeLinear, and compilers replace them by products of integers. As written
they round floats and multiply floats, and take weights of 4 bits apart each time that they are
needed; of a look-up table these are only the rows that are looked up.

Simply called on a CPU that can, they multiply integers with the kernels that the search simulates
with: see :mod:`._eager`. From the first call on, these hold a second copy of the weight, which has
8 bits also where the stored one has 4.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from instatune_plugins.quantizers import _onednn
from instatune_plugins.quantizers._eager import Packed, can_be_packed, simply_called
from instatune_plugins.quantizers._grid import LAST, Grid, spread
from instatune_plugins.quantizers._kinds import bias_of
from instatune_plugins.quantizers._nibbles import unpack
from instatune_plugins.quantizers._onednn import Forward
from instatune_plugins.quantizers._precision import biased, factors, in_float32
from instatune_plugins.quantizers._stored import Integers, Stored

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


class _Product(Integers):
    """An integer weight to multiply with rounded inputs.

    Scale and zero point of the inputs are buffers for the sake of files, and plain numbers when it
    comes to computing: exported programs want constants.
    """

    input_scale: Tensor
    input_zero_point: Tensor
    _packed: Packed | None = None

    def __init__(self, weight: Stored, bias: Tensor | None, grid: Grid, fake: bool) -> None:
        super().__init__(weight)
        device = weight.tensor.device
        self.bias = _frozen(bias)
        self.register_buffer("input_scale", torch.tensor(grid.scale, device=device))
        zero_point = torch.tensor(grid.zero_point, dtype=torch.int32, device=device)
        self.register_buffer("input_zero_point", zero_point)
        self.grid, self.fake = grid, fake

    def forward(self, input: Tensor) -> Tensor:
        """Multiply what is left after rounding."""
        with in_float32(input):
            kernel = self._kernel(input)
            return self._written(input) if kernel is None else kernel(input.detach().float())

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

    def _apply(self, *arguments: Any, **options: Any) -> _Product:
        self._packed = None  # of no use on another device
        super()._apply(*arguments, **options)  # type: ignore[no-untyped-call]
        return self

    def _kernel(self, x: Tensor) -> Forward | None:
        """What gives the same numbers sooner; None if there is no such thing for this call."""
        sources = (self.stored, self.weight_scale, self.bias, self.grid)
        if self.fake or not (simply_called(x, sources) and self._takes(x)):
            return None
        packed = self._packed
        if packed is None or not packed.stands_for(sources):
            packed = Packed.of(self._pack, sources) if can_be_packed(sources) else None
            self._packed = packed
        return None if packed is None else packed.run

    def _written(self, x: Tensor) -> Tensor:
        """The product of floats, by the operators that exporters know."""
        raise NotImplementedError

    def _takes(self, x: Tensor) -> bool:
        """Whether the kernel does; what the module cannot multiply is left to torch to refuse."""
        raise NotImplementedError

    def _pack(self) -> Forward:
        """The kernel for the weight as it is now."""
        raise NotImplementedError


class QuantizedLinear(_Product):
    """``x [..., inputs]`` to ``[..., outputs]``, float32."""

    def __init__(
        self, weight: Stored, bias: Tensor | None, grid: Grid, *, fake: bool = False
    ) -> None:
        super().__init__(weight, bias, grid, fake)
        self.out_features, self.in_features = weight.shape

    def _written(self, x: Tensor) -> Tensor:
        return functional.linear(self.rounded(x), self.weight, self.bias)

    def _takes(self, x: Tensor) -> bool:
        return x.dim() > 0 and x.shape[-1] == self.in_features

    def _pack(self) -> Forward:
        return _onednn.linear(self.integers, self.weight_scale, self.bias, self.grid)


class QuantizedConv2d(_Product):
    """``x [..., channels, height, width]`` to the same, float32."""

    def __init__(self, like: nn.Conv2d, weight: Stored, grid: Grid, *, fake: bool = False) -> None:
        super().__init__(weight, bias_of(like), grid, fake)
        _take_geometry(self, like)

    def _written(self, x: Tensor) -> Tensor:
        return _convolved(self, self.rounded(x), self.weight, self.bias)

    def _takes(self, x: Tensor) -> bool:
        return _onednn.takes(self) and _onednn.covers(cast("nn.Conv2d", self), x)

    def _pack(self) -> Forward:
        conv = cast("nn.Conv2d", self)
        return _onednn.convolution(conv, self.integers, self.weight_scale, self.bias, self.grid)


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
