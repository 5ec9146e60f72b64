"""WeakNAS: measure a few of the networks that a weak predictor ranks first, then refit it.

Wu et al., "Stronger NAS with weaker predictors", NeurIPS 2021. Each loop draws from the best of a
pool of unmeasured networks instead of taking the very best, so that errors of the predictor are not
followed too far. With several objectives the best are those on the first fronts of the pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instatune.interfaces import Problem
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._landscape import Landscape
from instatune_plugins.strategies._learner import Learner
from instatune_plugins.strategies._networks import all_networks
from instatune_plugins.strategies._searcher import scaled

if TYPE_CHECKING:
    from instatune_plugins.strategies import WeakNasConfig


class WeakNas(Learner):
    """Draws uniformly from the head of a predicted ranking."""

    config: WeakNasConfig

    def __init__(self, config: WeakNasConfig, problem: Problem, rng: np.random.Generator) -> None:
        super().__init__(config, problem, rng, first=scaled(config.start, problem))

    def choose(self, landscape: Landscape, limit: int) -> Genotypes:
        """Some of the networks that look best, filled up with random ones at the space's end."""
        pool = self._pool()
        head = pool[landscape(pool).order()[: self.config.top]] if len(pool) else pool
        return self.filled(self.generator().permutation(head), min(self.config.batch, limit))

    def _pool(self) -> Genotypes:
        """New feasible networks: a small space as a whole, else random ones."""
        space, count = self.problem.space, self.config.pool
        if space.size <= count:
            return self.new(all_networks(space))
        return self.new(self.source.draw(count))
