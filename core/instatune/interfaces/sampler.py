"""Sampler: which sub-networks are trained in a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    import numpy as np

    from instatune.space import Architecture, SearchSpace

Role: TypeAlias = Literal["largest", "sampled", "smallest"]


@attrs.frozen
class Draw:
    """One network of a training step and the part that it plays."""

    architecture: Architecture
    role: Role


class Sampler(ABC):
    """Chooses the networks of each step. Stateless: same step and generator, same draws."""

    def __init__(self, config: Any = None) -> None:
        """Take the settings of the entry's ``config`` class."""
        self.config = config

    @abstractmethod
    def draw(
        self, space: SearchSpace, step: int, total_steps: int, rng: np.random.Generator
    ) -> tuple[Draw, ...]:
        """Choose the networks of one optimiser step.

        Args:
            space: Where to draw from.
            step: From 0.
            total_steps: Length of the training.
            rng: The only source of randomness.

        Returns:
            In the order of training. If the largest network is among them it comes first: it
            teaches the others.

        Raises:
            SpaceError: The space is too small for this rule.
        """
