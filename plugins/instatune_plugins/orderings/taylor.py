"""Importance by gate gradient: how fast the loss moves when a unit is switched off.

Put a gate xi = 1 behind each unit. The weight W that reads the unit sees ``xi * unit``, so gating
the unit and gating its slice of W are the same, and by the chain rule::

    dL/dxi_u = sum over the slice of unit u of  W * dL/dW

The importance of u is the sum over batches of ``|dL/dxi_u|``: Michel et al., "Are Sixteen Heads
Really Better than One?", NeurIPS 2019, equation 3, with batches in place of single examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from instatune.errors import TrainingError
from instatune.interfaces import Ordering, Probe
from instatune_plugins.orderings._model import batches_of, measuring
from instatune_plugins.orderings._units import summed

if TYPE_CHECKING:
    from torch import Tensor, nn

    from instatune.space import Anatomy


class Taylor(Ordering):
    """Accumulates ``|dL/dgate|`` over the probe's batches; leaves the model as it was."""

    def importance(self, anatomy: Anatomy, probe: Probe) -> Mapping[str, Tensor]:
        """Score all groups: ``[units]`` by name, float32 on the CPU.

        Raises:
            DataError: The probe has no batch.
            TrainingError: A loss or gradient is not finite.
        """
        batches = batches_of(probe, "taylor")
        names = sorted({cut.tensor for group in anatomy.groups for cut in group.readers})
        weights = {name: probe.model.get_parameter(name) for name in names}
        scores = {group.name: torch.zeros(group.units) for group in anatomy.groups}
        with measuring(probe.model, tuple(weights.values())):
            for index, batch in enumerate(batches):
                products = _weight_times_gradient(probe.loss(batch), weights, index)
                for group in anatomy.groups:
                    scores[group.name] += summed(products, group, group.readers).abs()
        return scores


def _weight_times_gradient(
    loss: Tensor, weights: Mapping[str, nn.Parameter], index: int
) -> dict[str, Tensor]:
    """``W * dL/dW`` in float32 for each weight; nothing is added to ``.grad``."""
    gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    products = {}
    for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
        # A weight that the loss never reads has no gradient: its units do not matter.
        used = torch.zeros_like(weight) if gradient is None else gradient
        products[name] = weight.detach().float() * used.float()
        if not torch.isfinite(products[name]).all():
            raise TrainingError(
                f"ordering taylor: gradient of {name} is not finite on batch {index} "
                f"(loss {float(loss.detach())}); check the teacher, or order by l1"
            )
    return products
