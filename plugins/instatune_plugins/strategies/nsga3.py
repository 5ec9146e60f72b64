"""NSGA-III on measurements alone, by pymoo.

Deb & Jain, "An evolutionary many-objective optimization algorithm using reference-point-based
nondominated sorting approach", 2014.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pymoo.algorithms.moo.nsga3 import NSGA3

from instatune_plugins.strategies._generations import Generations
from instatune_plugins.strategies._pymoo import MakeAlgorithm, directions

if TYPE_CHECKING:
    from instatune_plugins.strategies import Nsga3Config


class Nsga3(Generations):
    """Keeps the first fronts and, of the last one that fits, networks near lonely directions."""

    config: Nsga3Config

    def algorithm(self) -> MakeAlgorithm:
        """NSGA-III with as many directions as there are networks in a population."""
        lattice = directions(len(self.problem.aims), self.population)
        self.population = max(self.population, len(lattice))
        return partial(NSGA3, lattice)
