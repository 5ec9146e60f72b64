"""Elastic depth: how many layers of a stack are kept, and which of them go first.

``first`` is InstaTune's rule (arXiv 2308.15609): keep the first d layers. ``every_other`` drops
evenly, as Fan et al., "Reducing Transformer Depth on Demand with Structured Dropout" (LayerDrop),
ICLR 2020, do. ``ranked`` removes layers greedily by the loss on a probe, as in Sajjad et al., "On
the Effect of Dropping Layers of Pre-trained Transformer Models", 2023, but with a measured
criterion.
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
        """Make one gene for each stack that has choices; see :meth:`Dimension.genes`."""
        if not anatomy.stacks:
            raise SpaceError(f"a model of the family {anatomy.family!r} has no layers to drop")
        self._check_names(anatomy)
        alone = len(anatomy.stacks) == 1
        alike = len({stack.layers for stack in anatomy.stacks}) == 1
        return tuple(
            Gene(
                name="depth" if alone else f"depth.{stack.name}",
                choices=self._choices(
                    stack, "the model" if alone else f"stack {stack.name!r}", merges=not alike
                ),
                effect="depth",
                targets=(stack.name,),
            )
            for stack in anatomy.stacks
            if self._elastic(stack)
        )

    @property
    def needs_probe(self) -> bool:
        """Only ``drop: ranked`` measures damage."""
        return self.config.drop == "ranked"

    def priority(self, stack: Stack, damage: Damage) -> tuple[int, ...]:
        """Order layers from the last to be dropped to the first; see :meth:`Dimension.priority`.

        ``ranked`` costs at most ``sum(d + 1 .. layers)`` calls of ``damage``, where d is the
        smallest choice: layers that are never dropped need no rank and keep their order.
        """
        if self.config.drop == "ranked" and self._elastic(stack):
            return self._ranked(stack, damage)
        if self.config.drop == "every_other":
            return stack.required_first(_evenly(stack.layers))
        return super().priority(stack, damage)

    def _ranked(self, stack: Stack, damage: Damage) -> tuple[int, ...]:
        kept, dropped = list(stack.first_layers), []
        while len(kept) > self._choices(stack, merges=True)[0]:
            loser = _least_missed(tuple(sorted(kept)), stack.required, damage)
            kept.remove(loser)
            dropped.append(loser)
        return (*kept, *reversed(dropped))

    def _elastic(self, stack: Stack) -> bool:
        """Stacks that are not named stay whole where only named ones have choices."""
        named = self.config.stacks or {}
        return bool(stack.name in named or not named or self.config.choices or self.config.ratio)

    def _choices(
        self, stack: Stack, owner: str = "the model", *, merges: bool = False
    ) -> tuple[int, ...]:
        named = self.config.stacks or {}
        if stack.name in named:
            own = Choices(
                counts=named[stack.name], ratio=(), noun="layers", key=("stacks", stack.name)
            )
            return own.of(stack.layers, owner, stack.fewest)
        settings = Choices(
            counts=self.config.choices, ratio=self.config.ratio, noun="layers", merges=merges
        )
        return settings.of(stack.layers, owner, stack.fewest)

    def _check_names(self, anatomy: Anatomy) -> None:
        names = [stack.name for stack in anatomy.stacks]
        for name in self.config.stacks or {}:
            if name not in names:
                raise SpaceError(
                    f"the model has no stack {name!r}; it has {', '.join(map(repr, names))}",
                    ("stacks", name),
                )


def _least_missed(kept: tuple[int, ...], required: tuple[int, ...], damage: Damage) -> int:
    """Layer whose removal leaves the smallest loss; of equals the last, as the paper drops it."""

    def loss_without(layer: int) -> tuple[float, int]:
        loss = damage(tuple(other for other in kept if other != layer))
        # NaN compares false with everything and would win or lose by accident.
        return (inf if isnan(loss) else loss, -layer)

    return min((layer for layer in kept if layer not in required), key=loss_without)


def _evenly(layers: int) -> tuple[int, ...]:
    """Order of layers in which those that stay are spread evenly at each depth.

    Layers 1, 3, 5, ... go first, so that half of the depth keeps every other layer; then 2, 6, 10,
    ... and so on, each time with twice the step; layer 0 stays longest. Gaps between kept layers
    are therefore of at most two lengths, one twice the other. Of one round the layers go in
    bit-reversed order from the end (van der Corput, 1935), so that a part of a round is even too.
    """
    dropped: list[int] = []
    step = 1
    while step < layers:
        round_ = range(step, layers, 2 * step)
        dropped += [round_[-1 - place] for place in _bit_reversed(len(round_))]
        step *= 2
    return (0, *reversed(dropped))


def _bit_reversed(count: int) -> list[int]:
    """The numbers below ``count`` by the value of their bits read backwards, e.g. 0 2 1 3."""
    bits = (count - 1).bit_length()
    return sorted(range(count), key=lambda n: int(format(n, f"0{bits}b")[::-1], 2) if bits else 0)
