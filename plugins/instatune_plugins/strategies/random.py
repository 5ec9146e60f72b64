"""Random search: the baseline that a search must beat at equal budget.

Li & Talwalkar, "Random search and reproducibility for neural architecture search", UAI 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instatune.interfaces import Problem
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._searcher import Searcher

if TYPE_CHECKING:
    from instatune_plugins.strategies import RandomConfig


class Random(Searcher):
    """Asks for distinct feasible networks until there are none left."""

    config: RandomConfig

    def __init__(self, config: RandomConfig, problem: Problem, rng: np.random.Generator) -> None:
        super().__init__(config, problem, rng, first=problem.budget)

    def propose(self, limit: int) -> Genotypes:
        """Draw ``limit`` new networks, fewer if no more are left."""
        return self.source.take(limit, self.memory.known)
