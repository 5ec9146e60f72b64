"""The sandwich rule: train the largest, the smallest and a few random networks in each step.

Yu and Huang, "Universally Slimmable Networks and Improved Training Techniques", ICCV 2019; used for
one-shot search by Yu et al., "BigNAS", ECCV 2020, with two random networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.interfaces import Draw, Sampler
from instatune_plugins.samplers._random import random_draws, require_choice

if TYPE_CHECKING:
    import numpy as np

    from instatune.space import SearchSpace
    from instatune_plugins.samplers import SandwichConfig


class Sandwich(Sampler):
    """``2 + n_random`` networks: largest, smallest, then random ones."""

    config: SandwichConfig

    def draw(
        self, space: SearchSpace, step: int, total_steps: int, rng: np.random.Generator
    ) -> tuple[Draw, ...]:
        """Choose the networks of one step; see :meth:`Sampler.draw`."""
        require_choice(space, "sandwich")
        return (
            Draw(space.largest, "largest"),
            Draw(space.smallest, "smallest"),
            *random_draws(space, self.config.n_random, rng),
        )
