"""Dimension: something that becomes elastic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from instatune.space import Anatomy, Automatic, Gene, Stack

Damage: TypeAlias = "Callable[[tuple[int, ...]], float]"
"""Loss of the model with only these layers kept, on a fixed probe of training examples."""


class Dimension(ABC):
    """Turns settings into genes. Its module must be light: ``check`` imports it without torch."""

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

    @abstractmethod
    def genes(self, anatomy: Anatomy) -> tuple[Gene, ...]:
        """Make the genes for one model.

        The largest choice of each gene must be what the full model has: the super-network is the
        model itself.

        Raises:
            SpaceError: A value that the model cannot have; ``path`` points into the settings.
        """

    @property
    def automatic(self) -> Automatic | None:
        """What the values of its width genes shall be read off importance by. Default: nothing.

        Where it is given, the choices that ``genes`` makes stand in for the final ones until the
        units are ordered.
        """
        return None

    @property
    def needs_probe(self) -> bool:
        """Whether ``priority`` calls ``damage``, which costs forward passes. Default: no."""
        return False

    def priority(self, stack: Stack, damage: Damage) -> tuple[int, ...]:
        """Order the layers of a stack from the last to be dropped to the first.

        Asked of dimensions whose entry has ``effect="depth"``. Layers that the stack requires must
        come first. The default is the paper's: keep the first layers.
        """
        return stack.first_layers
