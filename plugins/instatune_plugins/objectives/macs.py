"""Multiply-accumulates of one forward pass of one example: linear layers and attention products.

Exact, from the anatomy: BERT-base at 128 tokens has 11.17 G, as InstaTune's Table 1 has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instatune.interfaces import ExactObjective
from instatune.space import counting
from instatune_plugins.objectives._length import length

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from instatune.space import Anatomy, Polynomial, SearchSpace
    from instatune.space.search_space import Genotypes
    from instatune_plugins.objectives import MacsConfig


class Macs(ExactObjective):
    """Counts at a fixed number of tokens."""

    def __init__(self, config: MacsConfig) -> None:
        super().__init__(config)
        self._last: tuple[Anatomy, Polynomial] | None = None

    def exact(
        self, space: SearchSpace, anatomy: Anatomy, genotypes: Genotypes
    ) -> NDArray[np.float64]:
        """Count for a population; see :meth:`ExactObjective.exact`.

        Raises:
            SpaceError: More tokens than the model takes.
        """
        return space.count(self._polynomial(anatomy), genotypes)

    def _polynomial(self, anatomy: Anatomy) -> Polynomial:
        # Searches ask thousands of times for the same model: build its polynomial once.
        if self._last is None or self._last[0] is not anatomy:
            self._last = (anatomy, counting.macs(anatomy, length(self.config.tokens, anatomy)))
        return self._last[1]
