"""LINAS: measure a population, fit predictors, let an evolution run on them, measure its best.

Cummings et al., "A Hardware-Aware Framework for Accelerating Neural Architecture Search Across
Modalities" (arXiv 2205.10358), Algorithm 1. Made explicit here: exact objectives are computed, not
predicted; constraints act inside the inner loop; each inner loop starts from the best networks
measured so far and has a seed of its own; what it proposes is unique and was never measured; what
it proposes last is measured too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.errors import PluginError, SearchError
from instatune.interfaces import Evaluation, Predictor, Problem, Strategy
from instatune.metrics.statistics import kendall, mape
from instatune.space import Architecture
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._evolution import Evolution, Explored, Scores
from instatune_plugins.strategies._memory import Memory
from instatune_plugins.strategies._networks import fresh
from instatune_plugins.strategies._source import RandomNetworks
from instatune_plugins.strategies._variation import Variation

if TYPE_CHECKING:
    from instatune_plugins.strategies import LinasConfig

_LEAST_ROWS = 4  # measured networks that a predictor needs


@attrs.frozen(kw_only=True)
class Diagnosis:
    """How well a predictor did on networks that were measured after it had predicted them.

    Attributes:
        loop: Inner loop that proposed them, from 1.
        objective: What was predicted.
        trained_on: Networks that the predictor had learned from.
        tested_on: Networks that were proposed and measured.
        tau: Kendall's τ of predicted and measured values; None where they have no order.
        mape: Mean absolute error as a fraction of the measured values; None where one is 0.
        note: What the predictor says of itself.
    """

    loop: int
    objective: str
    trained_on: int
    tested_on: int
    tau: float | None
    mape: float | None
    note: str


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
        features = self.problem.space.features(self._memory.genotypes)
        seeds = np.random.SeedSequence([self._seed, self._loop]).generate_state(
            max(1, len(self._memory.predicted_names))
        )
        models: dict[str, Predictor] = {}
        for name, seed in zip(self._memory.predicted_names, seeds, strict=False):
            assert self.problem.make_predictor is not None  # noqa: S101  # checked at construction
            models[name] = self.problem.make_predictor(int(seed))
            models[name].fit(features, self._memory.values(name))
        return Landscape(self.problem, models)


@attrs.frozen
class Landscape:
    """Losses and violations of networks that were not measured: exact where possible, else predicted.

    Attributes:
        problem: The search problem.
        models: Fitted predictor of each objective that must be measured.
    """

    problem: Problem
    models: Mapping[str, Predictor]

    def __call__(self, genotypes: Genotypes) -> Scores:
        """Score canonical genotypes ``[rows, genes]``."""
        problem, predicted = self.problem, self.predict(genotypes)
        columns = [
            (1.0 if aim.goal == "min" else -1.0)
            * (problem.exact[aim.name](genotypes) if aim.exact else predicted[aim.name])
            for aim in problem.aims
        ]
        violation = problem.violation(genotypes)
        for limit in problem.limits:
            if not limit.exact:
                violation = violation + limit.violation(predicted[limit.name])
        return Scores(np.stack(columns, axis=1), violation)

    def predict(self, genotypes: Genotypes) -> dict[str, NDArray[np.float64]]:
        """Predicted values ``[rows]`` by objective.

        Raises:
            PluginError: A predictor gave something else than one finite number per row.
        """
        if not self.models:
            return {}
        features = self.problem.space.features(genotypes)
        return {
            name: _checked(model, name, model.predict(features).mean, len(genotypes))
            for name, model in self.models.items()
        }


@attrs.frozen
class Forecast:
    """A landscape that is about to be tested.

    Attributes:
        trained_on: Networks that it was learned from.
        landscape: The predictors.
    """

    trained_on: int
    landscape: Landscape

    def judged(self, loop: int, memory: Memory, before: int) -> list[Diagnosis]:
        """Compare with what was measured since the memory had ``before`` networks."""
        tested = memory.genotypes[before:]
        if not len(tested):
            return []
        return [
            self._diagnosis(loop, name, memory.values(name)[before:], predicted)
            for name, predicted in self.landscape.predict(tested).items()
        ]

    def _diagnosis(
        self, loop: int, name: str, truth: NDArray[np.float64], predicted: NDArray[np.float64]
    ) -> Diagnosis:
        return Diagnosis(
            loop=loop,
            objective=name,
            trained_on=self.trained_on,
            tested_on=len(truth),
            tau=_number(kendall(truth, predicted)),
            mape=_number(mape(truth, predicted)),
            note=self.landscape.models[name].note,
        )


def _checked(
    model: Predictor, objective: str, values: NDArray[np.float64], rows: int
) -> NDArray[np.float64]:
    kind = type(model)
    where = f"predictor {kind.__module__}:{kind.__qualname__}, objective {objective}"
    if np.shape(values) != (rows,):
        raise PluginError(f"{where}: gave shape {np.shape(values)} for {rows} rows; need ({rows},)")
    bad = int(rows - np.isfinite(values).sum())
    if bad:
        raise PluginError(
            f"{where}: {bad} of {rows} predictions are not finite numbers; a predictor must answer"
            " for every architecture of the space"
        )
    return np.asarray(values, dtype=np.float64)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
