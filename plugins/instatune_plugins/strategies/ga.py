"""Genetic algorithm for one objective, by pymoo."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pymoo.algorithms.soo.nonconvex.ga import GA

from instatune_plugins.strategies._generations import Generations
from instatune_plugins.strategies._pymoo import MakeAlgorithm

if TYPE_CHECKING:
    from instatune_plugins.strategies import GaConfig


class Ga(Generations):
    """Binary tournaments; parents and children compete for the next generation."""

    config: GaConfig

    def algorithm(self) -> MakeAlgorithm:
        """GA as pymoo has it."""
        return cast("MakeAlgorithm", GA)
