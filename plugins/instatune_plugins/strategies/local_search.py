"""Local search: measure neighbours of the networks that nothing beats so far.

White et al., "Exploring the loss landscape in neural architecture search", UAI 2021; for several
objectives Pareto local search, Paquete et al., "Pareto local optimum sets in the biobjective
traveling salesman problem", 2004. A step changes one gene. Once all neighbours of the whole front
were measured, a random network is the next start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instatune.interfaces import Problem
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._neighbours import neighbours
from instatune_plugins.strategies._networks import fresh
from instatune_plugins.strategies._searcher import Searcher

if TYPE_CHECKING:
    from instatune_plugins.strategies import LocalSearchConfig


class LocalSearch(Searcher):
    """Each ask takes random members of the front and one random new neighbour of each."""

    config: LocalSearchConfig

    def __init__(
        self, config: LocalSearchConfig, problem: Problem, rng: np.random.Generator
    ) -> None:
        super().__init__(config, problem, rng, first=max(1, min(config.start, problem.budget // 5)))
        self._rng = np.random.default_rng(self.seed)

    def propose(self, limit: int) -> Genotypes:
        """New neighbours of the front; none at a local optimum."""
        front = self.memory.genotypes[self.memory.scores().front()]
        found = front[:0]
        for member in self._turns(len(front)):
            around = self.new(neighbours(self.problem.space, front[[member]]))
            around = self._rng.permutation(
                fresh(np.concatenate([found, around]), set())[len(found) :]
            )
            found = np.concatenate([found, around[:1]])
            if len(found) == min(self.config.batch, limit):
                break
        return found

    def _turns(self, count: int) -> list[int]:
        """Members in random order, again and again where the batch is larger than the front."""
        rounds = -(-self.config.batch // max(count, 1))
        return [int(i) for _ in range(rounds) for i in self._rng.permutation(count)]
