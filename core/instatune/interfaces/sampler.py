"""Sampler: which sub-networks are trained in a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from instatune.space import Architecture, SearchSpace
    from instatune.space.search_space import Genotypes

Role: TypeAlias = Literal["largest", "sampled", "smallest"]


@attrs.frozen
class Draw:
    """One network of a training step and the part that it plays."""

    architecture: Architecture
    role: Role


@attrs.frozen(kw_only=True)
class Gauge:
    """What a sampler may ask about networks before it chooses.

    Attributes:
        macs: Exact MACs ``[rows]`` of genotypes ``[rows, genes]``; cheap.
        loss: Task loss of a network on the batch of this step, without dropout or gradients; costs
            a forward pass.
    """

    macs: Callable[[Genotypes], NDArray[np.float64]]
    loss: Callable[[Architecture], float]


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

    def draw_with(
        self,
        gauge: Gauge,
        space: SearchSpace,
        step: int,
        total_steps: int,
        rng: np.random.Generator,
    ) -> tuple[Draw, ...]:
        """Choose the networks of one optimiser step with a look at their cost or loss.

        This is what core calls. The default leaves the gauge alone and calls :meth:`draw`; a rule
        that cannot do without it overrides both, and lets ``draw`` raise :class:`PluginError`.

        Args:
            gauge: Measures candidates.
            space: As for :meth:`draw`, like everything else.
            step: From 0.
            total_steps: Length of the training.
            rng: The only source of randomness.
        """
        return self.draw(space, step, total_steps, rng)
