"""Vectorised evolution on functions that cost next to nothing, such as predictors.

NSGA-II unless another survival is given: Deb et al., "A fast and elitist multiobjective genetic
algorithm: NSGA-II", 2002, with three turns: whole generations are scored in one call; no
network is scored twice, for one that was dropped once would be dropped again; a space that is
smaller than the number of scores is scored as a whole.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.metrics.front import best_first, non_dominated
from instatune.space import SearchSpace
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._networks import all_networks, fresh, keys
from instatune_plugins.strategies._variation import Variation

_TRIES = 10  # matings in a row that may fail to give enough new networks
_LEAST_CHILDREN = 50  # scoring fewer at once takes as long


@attrs.frozen
class Scores:
    """What is known of some networks.

    Attributes:
        losses: ``[rows, aims]``, less is better.
        violation: Summed violation of all constraints, ``[rows]``; 0 = feasible.
    """

    losses: NDArray[np.float64]
    violation: NDArray[np.float64]

    def rows(self, rows: NDArray[np.int64]) -> Scores:
        """Scores of some rows."""
        return Scores(self.losses[rows], self.violation[rows])

    def order(self) -> NDArray[np.int64]:
        """Rows from best to worst."""
        return best_first(self.losses, self.violation)

    def front(self) -> NDArray[np.int64]:
        """Feasible rows that nothing beats; while none is feasible, the nearest one."""
        feasible = np.flatnonzero(self.violation <= 0)
        if not len(feasible):
            return self.order()[:1]
        return feasible[non_dominated(self.losses[feasible])]


class Survival(ABC):
    """Who lives on, and who of two becomes a parent. One object serves one run."""

    @abstractmethod
    def survivors(self, scores: Scores, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """At most ``count`` rows, from best to worst."""

    @abstractmethod
    def winners(self, rivals: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Winners ``[...]`` of pairs ``[2, ...]``; numbers are places among the last survivors."""


class Crowding(Survival):
    """NSGA-II: the first fronts, and of the last one that fits the loneliest."""

    def survivors(self, scores: Scores, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """By front, then from lonely to crowded."""
        return scores.order()[:count]

    def winners(self, rivals: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """The smaller place is the better one."""
        return np.asarray(rivals.min(axis=0))


Score: TypeAlias = Callable[[Genotypes], Scores]


@attrs.frozen
class Explored:
    """All networks that an evolution scored.

    Attributes:
        genotypes: Distinct, canonical, ``[rows, genes]``.
        scores: Of each of them.
        final: Rows of the last population, best first.
    """

    genotypes: Genotypes
    scores: Scores
    final: NDArray[np.int64]

    def best(self) -> Genotypes:
        """All networks that were scored, best first.

        The last population is spread well, but crowding has dropped networks that dominate some of
        it. So what stands at the head is its part that nothing dominates, then the rest by fronts.
        """
        order = self.scores.order()
        feasible = np.flatnonzero(self.scores.violation <= 0)
        front = feasible[non_dominated(self.scores.losses[feasible])]
        spread = self.final[np.isin(self.final, front)]
        rows = np.concatenate([spread, order[~np.isin(order, spread)]])
        return np.asarray(self.genotypes[rows])


@attrs.frozen(kw_only=True)
class Evolution:
    """The settings of a run.

    Attributes:
        space: Where to search.
        variation: How children come from parents.
        population: Survivors of each generation.
        evaluations: Networks to score in all.
        survival: Who lives on.
    """

    space: SearchSpace
    variation: Variation
    population: int
    evaluations: int
    survival: Survival = attrs.field(factory=Crowding)

    def run(self, start: Genotypes, score: Score, rng: np.random.Generator) -> Explored:
        """Evolve from a first generation.

        Args:
            start: Canonical genotypes ``[rows, genes]``, at least one.
            score: Vectorised function of canonical genotypes.
            rng: The only source of randomness.
        """
        if self.space.size <= self.evaluations:
            start = all_networks(self.space)
        archive = _Archive(self.evaluations)
        children, living = fresh(start, archive.known), np.zeros(0, dtype=np.int64)
        while len(children):
            children = children[: archive.room]
            numbers = archive.add(children, score(children))
            living = np.concatenate([living, numbers])
            scores = archive.scores(living)
            living = living[self.survival.survivors(scores, self.population, rng)]
            children = self._children(archive.genotypes[living], archive, rng)
        return archive.explored(living)

    @property
    def offspring(self) -> int:
        """Children of each generation."""
        return max(self.population, _LEAST_CHILDREN)

    def _children(
        self, parents: Genotypes, archive: _Archive, rng: np.random.Generator
    ) -> Genotypes:
        """New networks; none if no room or nothing new is left. The best parent comes first."""
        found = parents[:0]
        if not archive.room or archive.size == self.space.size:
            return found
        for _ in range(_TRIES):
            children = self.space.canonical(self._mate(parents, rng))
            found = fresh(np.concatenate([found, children]), archive.known)
            if 2 * len(found) >= self.offspring:
                return found[: self.offspring]
        strangers = self.space.sample(rng, self.offspring)
        return fresh(np.concatenate([found, strangers]), archive.known)[: self.offspring]

    def _mate(self, parents: Genotypes, rng: np.random.Generator) -> Genotypes:
        """Binary tournaments, crossover, mutation: about as many children as are wanted."""
        couples = (2, (self.offspring + 1) // 2)
        rivals = rng.integers(0, len(parents), (2, *couples))
        pairs = parents[self.survival.winners(rivals, rng)]
        children = self.variation.cross(pairs, rng).reshape(-1, parents.shape[1])
        return self.variation.mutate(children, rng)


class _Archive:
    """Everything scored so far, in arrays that are allocated once."""

    def __init__(self, capacity: int) -> None:
        self.known: set[bytes] = set()
        self.size = 0
        self._capacity = capacity

    @property
    def room(self) -> int:
        """How many more may be scored."""
        return self._capacity - self.size

    def add(self, genotypes: Genotypes, scores: Scores) -> NDArray[np.int64]:
        """Append networks; gives their row numbers."""
        if not self.size:
            self.genotypes = np.empty((self._capacity, genotypes.shape[1]), dtype=np.int64)
            self._losses = np.empty((self._capacity, scores.losses.shape[1]))
            self._violation = np.empty(self._capacity)
        rows = np.arange(self.size, self.size + len(genotypes))
        self.genotypes[rows] = genotypes
        self._losses[rows], self._violation[rows] = scores.losses, scores.violation
        self.known.update(keys(genotypes))
        self.size += len(genotypes)
        return rows

    def scores(self, rows: NDArray[np.int64]) -> Scores:
        """Scores of some rows."""
        return Scores(self._losses[rows], self._violation[rows])

    def explored(self, final: NDArray[np.int64]) -> Explored:
        """Close the books."""
        return Explored(self.genotypes[: self.size], self.scores(np.arange(self.size)), final)
