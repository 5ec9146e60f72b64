"""Elastic depth: how many layers of a stack are kept, and which of them go first.

``first`` is InstaTune's rule (arXiv 2308.15609): keep the first d layers. ``ranked`` removes layers
greedily by the loss on a probe, as in Sajjad et al., "On the Effect of Dropping Layers of
Pre-trained Transformer Models", 2023, but with a measured criterion.
"""

from __future__ import annotations

from math import inf, isnan
from typing import TYPE_CHECKING

from instatune.errors import SpaceError
from instatune.interfaces.dimension import Damage, Dimension
from instatune.space import Gene
from instatune_plugins.dimensions._choices import Choices

if TYPE_CHECKING:
    from instatune.space import Anatomy, Stack
    from instatune_plugins.dimensions import DepthConfig


class Depth(Dimension):
    """One gene for each stack: ``depth``, or ``depth.<stack>`` where there are several stacks."""

    config: DepthConfig

    def genes(self, anatomy: Anatomy) -> tuple[Gene, ...]:
        """Make one gene for each stack; see :meth:`Dimension.genes`."""
        if not anatomy.stacks:
            raise SpaceError(f"a model of the family {anatomy.family!r} has no layers to drop")
        alone = len(anatomy.stacks) == 1
        return tuple(
            Gene(
                name="depth" if alone else f"depth.{stack.name}",
                choices=self._choices(stack, "the model" if alone else f"stack {stack.name!r}"),
                effect="depth",
                targets=(stack.name,),
            )
            for stack in anatomy.stacks
        )

    @property
    def needs_probe(self) -> bool:
        """Only ``drop: ranked`` measures damage."""
        return self.config.drop == "ranked"

    def priority(self, stack: Stack, damage: Damage) -> tuple[int, ...]:
        """Order layers from the last to be dropped to the first; see :meth:`Dimension.priority`.

        ``ranked`` costs ``sum(d + 1 .. layers)`` calls of ``damage``, where d is the smallest
        choice: layers that are never dropped need no rank and keep their order.
        """
        if self.config.drop == "first":
            return super().priority(stack, damage)
        kept, dropped = list(range(stack.layers)), []
        while len(kept) > self._choices(stack)[0]:
            loser = _least_missed(tuple(kept), damage)
            kept.remove(loser)
            dropped.append(loser)
        return (*kept, *reversed(dropped))

    def _choices(self, stack: Stack, owner: str = "the model") -> tuple[int, ...]:
        settings = Choices(counts=self.config.choices, ratio=self.config.ratio, noun="layers")
        return settings.of(stack.layers, owner)


def _least_missed(kept: tuple[int, ...], damage: Damage) -> int:
    """Layer whose removal leaves the smallest loss; of equals the last, as the paper drops it."""

    def loss_without(layer: int) -> tuple[float, int]:
        loss = damage(tuple(other for other in kept if other != layer))
        # NaN compares false with everything and would win or lose by accident.
        return (inf if isnan(loss) else loss, -layer)

    return min(kept, key=loss_without)
