"""Importance by movement: do the weights of a unit grow while the model is fine-tuned?

Sanh et al., "Movement Pruning: Adaptive Sparsity by Fine-Tuning", NeurIPS 2020: along a training
the score of a weight is ``S = - sum over steps of lr * w * dL/dw``. It rises when the loss
pushes the weight away from zero. The score of a unit is the sum over all of its weights, as in
Munoz et al., "EFTNAS: Searching for Efficient Language Models in First-Order Weight-Reordered
Super-Networks", 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from instatune.interfaces import Ordering, Probe
from instatune_plugins.orderings._model import batches_of, checked, on_a_copy, stepped
from instatune_plugins.orderings._units import summed

if TYPE_CHECKING:
    from torch import Tensor

    from instatune.space import Anatomy
    from instatune_plugins.orderings import MovementConfig


class Movement(Ordering):
    """Fine-tunes for a few steps and then puts the weights back."""

    config: MovementConfig

    def importance(self, anatomy: Anatomy, probe: Probe) -> Mapping[str, Tensor]:
        """Score all groups: ``[units]`` by name, float32 on the CPU.

        Raises:
            DataError: The probe has no batch.
            TrainingError: A loss is not finite.
        """
        batches = batches_of(probe, "movement")
        parameters = dict(probe.model.named_parameters(remove_duplicate=False))
        names = {cut.tensor for group in anatomy.groups for cut in group.cuts} & parameters.keys()
        moved = {name: torch.zeros_like(parameters[name]) for name in sorted(names)}
        with on_a_copy(probe.model):
            leaves = list(probe.model.parameters())
            optimiser = torch.optim.AdamW(leaves, lr=self.config.lr, weight_decay=0.0)
            for step in range(self.config.epochs * len(batches)):
                index = step % len(batches)
                loss = checked(probe.loss(batches[index]), "movement", index)
                gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
                by_leaf = dict(zip(map(id, leaves), gradients, strict=True))
                for name, total in moved.items():
                    gradient = by_leaf[id(parameters[name])]
                    if gradient is not None:
                        total -= self.config.lr * parameters[name].detach() * gradient
                stepped(optimiser, leaves, gradients)
        return {group.name: summed(moved, group, group.cuts) for group in anatomy.groups}
