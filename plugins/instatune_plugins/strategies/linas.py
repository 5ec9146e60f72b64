"""LINAS: measure a population, fit predictors, let an evolution run on them, measure its best.

Cummings et al., "A Hardware-Aware Framework for Accelerating Neural Architecture Search Across
Modalities" (arXiv 2205.10358), Algorithm 1. Made explicit here: exact objectives are computed, not
predicted; constraints act inside the inner loop; each inner loop starts from the best networks
measured so far and has a seed of its own; what it proposes is unique and was never measured; what
it proposes last is measured too. As in the paper the inner loop is NSGA-II for up to three
objectives and U-NSGA-III beyond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instatune.interfaces import Problem
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._evolution import Crowding, Evolution, Explored, Survival
from instatune_plugins.strategies._landscape import Landscape
from instatune_plugins.strategies._learner import Learner
from instatune_plugins.strategies._searcher import scaled
from instatune_plugins.strategies._variation import Variation

if TYPE_CHECKING:
    from instatune_plugins.strategies import LinasConfig

_CROWDED = 3  # objectives that crowding distances still spread well


class Linas(Learner):
    """Lightweight iterative neural architecture search."""

    config: LinasConfig

    def __init__(self, config: LinasConfig, problem: Problem, rng: np.random.Generator) -> None:
        self.population = scaled(config.population, problem)
        super().__init__(config, problem, rng, first=self.population)

    def choose(self, landscape: Landscape, limit: int) -> Genotypes:
        """The next population: the best networks that the inner loop finds and nobody measured."""
        return self.filled(self.explore(landscape).best(), min(self.population, limit))

    def explore(self, landscape: Landscape) -> Explored:
        """Evolve on the predictors, from the best measured networks and as many random ones."""
        space, memory = self.problem.space, self.memory
        evolution = Evolution(
            space=space,
            variation=Variation.of(self.config, space.cardinalities),
            population=self.population,
            evaluations=self.config.inner_evaluations,
            survival=self._survival(),
        )
        best = memory.genotypes[memory.scores().order()[: self.population]]
        start = np.concatenate([best, self.source.draw(self.population)])
        return evolution.run(start, landscape, self.generator())

    def _survival(self) -> Survival:
        aims = len(self.problem.aims)
        if aims <= _CROWDED:
            return Crowding()
        from instatune_plugins.strategies._niching import Niching

        return Niching(aims, self.population)
