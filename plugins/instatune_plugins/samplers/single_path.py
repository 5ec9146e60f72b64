"""One path: each step trains a single network, every gene of it uniform.

Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020. The
cheapest rule; the largest network is trained only when it happens to be drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.interfaces import Draw, Sampler
from instatune_plugins.samplers._random import random_draws, require_choice

if TYPE_CHECKING:
    import numpy as np

    from instatune.space import SearchSpace


class SinglePath(Sampler):
    """One random network."""

    def draw(
        self, space: SearchSpace, step: int, total_steps: int, rng: np.random.Generator
    ) -> tuple[Draw, ...]:
        """Choose the network of one step; see :meth:`Sampler.draw`."""
        require_choice(space, "single_path")
        return random_draws(space, 1, rng)
