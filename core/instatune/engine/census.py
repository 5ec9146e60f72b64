"""Census: all distinct networks of a search space where they are few, else a fair sample of them.

Drawing each gene uniformly does not draw each network equally often: the genes of dropped layers
have no meaning, so a shallow network has many spellings. Here the numbers of layers are drawn
first, each as often as it has networks, which makes the draw uniform.
"""

from __future__ import annotations

from itertools import product
from math import prod

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.metrics.statistics import wilson
from instatune.space import SearchSpace
from instatune.space.search_space import Genotypes

ENUMERATED = 50_000  # networks that are looked at one by one
SAMPLED = 20_000  # networks that are drawn of a larger space


@attrs.frozen(kw_only=True)
class Count:
    """How many networks have a property.

    Attributes:
        count: Their number, estimated unless ``exact``.
        low: Lower end of the 95 % interval.
        high: Upper end.
        share: Of all networks.
        exact: Whether all were looked at.
    """

    count: int
    low: int
    high: int
    share: float
    exact: bool


@attrs.frozen(kw_only=True)
class Census:
    """Networks that stand for a space.

    Attributes:
        genotypes: Distinct networks, or draws that are equally likely to be any of them.
        size: Distinct networks of the space.
        exact: Whether ``genotypes`` holds all of them.
    """

    genotypes: Genotypes
    size: int
    exact: bool

    @classmethod
    def of(cls, space: SearchSpace, rng: np.random.Generator) -> Census:
        """Look at all networks, or draw some."""
        exact = space.size <= ENUMERATED
        genotypes = every(space) if exact else uniform(space, rng, SAMPLED)
        return cls(genotypes=genotypes, size=space.size, exact=exact)

    def count(self, mask: NDArray[np.bool_]) -> Count:
        """Count the networks that a mask ``[rows]`` over ``genotypes`` marks."""
        share = float(mask.mean())
        if self.exact:
            found = int(mask.sum())
            return Count(count=found, low=found, high=found, share=share, exact=True)
        interval = wilson(share, len(mask))
        low, middle, high = (_times(s, self.size) for s in (interval.low, share, interval.high))
        return Count(count=middle, low=low, high=high, share=share, exact=False)


def every(space: SearchSpace) -> Genotypes:
    """All distinct networks as canonical genotypes ``[size, genes]``."""
    depths = _Depths(space)
    blocks = []
    for row, free in zip(depths.rows, depths.free, strict=True):
        columns = np.flatnonzero(free)
        sizes = tuple(int(n) for n in space.cardinalities[columns])
        block = np.repeat(row[None], prod(sizes), axis=0)
        if sizes:
            block[:, columns] = np.stack(np.unravel_index(np.arange(prod(sizes)), sizes), axis=1)
        blocks.append(block)
    return np.concatenate(blocks)


def uniform(space: SearchSpace, rng: np.random.Generator, count: int) -> Genotypes:
    """Draw networks, each distinct one equally likely: ``[count, genes]``, canonical."""
    depths = _Depths(space)
    chosen = rng.choice(len(depths.rows), size=count, p=depths.shares)
    genotypes = rng.integers(0, space.cardinalities, (count, len(space.genes)))
    return np.where(depths.free[chosen], genotypes, depths.rows[chosen])


class _Depths:
    """All numbers of layers that may be kept, and how many networks there are with each.

    Attributes:
        rows: Genotypes with these numbers, other genes at their largest choice.
        free: Genes that still can be chosen, as ``rows``.
        shares: Of all networks, ``[rows]``.
    """

    def __init__(self, space: SearchSpace) -> None:
        columns = [j for j, gene in enumerate(space.genes) if gene.effect == "depth"]
        choices = list(product(*(range(int(space.cardinalities[j])) for j in columns)))
        self.rows = np.repeat(space.cardinalities[None] - 1, len(choices), axis=0)
        self.rows[:, columns] = np.array(choices, dtype=np.int64).reshape(len(choices), -1)
        self.free = space.active(self.rows)
        self.free[:, columns] = False
        counts = [prod(int(n) for n in space.cardinalities[free]) for free in self.free]
        self.shares = np.array([count / sum(counts) for count in counts])


def _times(share: float, size: int) -> int:
    """A share of a number that may be too large for floating point."""
    return round(share * 10**9) * size // 10**9
