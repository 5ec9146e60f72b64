"""Progressive shrinking: smaller choices open one after the other while training goes on.

Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020:
first the large networks are trained, then depth may shrink, then width, each from its largest
choice to its smallest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from instatune.errors import SpaceError
from instatune.interfaces import Draw, Sampler
from instatune_plugins.samplers._random import require_choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from instatune.space import Gene, SearchSpace
    from instatune_plugins.samplers import ProgressiveConfig


class Progressive(Sampler):
    """``1 + n_random`` networks: the largest, then random ones of what is open."""

    config: ProgressiveConfig

    def draw(
        self, space: SearchSpace, step: int, total_steps: int, rng: np.random.Generator
    ) -> tuple[Draw, ...]:
        """Choose the networks of one step; see :meth:`Sampler.draw`.

        Raises:
            SpaceError: ``opens`` names a dimension that the space has not.
        """
        require_choice(space, "progressive")
        lowest = space.cardinalities - self.open(space, step, total_steps)
        shape = (self.config.n_random, len(space.genes))
        genotypes = space.canonical(rng.integers(lowest, space.cardinalities, shape))
        return (
            Draw(space.largest, "largest"),
            *(Draw(architecture, "sampled") for architecture in space.decode(genotypes)),
        )

    def open(self, space: SearchSpace, step: int, total_steps: int) -> NDArray[np.int64]:
        """Number of open choices of each gene at a step, ``[genes]``."""
        opening = [
            name
            for name in self._order(space)
            for _ in range(max(len(g.choices) for g in space.genes if _family(g) == name) - 1)
        ]
        share = step / (self.config.until * total_steps)
        passed = opening[: int(share * len(opening)) + 1]
        counts = [1 + passed.count(_family(gene)) for gene in space.genes]
        return np.minimum(counts, space.cardinalities)

    def _order(self, space: SearchSpace) -> list[str]:
        """Families of genes in the order in which they open."""
        families = list(dict.fromkeys(_family(gene) for gene in space.genes))
        unknown = [name for name in self.config.opens if name not in families]
        if unknown:
            raise SpaceError(
                f"sampler progressive: opens names {unknown[0]!r}, the space has "
                f"{', '.join(families)}"
            )
        return [*self.config.opens, *(name for name in families if name not in self.config.opens)]


def _family(gene: Gene) -> str:
    """What a gene shares with those of other layers: ``"ffn"`` of ``"ffn.3"``."""
    return gene.name.partition(".")[0]
