"""LINAS: measure a population, fit predictors, let an evolution run on them, measure its best.

Cummings et al., "A Hardware-Aware Framework for Accelerating Neural Architecture Search Across
Modalities" (arXiv 2205.10358), Algorithm 1. Made explicit here: exact objectives are computed, not
predicted; constraints act inside the inner loop; each inner loop starts from the best networks
measured so far and has a seed of its own; what it proposes is unique and was never measured; what
it proposes last is measured too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from instatune.errors import SearchError
from instatune.interfaces import Evaluation, Predictor, Problem, Strategy
from instatune.space import Architecture
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._evolution import Evolution, Explored
from instatune_plugins.strategies._forecast import Diagnosis, Forecast
from instatune_plugins.strategies._landscape import Landscape
from instatune_plugins.strategies._memory import Memory
from instatune_plugins.strategies._networks import fresh
from instatune_plugins.strategies._source import RandomNetworks
from instatune_plugins.strategies._variation import Variation

if TYPE_CHECKING:
    from instatune_plugins.strategies import LinasConfig

_LEAST_ROWS = 4  # measured networks that a predictor needs


class Linas(Strategy):
    """Lightweight iterative neural architecture search."""

    config: LinasConfig

    def __init__(self, config: LinasConfig, problem: Problem, rng: np.random.Generator) -> None:
        super().__init__(config, problem, rng)
        self.diagnostics: list[Diagnosis] = []
        self.population = max(4, min(config.population, problem.budget // 5))
        self._memory = Memory(problem)
        self._seed, source_seed = (int(seed) for seed in rng.integers(2**63, size=2))
        self._source = RandomNetworks(problem, config, np.random.default_rng(source_seed))
        self._loop = 0
        self._forecast: Forecast | None = None
        if self._memory.predicted_names and problem.make_predictor is None:
            raise SearchError(
                f"search.predictor: linas has to predict {', '.join(self._memory.predicted_names)};"
                " name a predictor, e.g. best_of"
            )

    def ask(self, limit: int) -> Sequence[Architecture]:
        """Propose a population: at first random, then the best that the predictors know of."""
        count, self._forecast = min(self.population, limit), None
        if self._memory.exhausted:
            return []
        enough = len(self._memory) >= _LEAST_ROWS
        networks = self._best(count) if enough else self._source.take(count, self._memory.known)
        self._memory.ask(networks)
        return self.problem.space.decode(networks)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Judge the forecast by the new results, then take them in."""
        before = len(self._memory)
        self._memory.learn(evaluations)
        if self._forecast is not None:
            self.diagnostics += self._forecast.judged(self._loop, self._memory, before)

    def _best(self, count: int) -> Genotypes:
        """The next population: the best networks that the inner loop finds and nobody measured."""
        self._loop += 1
        landscape = self._learned()
        networks = fresh(self._explore(landscape).best(), self._memory.known)
        networks = networks[self.problem.violation(networks) <= 0][:count]
        if len(networks) < count:
            strangers = self._source.take(count, self._memory.known)
            networks = fresh(np.concatenate([networks, strangers]), set())[:count]
        self._forecast = Forecast(len(self._memory), landscape)
        return networks

    def _explore(self, landscape: Landscape) -> Explored:
        """Evolve on the predictors, from the best measured networks and as many random ones."""
        space, memory = self.problem.space, self._memory
        evolution = Evolution(
            space=space,
            variation=Variation.of(self.config, space.cardinalities),
            population=self.population,
            evaluations=self.config.inner_evaluations,
        )
        best = memory.genotypes[memory.scores().order()[: self.population]]
        start = np.concatenate([best, self._source.draw(self.population)])
        return evolution.run(start, landscape, np.random.default_rng([self._seed, self._loop]))

    def _learned(self) -> Landscape:
        """Fit a fresh predictor for each objective that must be measured."""
        make, names = self.problem.make_predictor, self._memory.predicted_names
        if make is None:  # then all objectives are exact
            return Landscape(self.problem, {})
        features = self.problem.space.features(self._memory.genotypes)
        seeds = np.random.SeedSequence([self._seed, self._loop]).generate_state(len(names))
        models: dict[str, Predictor] = {}
        for name, seed in zip(names, seeds, strict=True):
            models[name] = make(int(seed))
            models[name].fit(features, self._memory.values(name))
        return Landscape(self.problem, models)
