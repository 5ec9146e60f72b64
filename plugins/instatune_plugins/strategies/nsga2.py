"""NSGA-II on measurements alone, by pymoo.

Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002. The genes are
integers, so crossover and mutation are those of :mod:`_variation`. A network that breaks an exact
limit is known to be infeasible without measuring it: the algorithm is told so for free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from instatune.interfaces import Evaluation, Problem, Strategy
from instatune.space import Architecture
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._memory import Memory
from instatune_plugins.strategies._pymoo import Genetic
from instatune_plugins.strategies._source import RandomNetworks
from instatune_plugins.strategies._variation import Variation

if TYPE_CHECKING:
    from instatune_plugins.strategies import Nsga2Config

_ROUNDS = 50  # generations of infeasible children alone before random networks step in


class Nsga2(Strategy):
    """Each ask is one generation of children that can be measured."""

    config: Nsga2Config

    def __init__(self, config: Nsga2Config, problem: Problem, rng: np.random.Generator) -> None:
        super().__init__(config, problem, rng)
        self.population = max(4, min(config.population, problem.budget // 5))
        self._memory = Memory(problem)
        seed, source_seed = (int(seed) for seed in rng.integers(2**31, size=2))
        self._source = RandomNetworks(problem, config, np.random.default_rng(source_seed))
        self._genetic = Genetic(
            space=problem.space,
            aims=len(problem.aims),
            variation=Variation.of(config, problem.space.cardinalities),
            population=self.population,
            seed=seed,
        )
        self._told = 0

    def ask(self, limit: int) -> Sequence[Architecture]:
        """Propose the next children, or random networks where evolution has none."""
        networks = self._children()[:limit]
        if not len(networks):
            count = min(self.population, limit)
            networks = self._source.take(count, self._memory.known)
        self._memory.ask(networks)
        return self.problem.space.decode(networks)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Let the new results compete with the population."""
        self._memory.learn(evaluations)
        new = np.arange(self._told, len(self._memory))
        self._told = len(self._memory)
        if len(new):
            scores = self._memory.scores()
            self._genetic.tell(
                self._memory.genotypes[new], scores.losses[new], scores.violation[new]
            )

    def _children(self) -> Genotypes:
        """Children that are new and feasible; infeasible ones go back to the algorithm."""
        nothing: Genotypes = np.zeros((0, len(self.problem.space.genes)), dtype=np.int64)
        if not self._genetic.started or self._memory.exhausted:
            return nothing
        for _ in range(_ROUNDS):
            children = self._genetic.ask(self._memory.known)
            if not len(children):
                break
            violation = self.problem.violation(children)
            bad = violation > 0
            if bad.any():
                self._memory.ask(children[bad])
                worthless = np.zeros((int(bad.sum()), len(self.problem.aims)))
                self._genetic.tell(children[bad], worthless, violation[bad])
            if not bad.all():
                return children[~bad]
        return nothing
