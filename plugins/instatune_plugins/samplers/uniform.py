"""The paper's rule: train the largest network and M random ones in each step.

InstaTune (arXiv 2308.15609) draws every gene uniformly and uses M = 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.interfaces import Draw, Sampler
from instatune_plugins.samplers._random import random_draws, require_choice

if TYPE_CHECKING:
    import numpy as np

    from instatune.space import SearchSpace
    from instatune_plugins.samplers import UniformConfig


class Uniform(Sampler):
    """``1 + n_random`` networks, largest first."""

    config: UniformConfig

    def draw(
        self, space: SearchSpace, step: int, total_steps: int, rng: np.random.Generator
    ) -> tuple[Draw, ...]:
        """Choose the networks of one step; see :meth:`Sampler.draw`."""
        require_choice(space, "uniform")
        return (
            Draw(space.largest, "largest"),
            *random_draws(space, self.config.n_random, rng),
        )
