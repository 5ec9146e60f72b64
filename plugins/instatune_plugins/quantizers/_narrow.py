"""Scales of 4-bit weights.

With 16 steps it matters where the grid ends: a grid that cuts the largest weights off has finer
steps for all others. The end with the smallest squared error is searched for, by trying shares of
the largest weight, as is common for few bits: Banner et al., "Post training 4-bit quantization of
convolutional networks for rapid-deployment", NeurIPS 2019, arXiv 1810.05723; Sakr et al., "Optimal
Clipping and Magnitude-aware Differentiation for Improved Quantization-aware Training", ICML 2022,
arXiv 2206.06501.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from instatune.space.storage import TABLE_GROUP
from instatune_plugins.quantizers._grid import SMALLEST, ends_of

SHARES = tuple(tenths / 10 for tenths in range(10, 2, -1))
"""Ends of the grid to try, as shares of the largest weight."""

_BITS = 4
_AT_ONCE = 2**22  # elements: some copies of them are held in memory


def narrow_scales_of(weight: Tensor, *, table: bool, shares: Sequence[float] = SHARES) -> Tensor:
    """Width of a step, float32: for each output, or for groups of columns of a look-up table.

    Args:
        weight: ``[outputs, ...]``.
        table: Whether to group: ``[outputs, ceil(columns / TABLE_GROUP)]``, else ``[outputs]``.
        shares: Ends to try, not empty; the first of equals is taken.
    """
    # One layout, so that slices of larger weights are added up in the same order as their copies.
    flat = weight.detach().float().flatten(1).contiguous()
    groups = _grouped(flat) if table else flat
    blocks = torch.split(groups, max(1, _AT_ONCE // groups.shape[1]))
    best = torch.cat([_best(block, shares) for block in blocks])
    return best.view(len(flat), -1) if table else best


def _grouped(flat: Tensor) -> Tensor:
    """``[outputs * groups, TABLE_GROUP]``; what a last group lacks is 0 and adds no error."""
    missing = -flat.shape[1] % TABLE_GROUP
    return functional.pad(flat, (0, missing)).view(-1, TABLE_GROUP)


def _best(rows: Tensor, shares: Sequence[float]) -> Tensor:
    """Scale of each of ``rows [rows, columns]`` with the smallest sum of squared errors."""
    least, most = ends_of(_BITS)
    widest = rows.abs().amax(dim=1, keepdim=True).div(most + 0.5).clamp(min=SMALLEST)
    best, lowest = widest, torch.full_like(widest, torch.inf)
    for share in shares:
        scales = (widest * share).clamp(min=SMALLEST)
        steps = (rows * (1.0 / scales)).round_().clamp_(least, most)
        error = steps.mul_(scales).sub_(rows).square_().sum(dim=1, keepdim=True)
        best = torch.where(error < lowest, scales, best)
        lowest = torch.minimum(error, lowest)
    return best[:, 0]
