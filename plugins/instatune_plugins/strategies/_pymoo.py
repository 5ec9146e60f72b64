"""pymoo's genetic algorithms for integer genes, as a pair of ask and tell on plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.evaluator import Evaluator
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.repair import Repair
from pymoo.core.termination import NoTermination
from pymoo.problems.static import StaticProblem
from pymoo.util.ref_dirs import get_reference_directions

from instatune.space import SearchSpace
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._networks import keys
from instatune_plugins.strategies._variation import Variation

MakeAlgorithm: TypeAlias = Callable[..., Any]
"""Makes one of pymoo's genetic algorithms from operators and ``pop_size``."""


def directions(aims: int, most: int) -> NDArray[np.float64]:
    """Evenly spread directions between the aims, ``[directions, aims]``.

    The largest lattice of Das & Dennis ("Normal-boundary intersection", 1998) that has no more than
    ``most`` points; its corners, one for each aim, are always there.
    """
    parts = 1
    while aims > 1 and comb(parts + aims, aims - 1) <= most:
        parts += 1
    lattice = get_reference_directions("das-dennis", aims, n_partitions=parts)
    return np.asarray(lattice, dtype=np.float64)


class Genetic:
    """A genetic algorithm that never proposes a network twice."""

    def __init__(
        self,
        make: MakeAlgorithm,
        *,
        space: SearchSpace,
        aims: int,
        variation: Variation,
        population: int,
        seed: int,
    ) -> None:
        self.started = False
        self._known: set[bytes] = set()
        self._problem = Problem(
            n_var=len(space.genes),
            n_obj=aims,
            n_ieq_constr=1,
            xl=0,
            xu=space.cardinalities - 1,
            vtype=int,
        )
        self._algorithm = make(
            pop_size=population,
            sampling=Population.empty(),
            crossover=_Cross(variation),
            mutation=_Mutate(variation),
            repair=_Canonical(space),
            eliminate_duplicates=_Known(self),
        )
        self._algorithm.setup(self._problem, termination=NoTermination(), seed=seed)

    @property
    def known(self) -> set[bytes]:
        """Keys of networks that must not be proposed."""
        return self._known

    def ask(self, known: set[bytes]) -> Genotypes:
        """Propose children, canonical and distinct; empty if mating finds nothing new.

        Args:
            known: Keys of networks that must not be proposed.
        """
        self._known = known
        children = self._algorithm.ask()
        if children is None:  # pymoo would stop now; random networks may bring new parents
            self._algorithm.termination.force_termination = False
            return np.zeros((0, self._problem.n_var), dtype=np.int64)
        return np.asarray(children.get("X"), dtype=np.int64)

    def tell(
        self, genotypes: Genotypes, losses: NDArray[np.float64], violation: NDArray[np.float64]
    ) -> None:
        """Let scored networks compete; the first ones are the first population.

        Args:
            genotypes: ``[rows, genes]``, at least one.
            losses: ``[rows, aims]``; without meaning where there is a violation.
            violation: ``[rows]``, 0 = feasible.
        """
        scored = Population.new("X", genotypes)
        static = StaticProblem(self._problem, F=losses, G=violation[:, None])
        Evaluator().eval(static, scored)
        self._algorithm.tell(infills=scored)
        self.started = True


class _Cross(Crossover):  # type: ignore[misc]
    """Crossover of two parents into two children; the rate is the variation's."""

    def __init__(self, variation: Variation) -> None:
        super().__init__(2, 2, prob=1.0)
        self._variation = variation

    def _do(
        self,
        problem: Any,
        X: Genotypes,
        *args: Any,
        random_state: Any,
        **kwargs: Any,
    ) -> Genotypes:
        return self._variation.cross(X, random_state)


class _Mutate(Mutation):  # type: ignore[misc]
    """Mutation of single genes; the rate is the variation's."""

    def __init__(self, variation: Variation) -> None:
        super().__init__(prob=1.0)
        self._variation = variation

    def _do(
        self,
        problem: Any,
        X: Genotypes,
        *args: Any,
        random_state: Any,
        **kwargs: Any,
    ) -> Genotypes:
        return self._variation.mutate(X, random_state)


class _Canonical(Repair):  # type: ignore[misc]
    """Genes of dropped layers to their largest choice."""

    def __init__(self, space: SearchSpace) -> None:
        super().__init__()
        self._space = space

    def _do(self, problem: Any, X: Genotypes, **kwargs: Any) -> Genotypes:
        return self._space.canonical(X)


class _Known(DuplicateElimination):  # type: ignore[misc]
    """Drops what is known, and repeats."""

    def __init__(self, genetic: Genetic) -> None:
        super().__init__()
        self._genetic = genetic

    def _do(self, pop: Any, other: Any, is_duplicate: NDArray[np.bool_]) -> NDArray[np.bool_]:
        taken = set(self._genetic.known)
        if other is not None and len(other):
            taken |= set(keys(other.get("X")))
        for row, key in enumerate(keys(pop.get("X"))):
            is_duplicate[row] |= key in taken
            taken.add(key)
        return is_duplicate
