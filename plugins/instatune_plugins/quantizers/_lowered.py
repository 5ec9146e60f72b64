"""Weights on the grids of their bits."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from torch import Tensor

from instatune_plugins.quantizers._grid import floats_of, integers_of, scales_of
from instatune_plugins.quantizers._narrow import SHARES, narrow_scales_of


@attrs.frozen(eq=False)
class Lowered:
    """A weight of 4 or 8 bits.

    Attributes:
        integers: ``[outputs, ...]``, int8 whatever the bits, contiguous.
        scales: ``[outputs]``, or ``[outputs, groups]`` of a look-up table of 4 bits.
        bits: Of the grid.
    """

    integers: Tensor
    scales: Tensor
    bits: int

    @property
    def floats(self) -> Tensor:
        """Float32 weights that the integers stand for."""
        return floats_of(self.integers, self.scales)


def lowered(weight: Tensor, bits: int, *, table: bool, shares: Sequence[float] = SHARES) -> Lowered:
    """Round a weight; ``table`` and ``shares`` matter at 4 bits, see :mod:`._narrow`."""
    if bits == 8:
        scales = scales_of(weight)
    else:
        scales = narrow_scales_of(weight, table=table, shares=shares)
    return Lowered(integers_of(weight, scales, bits), scales, bits)
