"""Reading weights unit by unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from instatune.errors import PluginError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from instatune.space import Anatomy, Cut, Group


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


def summed(values: Mapping[str, Tensor], group: Group, cuts: tuple[Cut, ...]) -> Tensor:
    """Sum of all values that belong to each unit, ``[units]`` in float32 on the CPU.

    Args:
        values: By name of the tensor; tensors that are missing count nothing.
        group: The units.
        cuts: Where to look.
    """
    parts = [
        per_unit(values[cut.tensor], cut, group.units).float().sum(dim=1)
        for cut in cuts
        if cut.tensor in values
    ]
    total: Tensor = sum(parts[1:], parts[0])
    return total.cpu()


def from_reading_weights(
    anatomy: Anatomy, model: nn.Module, score: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """Sum a score of each element over the weights that read a unit: ``[units]`` by group."""
    names = sorted({cut.tensor for group in anatomy.groups for cut in group.readers})
    values = {name: score(model.get_parameter(name).detach().float()) for name in names}
    return {group.name: summed(values, group, group.readers) for group in anatomy.groups}
