"""What keeping the first k units does to one tensor: its slice, its mask, its re-ordering.

A cut reads an axis of length ``blocks * units * unit`` as ``[blocks, units, unit]``
(:class:`instatune.space.Cut`), so all three are index arithmetic on that one picture.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import torch
from torch import Tensor

from instatune.space import Cut


@attrs.frozen
class Share:
    """What stays of one cut.

    Attributes:
        cut: The place.
        units: Units of the group in the full model.
        kept: Units that stay, the first ones.
    """

    cut: Cut
    units: int
    kept: int


def sliced(tensor: Tensor, shares: Iterable[Share]) -> Tensor:
    """Keep the first units along every cut.

    A cut of one block gives a view: no memory moves. With several blocks the kept runs do not lie
    evenly, so a copy is made; gradients flow through both.

    Args:
        tensor: In its full shape.
        shares: Cuts on distinct axes.

    Returns:
        Of the same number of dimensions; the tensor itself if all is kept.
    """
    for share in shares:
        if share.kept == share.units:
            continue
        axis, length = share.cut.axis, share.kept * share.cut.unit
        if share.cut.blocks == 1:
            tensor = tensor.narrow(axis, 0, length)
        else:  # [.., blocks, units * unit, ..] -> [.., blocks * kept * unit, ..]
            before, after = tensor.shape[:axis], tensor.shape[axis + 1 :]
            runs = tensor.view(*before, share.cut.blocks, share.units * share.cut.unit, *after)
            tensor = runs.narrow(axis + 1, 0, length).flatten(axis, axis + 1)
    return tensor


def masked(tensor: Tensor, shares: Iterable[Share]) -> Tensor:
    """Zero all units but the first, in the full shape; arguments as :func:`sliced`."""
    for share in shares:
        if share.kept < share.units:
            units = torch.arange(share.units, device=tensor.device) < share.kept
            along = units.repeat_interleave(share.cut.unit).repeat(share.cut.blocks)
            shape = [1] * tensor.dim()
            shape[share.cut.axis] = len(along)
            tensor = tensor * along.view(shape).to(tensor.dtype)
    return tensor


def positions(cut: Cut, order: Tensor) -> Tensor:
    """Indices along the axis of a cut that bring its units into a new order.

    Args:
        cut: The place.
        order: ``[units]``, the old unit that each new place gets.

    Returns:
        ``[blocks * units * unit]``, int64, on the device of ``order``.
    """
    device, units = order.device, len(order)
    block = torch.arange(cut.blocks, device=device)[:, None, None] * (units * cut.unit)
    unit = order.long()[None, :, None] * cut.unit
    inner = torch.arange(cut.unit, device=device)[None, None, :]
    return (block + unit + inner).flatten()  # [blocks, units, unit] -> one axis
