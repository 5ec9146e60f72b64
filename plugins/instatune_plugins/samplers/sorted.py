"""Nested truncations that all layers share.

Valipour et al., "SortedNet: A Scalable and Generalized Framework for Training Modular Deep Neural
Networks", 2023. The networks of the family lie inside of one another: a level says which share of
its choices each gene keeps, the same in every layer. Several networks of the family are trained in
each step; the largest is one of them, without a part of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instatune.interfaces import Draw, Sampler
from instatune_plugins.samplers._random import require_choice

if TYPE_CHECKING:
    from instatune.space import SearchSpace
    from instatune.space.search_space import Genotypes
    from instatune_plugins.samplers import SortedConfig


class Sorted(Sampler):
    """``n_random`` networks of the nested family."""

    config: SortedConfig

    def draw(
        self, space: SearchSpace, step: int, total_steps: int, rng: np.random.Generator
    ) -> tuple[Draw, ...]:
        """Choose the networks of one step; see :meth:`Sampler.draw`."""
        require_choice(space, "sorted")
        networks = space.decode(self._rows(space, rng))
        return tuple(Draw(architecture, "sampled") for architecture in networks)

    def _rows(self, space: SearchSpace, rng: np.random.Generator) -> Genotypes:
        """Genotypes ``[n_random, genes]``: each gene at the level of its axis."""
        rows = np.zeros((self.config.n_random, len(space.genes)), dtype=np.int64)
        for columns in self._axes(space):
            sizes = space.cardinalities[columns]
            levels = rng.integers(0, sizes.max(), (self.config.n_random, 1))
            share = levels / max(int(sizes.max()) - 1, 1)
            # Rounded half up: a higher level never gives a smaller choice.
            rows[:, columns] = np.floor(share * (sizes - 1) + 0.5).astype(np.int64)
        return rows

    def _axes(self, space: SearchSpace) -> list[list[int]]:
        """Columns of the genes that share a level."""
        columns = range(len(space.genes))
        if self.config.grid == "line":
            return [list(columns)]
        axes = [[c for c in columns if space.genes[c].effect == e] for e in ("depth", "width")]
        return [axis for axis in axes if axis]
