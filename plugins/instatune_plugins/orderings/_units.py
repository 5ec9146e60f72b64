"""Reading a weight unit by unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.errors import PluginError

if TYPE_CHECKING:
    from torch import Tensor

    from instatune.space import Cut


def per_unit(tensor: Tensor, cut: Cut, units: int) -> Tensor:
    """Gather all elements of each unit along a cut.

    Args:
        tensor: Any shape; axis ``cut.axis`` has length ``blocks * units * unit``.
        cut: Where the units lie.
        units: How many there are.

    Returns:
        ``[units, elements of one unit]``.

    Raises:
        PluginError: The axis has another length: the adapter described the model wrongly.
    """
    length, expected = tensor.shape[cut.axis], cut.blocks * units * cut.unit
    if length != expected:
        raise PluginError(
            f"{cut.tensor}: axis {cut.axis} has length {length}, but the adapter describes "
            f"{cut.blocks} x {units} x {cut.unit} = {expected}; mend the anatomy of the adapter"
        )
    moved = tensor.movedim(cut.axis, 0)  # [blocks * units * unit, ...]
    blocks = moved.reshape(cut.blocks, units, cut.unit, -1)
    return blocks.transpose(0, 1).reshape(units, -1)
