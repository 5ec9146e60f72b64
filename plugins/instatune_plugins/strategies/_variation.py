"""Crossover and mutation of integer genes.

Real-coded operators with rounding (SBX, polynomial mutation) prefer neighbouring choices and lose
to these on the short lists of a search space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.space.search_space import Genotypes

if TYPE_CHECKING:
    from instatune_plugins.strategies import EvolutionConfig


@attrs.frozen(kw_only=True)
class Variation:
    """How children come from parents.

    Attributes:
        cardinalities: Choices of each gene, ``[genes]``.
        two_point: Swap a run of genes instead of single ones.
        crossover_rate: Chance that a pair is crossed.
        mutation_rate: Chance that a gene takes another of its choices.
    """

    cardinalities: NDArray[np.int64]
    two_point: bool = False
    crossover_rate: float = 0.9
    mutation_rate: float

    @classmethod
    def of(cls, config: EvolutionConfig, cardinalities: NDArray[np.int64]) -> Variation:
        """Take the settings of a strategy."""
        usual = max(1.0 / max(len(cardinalities), 1), 0.02)
        return cls(
            cardinalities=cardinalities,
            two_point=config.crossover == "two_point",
            crossover_rate=config.crossover_rate,
            mutation_rate=usual if config.mutation_rate is None else config.mutation_rate,
        )

    def cross(self, pairs: Genotypes, rng: np.random.Generator) -> Genotypes:
        """Swap genes inside of pairs ``[2, pairs, genes]``, same shape."""
        _, count, genes = pairs.shape
        swap = self._runs(count, genes, rng) if self.two_point else rng.random((count, genes)) < 0.5
        swap &= rng.random((count, 1)) < self.crossover_rate
        return np.where(swap, pairs[::-1], pairs)

    def mutate(self, genotypes: Genotypes, rng: np.random.Generator) -> Genotypes:
        """Give some genes another choice, ``[rows, genes]``."""
        others = np.maximum(self.cardinalities - 1, 1)
        step = 1 + rng.integers(0, others, genotypes.shape)
        hit = rng.random(genotypes.shape) < self.mutation_rate
        return np.where(hit, (genotypes + step) % self.cardinalities, genotypes)

    @staticmethod
    def _runs(count: int, genes: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        ends = np.sort(rng.integers(0, genes + 1, (count, 2)), axis=1)
        places = np.arange(genes)
        return np.asarray((places >= ends[:, :1]) & (places < ends[:, 1:]))
