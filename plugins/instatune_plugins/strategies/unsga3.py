"""U-NSGA-III on measurements alone, by pymoo.

Seada & Deb, "A unified evolutionary optimization procedure for single, multiple, and many
objectives", 2016: NSGA-III whose parents compete within their niche. The LINAS paper takes it for
more than three objectives.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pymoo.algorithms.moo.unsga3 import UNSGA3

from instatune_plugins.strategies._generations import Generations
from instatune_plugins.strategies._pymoo import MakeAlgorithm, directions

if TYPE_CHECKING:
    from instatune_plugins.strategies import Nsga3Config


class UNsga3(Generations):
    """NSGA-III with tournaments; with one objective it is an elitist genetic algorithm."""

    config: Nsga3Config

    def algorithm(self) -> MakeAlgorithm:
        """U-NSGA-III with as many directions as there are networks in a population."""
        lattice = directions(len(self.problem.aims), self.population)
        self.population = max(self.population, len(lattice))
        return partial(UNSGA3, lattice)
