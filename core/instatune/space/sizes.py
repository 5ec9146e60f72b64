"""Sizes of tensors as products of kept units: what exact counts are made of."""

from __future__ import annotations

from collections import defaultdict
from math import prod

from instatune.space.anatomy import Anatomy, Cut, Group
from instatune.space.polynomial import Term


class Sizes:
    """Knows the cuts and the shape of each tensor of an anatomy, buffers included."""

    def __init__(self, anatomy: Anatomy) -> None:
        """Look up the cuts of each tensor once."""
        buffers = {name: buffer.shape for name, buffer in anatomy.buffers.items()}
        self.anatomy = anatomy
        self.shapes = {**buffers, **anatomy.shapes}
        self.cuts: defaultdict[str, dict[int, tuple[Group, Cut]]] = defaultdict(dict)
        for group in anatomy.groups:
            for cut in group.cuts:
                self.cuts[cut.tensor][cut.axis] = (group, cut)

    def term(self, tensor: str, factor: int = 1) -> Term:
        """``factor`` times the number of elements of a tensor."""
        return self._term(tensor, tuple(range(len(self.shapes[tensor]))), factor)

    def along(self, tensor: str, axis: int, factor: int = 1) -> Term:
        """``factor`` times the length of an axis; 0 where the layer of the tensor is dropped."""
        return self._term(tensor, (axis,), factor)

    def _term(self, tensor: str, axes: tuple[int, ...], factor: int) -> Term:
        shape, cuts = self.shapes[tensor], self.cuts.get(tensor, {})
        cut_here = [cuts[axis] for axis in axes if axis in cuts]
        fixed = [shape[axis] for axis in axes if axis not in cuts]
        per_unit = [cut.blocks * cut.unit for _, cut in cut_here]
        return Term(
            factor * prod(fixed) * prod(per_unit),
            tuple(group.name for group, _ in cut_here),
            self.anatomy.stack_of(tensor),
        )


def home_of(group: Group) -> tuple[str, int] | None:
    """Stack and layer of a group, None outside of stacks."""
    if group.stack is None or group.layer is None:
        return None
    return group.stack, group.layer
