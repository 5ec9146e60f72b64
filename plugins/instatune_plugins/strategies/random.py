"""Random search: the baseline that a search must beat at equal budget.

Li & Talwalkar, "Random search and reproducibility for neural architecture search", UAI 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from instatune.interfaces import Evaluation, Problem, Strategy
from instatune.space import Architecture
from instatune_plugins.strategies._memory import Memory
from instatune_plugins.strategies._source import RandomNetworks

if TYPE_CHECKING:
    from instatune_plugins.strategies import RandomConfig


class Random(Strategy):
    """Asks for distinct feasible networks until there are none left."""

    config: RandomConfig

    def __init__(self, config: RandomConfig, problem: Problem, rng: np.random.Generator) -> None:
        super().__init__(config, problem, rng)
        self._memory = Memory(problem)
        self._source = RandomNetworks(problem, config, rng)

    def ask(self, limit: int) -> Sequence[Architecture]:
        """Draw ``limit`` new networks, fewer if no more are left."""
        networks = self._source.take(limit, self._memory.known)
        self._memory.ask(networks)
        return self.problem.space.decode(networks)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Nothing to learn."""
