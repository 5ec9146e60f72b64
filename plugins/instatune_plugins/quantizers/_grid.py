"""The grids that numbers are rounded to, written down once for all forms of a network.

Activations: one affine grid of unsigned bytes for a module, ``x ~ scale (q - zero_point)``, and 0
lies on it. Weights: signed integers of 8 or 4 bits, one scale for each output, zero point 0. This
is the common scheme of static quantization after training: Jacob et al., "Quantization and Training
of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, arXiv 1712.05877.
Numbers that lie halfway are rounded to even.

Look-up tables of 4 bits have one scale for each group of columns of a row. Small groups keep 4 bits
accurate: Dettmers and Zettlemoyer, "The case for 4-bit precision: k-bit Inference Scaling Laws",
ICML 2023, arXiv 2212.09720.
"""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from instatune.space.storage import TABLE_GROUP

SMALLEST = torch.finfo(torch.float32).eps
"""The smallest scale: that of a weight or of inputs that are all 0."""

LEAST, MOST = -128, 127
"""Ends of the grid of 8-bit weights."""

LAST = 255
"""End of the grid of activations, which begins at 0."""


@attrs.frozen
class Grid:
    """Affine grid of the inputs of one module.

    Attributes:
        scale: Width of a step, a float32 number.
        zero_point: Integer that means 0.
    """

    scale: float
    zero_point: int

    @classmethod
    def over(cls, low: float, high: float) -> Grid:
        """The grid that covers a range, widened to hold 0."""
        low, high = min(low, 0.0), max(high, 0.0)
        scale = torch.tensor((high - low) / LAST, dtype=torch.float32).clamp(min=SMALLEST).item()
        return cls(scale, min(LAST, max(0, round(-low / scale))))

    def _steps(self, x: Tensor) -> Tensor:
        """Signed whole steps from 0, still in float, ``x``'s shape."""
        low = -self.zero_point
        return x.mul(1.0 / self.scale).round_().clamp_(low, low + LAST)

    def rounded(self, x: Tensor) -> Tensor:
        """Numbers on the grid nearest to ``x`` (float32, any shape)."""
        return self._steps(x).mul_(self.scale)

    def integers(self, x: Tensor) -> Tensor:
        """The same as bytes, ``uint8``."""
        # Several times faster than torch's direct conversion from float to uint8.
        return self._steps(x).add_(self.zero_point).to(torch.int16).to(torch.uint8)


def ends_of(bits: int) -> tuple[int, int]:
    """Ends of the grid of weights of so many bits."""
    half: int = 2 ** (bits - 1)
    return -half, half - 1


def scales_of(weight: Tensor) -> Tensor:
    """Width of a step for each output, ``[outputs]`` float32, of ``weight [outputs, ...]``.

    The largest weight lies halfway between the last step and the one after it, so the ends of the
    grid are used to the full and no weight moves by more than half a step.
    """
    largest: Tensor = weight.detach().float().abs().flatten(1).amax(dim=1)
    return largest.div(MOST + 0.5).clamp(min=SMALLEST)


def integers_of(weight: Tensor, scales: Tensor, bits: int = 8) -> Tensor:
    """Weights as steps of these scales: ``int8``, contiguous, in the shape of ``weight``."""
    steps = weight.detach().float() * (1.0 / _across(scales, weight))
    return steps.round_().clamp_(*ends_of(bits)).to(torch.int8).contiguous()


def floats_of(integers: Tensor, scales: Tensor) -> Tensor:
    """Float32 weights that the integers stand for."""
    return integers * _across(scales, integers)


def spread(scales: Tensor, columns: int) -> Tensor:
    """Scales of groups ``[..., groups]`` for each column, ``[..., columns]``."""
    return scales.repeat_interleave(TABLE_GROUP, dim=-1)[..., :columns]


def _across(scales: Tensor, weight: Tensor) -> Tensor:
    """``[outputs, 1, ...]``, or ``[outputs, columns]`` for scales of groups."""
    if scales.dim() > 1:
        return spread(scales, weight.shape[1])
    return scales.view(-1, *[1] * (weight.dim() - 1))
