"""CMA-ES for one objective, by pycma, on genes that are relaxed to real numbers.

Hansen & Ostermeier, "Completely derandomized self-adaptation in evolution strategies", 2001. A gene
is its range cut into equal parts, one for each choice; steps never become smaller than half a part.
Only the order of losses counts, so infeasible networks stand behind all feasible ones, by their
violation, and failed ones last. When it has converged, it starts again at a random network with
twice the population: Auger & Hansen, "A restart CMA evolution strategy with increasing population
size", 2005.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instatune.interfaces import Problem
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._library import Answer, Candidate, Led
from instatune_plugins.strategies._quiet import quiet
from instatune_plugins.strategies._searcher import scaled

if TYPE_CHECKING:
    from instatune_plugins.strategies import CmaesConfig


class Cmaes(Led):
    """Each ask is what is new in one generation."""

    config: CmaesConfig

    def __init__(self, config: CmaesConfig, problem: Problem, rng: np.random.Generator) -> None:
        super().__init__(config, problem, rng, first=min(config.start, scaled(50, problem)))
        self._rng = np.random.default_rng(self.seed)
        self._columns = np.flatnonzero(problem.space.cardinalities > 1)
        self._parts = problem.space.cardinalities[self._columns]
        self._strategy: Any = None
        self._starts = 0
        self._generation: list[NDArray[np.float64]] = []
        self._answers: list[Answer | None] = []
        self._given = 0

    @property
    def batch(self) -> int:
        """A generation at most."""
        return max(len(self._generation), 1000)

    def suggest(self) -> Candidate | None:
        """The next member of the generation; a new generation once all were answered."""
        if not len(self._columns):
            return None
        if self._given == len(self._generation):
            if any(answer is None for answer in self._answers):
                return None
            self._next_generation()
        number, self._given = self._given, self._given + 1
        return Candidate(self._network(self._generation[number]), number)

    def answer(self, candidate: Candidate, answer: Answer) -> None:
        """Keep it until the generation is complete."""
        self._answers[candidate.ticket] = answer

    def inform(self, network: Genotypes, answer: Answer) -> None:
        """The first mean is the best of the memory; nothing else to do."""

    def _next_generation(self) -> None:
        if self._answers:
            with quiet():  # flat fitness and the like
                self._strategy.tell(self._generation, self._places())
        if self._strategy is None or self._strategy.stop():
            self._strategy = self._started()
        self._generation = [np.asarray(point) for point in self._strategy.ask()]
        self._answers = [None] * len(self._generation)
        self._given = 0

    def _places(self) -> list[float]:
        """Place of each member of the generation in their order; equals share one."""
        answers = [answer for answer in self._answers if answer is not None]
        marks = [
            (
                answer.losses is None and answer.violation <= 0,
                max(answer.violation, 0.0),
                _loss(answer),
            )
            for answer in answers
        ]
        order = sorted(set(marks))
        return [float(order.index(mark)) for mark in marks]

    def _started(self) -> Any:
        """A fresh evolution strategy, from the best network or, later, from a random one."""
        import cma

        best = self.memory.scores().order()[:1]
        start = (
            self.source.draw(1) if self._starts or not len(best) else self.memory.genotypes[best]
        )
        columns = len(self._columns)
        options = {
            "bounds": [0.0, 1.0],
            "minstd": 0.5 / self._parts if columns > 1 else float(0.5 / self._parts[0]),
            "popsize": (4 + int(3 * np.log(columns))) * 2**self._starts,
            "randn": lambda *shape: self._rng.standard_normal(shape),
            "seed": np.nan,  # pycma is not to touch the global generator
            "verbose": -9,
            "signals_filename": None,
        }
        self._starts += 1
        mean = (start[0, self._columns] + 0.5) / self._parts
        with quiet():  # a mean near a bound
            return cma.CMAEvolutionStrategy(mean, self.config.sigma, options)

    def _network(self, point: NDArray[np.float64]) -> Genotypes:
        space = self.problem.space
        network = space.cardinalities[None] - 1
        choices = np.floor(point * self._parts).astype(np.int64)
        network[0, self._columns] = np.clip(choices, 0, self._parts - 1)
        return space.canonical(network)


def _loss(answer: Answer) -> float:
    return 0.0 if answer.losses is None or answer.violation > 0 else float(answer.losses[0])
