"""Networks to begin with: seeds, then random ones that are new and keep within the exact limits."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from instatune.interfaces import Problem
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._evolution import Evolution, Scores
from instatune_plugins.strategies._networks import (
    all_networks,
    fresh,
    log_spellings,
    uniform_networks,
)
from instatune_plugins.strategies._variation import Variation

if TYPE_CHECKING:
    from instatune_plugins.strategies import DrawConfig

_LISTED = 20_000  # spaces up to this size are listed, so that their last network is found too
_ROUNDS = 40  # rounds of rejection before limits count as too narrow for it
_REPAIRS = 20_000  # networks looked at when limits are too narrow


class RandomNetworks:
    """Draws without repetition; seeds come first.

    Limits so narrow that rejection finds too few (all small networks, say, are rare among uniform
    ones) are met by an evolution that knows nothing but the violation.
    """

    def __init__(self, problem: Problem, config: DrawConfig, rng: np.random.Generator) -> None:
        self.problem = problem
        self.config = config
        self.rng = rng
        self._reserve: Genotypes | None = None  # what meets narrow limits, once they are known so
        self._spent = False  # whether looking for more of it is hopeless

    def take(self, count: int, known: set[bytes]) -> Genotypes:
        """Draw networks.

        Args:
            count: How many are wanted.
            known: Keys of networks that are not wanted.

        Returns:
            Canonical, distinct, feasible, ``[rows, genes]``; fewer than ``count`` only if no more
            can be found.
        """
        found = self.seeds(known)
        if len(found) < count and self.problem.space.size <= _LISTED:
            found = fresh(np.concatenate([found, self._shuffled]), known)
        elif len(found) < count:
            found = self._rejected(found, count, known)
        return found[:count]

    def draw(self, count: int) -> Genotypes:
        """Draw with repetition and without regard to limits, canonical, ``[count, genes]``."""
        if self.config.over == "networks":
            return uniform_networks(self.problem.space, self.rng, count)
        return self.problem.space.sample(self.rng, count)

    def seeds(self, known: set[bytes]) -> Genotypes:
        """The initial design, then the extremes if they are asked for: new and feasible ones."""
        space = self.problem.space
        ends = (space.largest, space.smallest) if self.config.seeds == "extremes" else ()
        return fresh(self._feasible(space.encode([*self.problem.initial, *ends])), known)

    @cached_property
    def _shuffled(self) -> Genotypes:
        """All feasible networks in the order in which drawing without repetition finds them.

        Sorting by log chance plus Gumbel noise gives that order: Efraimidis & Spirakis, "Weighted
        random sampling with a reservoir", 2006.
        """
        networks = self._feasible(all_networks(self.problem.space))
        chance = self.rng.gumbel(size=len(networks))
        if self.config.over == "genes":
            chance += log_spellings(self.problem.space, networks)
        return networks[np.argsort(-chance, kind="stable")]

    def _rejected(self, found: Genotypes, count: int, known: set[bytes]) -> Genotypes:
        if self._reserve is not None:
            return self._reserved(found, count, known)
        size = max(256, 2 * count)
        for _ in range(_ROUNDS):
            drawn = self._feasible(self.draw(size))
            found = fresh(np.concatenate([found, drawn]), known)
            if len(found) >= count:
                return found
        self._reserve = found[:0]
        return self._reserved(found, count, known)

    def _reserved(self, found: Genotypes, count: int, known: set[bytes]) -> Genotypes:
        """Take from the reserve; look for more of it when it runs out."""
        reserve = found[:0] if self._reserve is None else self._reserve
        taken = fresh(np.concatenate([found, reserve]), known)
        if len(taken) >= count or self._spent:
            return taken
        self._reserve = fresh(np.concatenate([reserve, self._repaired()]), set())
        self._spent = len(self._reserve) == len(reserve)
        return fresh(np.concatenate([found, self._reserve]), known)

    def _repaired(self) -> Genotypes:
        """Feasible networks from an evolution on the violation, shuffled."""
        space = self.problem.space
        evolution = Evolution(
            space=space,
            variation=Variation(
                cardinalities=space.cardinalities, mutation_rate=1.0 / len(space.genes)
            ),
            population=100,
            evaluations=_REPAIRS,
        )
        start = np.concatenate([space.encode([space.smallest, space.largest]), self.draw(100)])
        explored = evolution.run(start, self._violations_alone, self.rng)
        good = explored.genotypes[explored.scores.violation <= 0]
        return self.rng.permutation(good)

    def _violations_alone(self, genotypes: Genotypes) -> Scores:
        return Scores(np.zeros((len(genotypes), 1)), self.problem.violation(genotypes))

    def _feasible(self, genotypes: Genotypes) -> Genotypes:
        return genotypes[self.problem.violation(genotypes) <= 0]
