"""NSGA-II on measurements alone, by pymoo.

Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pymoo.algorithms.moo.nsga2 import NSGA2

from instatune_plugins.strategies._generations import Generations
from instatune_plugins.strategies._pymoo import MakeAlgorithm

if TYPE_CHECKING:
    from instatune_plugins.strategies import Nsga2Config


class Nsga2(Generations):
    """Keeps the first fronts and, of the last one that fits, the loneliest networks."""

    config: Nsga2Config

    def algorithm(self) -> MakeAlgorithm:
        """NSGA-II as pymoo has it."""
        return cast("MakeAlgorithm", NSGA2)
