"""AGE-MOEA on measurements alone, by pymoo.

Panichella, "An adaptive evolutionary algorithm based on non-Euclidean geometry for many-objective
optimization", GECCO 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pymoo.algorithms.moo.age import AGEMOEA

from instatune_plugins.strategies._generations import Generations
from instatune_plugins.strategies._pymoo import MakeAlgorithm

if TYPE_CHECKING:
    from instatune_plugins.strategies import AgeMoeaConfig


class AgeMoea(Generations):
    """Keeps networks that are near the ideal and far from each other on the front's own shape."""

    config: AgeMoeaConfig

    def algorithm(self) -> MakeAlgorithm:
        """AGE-MOEA as pymoo has it."""
        return cast("MakeAlgorithm", AGEMOEA)
