"""Importance by weight and activation: what a unit really sends on.

For the weight W that reads a unit and its input x, the score of an element is ``|W_ij| ||x_j||_2``
with the norm over all tokens of the probe: Sun et al., "A Simple and Effective Pruning Approach for
Large Language Models" (Wanda), ICLR 2024. The score of a unit is the sum over its slice of W. It
needs forward passes only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from instatune.errors import PluginError
from instatune.interfaces import Batch, Ordering, Probe
from instatune_plugins.orderings._model import batches_of, checked, measuring
from instatune_plugins.orderings._units import summed

if TYPE_CHECKING:
    from instatune.space import Anatomy, Cut


class Activation(Ordering):
    """Listens to the inputs of the reading weights; leaves the model as it was."""

    def importance(self, anatomy: Anatomy, probe: Probe) -> Mapping[str, Tensor]:
        """Score all groups: ``[units]`` by name, float32 on the CPU.

        Raises:
            DataError: The probe has no batch.
            TrainingError: A loss is not finite.
            PluginError: The units are not the input of the module that owns the reading weight.
        """
        batches = batches_of(probe, "activation")
        cuts = {cut.tensor: cut for group in anatomy.groups for cut in group.readers}
        ears = {name: _Ear(probe.model, cut) for name, cut in cuts.items()}
        with measuring(probe.model), torch.no_grad(), _listening(ears):
            for index, batch in enumerate(batches):
                for ear in ears.values():
                    ear.batch = batch
                checked(probe.loss(batch), "activation", index)
        values = {name: ear.scores() for name, ear in ears.items()}
        return {group.name: summed(values, group, group.readers) for group in anatomy.groups}


class _Ear:
    """Sums the squares of what comes into the module of one weight, by feature."""

    def __init__(self, model: nn.Module, cut: Cut) -> None:
        owner, _, _ = cut.tensor.rpartition(".")
        self.cut, self.weight = cut, model.get_parameter(cut.tensor)
        self.module = model.get_submodule(owner)
        self.squares: Tensor | None = None
        self.batch: Batch = {}

    def __call__(self, module: nn.Module, arguments: tuple[Any, ...]) -> None:
        """Pre-hook of the module."""
        if not arguments or not isinstance(arguments[0], Tensor):
            return
        x = arguments[0].detach().float()
        axis = 1 if isinstance(module, nn.modules.conv._ConvNd) else x.dim() - 1
        if x.shape[axis] != self.weight.shape[self.cut.axis]:
            raise PluginError(
                f"ordering activation: the input of {type(module).__name__} {self.cut.tensor!r} "
                f"has {x.shape[axis]} features, the weight reads "
                f"{self.weight.shape[self.cut.axis]}; order by l1 or taylor"
            )
        rows = self._without_padding(x.movedim(axis, -1))
        squares = rows.square().sum(dim=0)
        self.squares = squares if self.squares is None else self.squares + squares

    def scores(self) -> Tensor:
        """``|W_ij| ||x_j||`` in the shape of the weight."""
        if self.squares is None:
            raise PluginError(
                f"ordering activation: the module of {self.cut.tensor!r} was not called by the "
                "forward pass; order by l1 or taylor"
            )
        shape = [1] * self.weight.dim()
        shape[self.cut.axis] = -1
        return self.weight.detach().float().abs() * self.squares.sqrt().view(shape)

    def _without_padding(self, x: Tensor) -> Tensor:
        """``[positions, features]``; what the batch masks is left out where shapes agree."""
        mask = self.batch.get("attention_mask")
        mask = None if mask is None else mask.flatten(0, -2)  # choices of an example are rows
        if mask is not None and x.shape[:-1] == mask.shape:
            return x[mask.bool()]
        return x.reshape(-1, x.shape[-1])


@contextmanager
def _listening(ears: Mapping[str, _Ear]) -> Iterator[None]:
    """Put the hooks up, and take them down whatever happens."""
    handles = [ear.module.register_forward_pre_hook(ear) for ear in ears.values()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
