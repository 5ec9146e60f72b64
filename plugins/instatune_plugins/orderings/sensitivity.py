"""Importance by gates that are learned: what the task pays for survives a constant pull to zero.

Kundu et al., "Sensi-BERT: Towards Sensitivity Driven Fine-Tuning for Parameter-Efficient BERT",
2023, in our reading: a gate m = 1 on each unit, trained together with the weights for a short while
under ``L + λ Σ |m|``. The pull λ is the same for all, so gates of units that the loss does
not miss shrink. The importance of a unit is ``|m|``, averaged over the steps: gates that end at 0
are told apart by when they got there.

The weight W that reads the unit sees ``m * unit``, so the gate stands on its slice of W.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from instatune.interfaces import Ordering, Probe
from instatune_plugins.orderings._model import batches_of, checked, on_a_copy, stepped

if TYPE_CHECKING:
    from instatune.space import Anatomy, Cut
    from instatune_plugins.orderings import SensitivityConfig

Gates = Mapping[str, Tensor]


class Sensitivity(Ordering):
    """Trains gates and weights for a few steps and then puts the weights back."""

    config: SensitivityConfig

    def importance(self, anatomy: Anatomy, probe: Probe) -> Mapping[str, Tensor]:
        """Score all groups: ``[units]`` by name, float32 on the CPU.

        Raises:
            DataError: The probe has no batch.
            TrainingError: A loss is not finite.
        """
        batches = batches_of(probe, "sensitivity")
        gates = _gates(anatomy, probe.model)
        weights = list(probe.model.parameters())
        leaves: list[Tensor] = [*weights, *gates.values()]
        optimiser = torch.optim.AdamW(
            [
                {"params": weights, "lr": self.config.lr},
                {"params": list(gates.values()), "lr": self.config.gate_lr},
            ],
            weight_decay=0.0,
        )
        steps = self.config.epochs * len(batches)
        means = {name: torch.zeros_like(gate, device="cpu") for name, gate in gates.items()}
        with on_a_copy(probe.model):
            for step in range(steps):
                index = step % len(batches)
                with _gated(anatomy, probe.model, gates):
                    loss = checked(probe.loss(batches[index]), "sensitivity", index)
                pull = torch.stack([gate.abs().sum() for gate in gates.values()]).sum()
                whole = loss + self.config.penalty * pull
                stepped(optimiser, leaves, torch.autograd.grad(whole, leaves, allow_unused=True))
                for name, gate in gates.items():
                    means[name] += gate.detach().abs().cpu() / steps
        return {name: mean.float() for name, mean in means.items()}


def _gates(anatomy: Anatomy, model: nn.Module) -> dict[str, Tensor]:
    """A gate at 1 for each unit, in the type and place of the weight that reads it."""
    gates = {}
    for group in anatomy.groups:
        weight = model.get_parameter(group.outgoing.tensor)
        gates[group.name] = weight.new_ones(group.units).requires_grad_(True)
    return gates


@contextmanager
def _gated(anatomy: Anatomy, model: nn.Module, gates: Gates) -> Iterator[None]:
    """Let the modules compute with gated weights; gradients reach both factors."""
    places: dict[str, tuple[dict[str, nn.Parameter | None], str, nn.Parameter]] = {}
    products: dict[str, Tensor] = {}
    for group in anatomy.groups:
        for cut in group.readers:
            owner, _, key = cut.tensor.rpartition(".")
            weight = model.get_parameter(cut.tensor)
            places[cut.tensor] = (model.get_submodule(owner)._parameters, key, weight)
            seen = products.get(cut.tensor, weight)
            products[cut.tensor] = seen * _along(gates[group.name], cut, weight.dim())
    try:
        for name, (home, key, _) in places.items():
            home[key] = products[name]  # type: ignore[assignment]
        yield
    finally:
        for home, key, weight in places.values():
            home[key] = weight


def _along(gate: Tensor, cut: Cut, dimensions: int) -> Tensor:
    """A gate ``[units]`` spread over the axis of a cut, for multiplying with its tensor."""
    shape = [1] * dimensions
    shape[cut.axis] = -1
    return gate.repeat_interleave(cut.unit).repeat(cut.blocks).view(shape)
