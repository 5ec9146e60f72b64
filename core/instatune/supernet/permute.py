"""Function-preserving permutation: bring the units of a group into an order of importance.

Heads of one layer and neurons of one FFN are interchangeable: permuting a unit's rows in all that
writes it and its columns in what reads it leaves the function as it is (used so by Once-for-All,
Cai et al., ICLR 2020). Slices keep the first units, so the order decides which ones they are.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from instatune.errors import SpaceError, TrainingError
from instatune.space import Anatomy, Group
from instatune.supernet.cutting import positions
from instatune.supernet.surgery import named_tensors


def ranking(importance: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Sort units, the most important first; equal ones keep their order.

    Args:
        importance: ``[units]`` by group.

    Returns:
        Old indices ``[units]`` by group, for :func:`apply`.

    Raises:
        TrainingError: An importance that is not a number, as gradients of a broken model are.
    """
    for name, values in importance.items():
        if bool(torch.isnan(values).any()):
            raise TrainingError(
                f"importance of {name} is not a number; the model that it was measured on is broken"
            )
    return {
        name: torch.argsort(values, descending=True, stable=True)
        for name, values in importance.items()
    }


def apply(model: nn.Module, anatomy: Anatomy, order: Mapping[str, Tensor]) -> None:
    """Permute units in place, in all the tensors that they occupy; the function stays.

    Args:
        model: Full-size model that the anatomy fits.
        anatomy: Where the units are.
        order: For each group to change ``[units]``: the old index of the unit that comes to each
            place. Groups that are left out stay.

    Raises:
        SpaceError: An unknown group, or an order that is not a permutation of its units. The model
            is then as it was.
    """
    groups = {group.name: group for group in anatomy.groups}
    for name, indices in order.items():
        if name not in groups:
            raise SpaceError(f"order of {name!r}: no such group; there are {sorted(groups)}")
        _check(groups[name], indices)
    for name, indices in order.items():
        _permute(model, groups[name], indices)


def _check(group: Group, indices: Tensor) -> None:
    want = list(range(group.units))
    if indices.dim() != 1 or sorted(indices.tolist()) != want:
        raise SpaceError(
            f"order of {group.name!r} must hold each of 0 to {group.units - 1} once, "
            f"not {indices.tolist()}"
        )


@torch.no_grad()
def _permute(model: nn.Module, group: Group, indices: Tensor) -> None:
    tensors = named_tensors(model)
    done: set[tuple[int, int]] = set()  # a tied tensor has several names but turns once
    for cut in group.cuts:
        tensor = tensors[cut.tensor]
        if (id(tensor), cut.axis) not in done:
            done.add((id(tensor), cut.axis))
            index = positions(cut, indices.to(tensor.device))
            tensor.copy_(tensor.index_select(cut.axis, index))
