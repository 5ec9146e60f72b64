"""Exact counts (MACs, parameters, bytes) as polynomials in the numbers of kept units.

A matrix of ``h`` heads of size 64 in front of a hidden size of 768 has ``64 * 768 * h`` elements:
every count of an elastic network is a sum of such terms over the layers that are kept. This makes
counts exact and evaluates whole populations at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import attrs
import numpy as np
from numpy.typing import NDArray


@attrs.frozen
class Term:
    """``coefficient * product(units of factors)``, counted if its layer is kept.

    Attributes:
        coefficient: Constant factor.
        factors: Names of groups; a name that occurs twice counts squared.
        home: Stack and layer, None for what is always there.
    """

    coefficient: float
    factors: tuple[str, ...] = ()
    home: tuple[str, int] | None = None


@attrs.frozen
class Polynomial:
    """A sum of terms; like terms are merged on construction with :meth:`of`."""

    terms: tuple[Term, ...]

    @classmethod
    def of(cls, terms: Iterable[Term]) -> Polynomial:
        """Merge terms that have the same factors and home."""
        sums: defaultdict[tuple[tuple[str, ...], tuple[str, int] | None], float] = defaultdict(
            float
        )
        for term in terms:
            sums[tuple(sorted(term.factors)), term.home] += term.coefficient
        return cls(tuple(Term(value, *place) for place, value in sums.items() if value))

    def evaluate(
        self,
        units: Callable[[str], NDArray[np.float64]],
        kept: Callable[[tuple[str, int]], NDArray[np.bool_]],
        rows: int,
    ) -> NDArray[np.float64]:
        """Evaluate for a population.

        Args:
            units: Gives ``[rows]`` kept units of a group.
            kept: Gives ``[rows]`` whether a layer of a stack is kept.
            rows: Size of the population.

        Returns:
            Counts ``[rows]``.
        """
        total = np.zeros(rows)
        for term in self.terms:
            value: NDArray[np.float64] = np.full(rows, term.coefficient)
            for factor in term.factors:
                value = value * units(factor)
            total += value if term.home is None else value * kept(term.home)
        return total

    def at(self, units: Mapping[str, int], kept: Mapping[str, tuple[int, ...]]) -> int:
        """Evaluate for one network, exactly, in integers.

        Args:
            units: Kept units of every group.
            kept: Kept layers of every stack.
        """
        total = 0
        for term in self.terms:
            if term.home is not None and term.home[1] not in kept[term.home[0]]:
                continue
            value = int(term.coefficient)
            for factor in term.factors:
                value *= units[factor]
            total += value
        return total
