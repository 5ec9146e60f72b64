"""Draws of a wanted size: networks whose MACs lie in a bin.

Uniform genes almost never give a very small or very large network: the MACs of many genes add up
to something near the middle. So genes are *tilted*: choice k of n has a weight that grows or falls
as ``exp(tilt * k / (n - 1))``. One set of uniform numbers, read through the cumulative weights, is
turned into a network for each tilt, and that network only grows with the tilt. Bisection finds
the tilt that puts its exact MACs into the bin. At tilt 0 genes are uniform, so each network of
the bin can be drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.space import SearchSpace
from instatune.space.search_space import Genotypes

Macs: TypeAlias = Callable[[Genotypes], NDArray[np.float64]]

_TRIES = 8  # sets of numbers for each network: a gene that jumps over the bin spoils one of them
_ROUNDS = 6  # of tries, for networks that none of them gave
_HALVINGS = 24
_STEEPEST = 400.0  # tilt at which every gene is at its largest choice


@attrs.frozen(kw_only=True)
class Bins:
    """Equal intervals between the MACs of the smallest and of the largest network.

    Attributes:
        low: MACs of the smallest network.
        high: MACs of the largest network.
        count: Number of bins.
    """

    low: float
    high: float
    count: int

    @classmethod
    def of(cls, space: SearchSpace, macs: Macs, count: int) -> Bins:
        """Divide the range of a space."""
        low, high = macs(space.encode([space.smallest, space.largest]))
        return cls(low=float(low), high=float(high), count=count)

    def of_macs(self, macs: NDArray[np.float64]) -> NDArray[np.int64]:
        """Number of the bin, from 0, of each value."""
        share = (macs - self.low) / max(self.high - self.low, 1.0)
        return np.clip((share * self.count).astype(np.int64), 0, self.count - 1)

    def edges(self, index: int) -> tuple[float, float]:
        """Lower and upper bound of a bin."""
        width = (self.high - self.low) / self.count
        return self.low + index * width, self.low + (index + 1) * width


def draw_between(
    space: SearchSpace,
    macs: Macs,
    edges: tuple[float, float],
    count: int,
    rng: np.random.Generator,
) -> Genotypes:
    """Draw networks with MACs between two bounds.

    Args:
        space: Where to draw from.
        macs: MACs ``[rows]`` of genotypes.
        edges: The bounds.
        count: How many networks.
        rng: Source of randomness.

    Returns:
        Canonical genotypes ``[count, genes]``. Where there is no network between the bounds, one
        that comes near.
    """
    best = np.zeros((count, len(space.genes)), dtype=np.int64)
    gaps = np.full(count, np.inf)
    for _ in range(_ROUNDS):
        missing = np.flatnonzero(gaps)
        if not len(missing):
            break
        uniform = rng.random((len(missing) * _TRIES, len(space.genes)))
        found, gap = _bisected(space, macs, edges, uniform)
        # The first of several that fit.
        chosen = gap.reshape(-1, _TRIES).argmin(axis=1) + np.arange(len(missing)) * _TRIES
        better = gap[chosen] < gaps[missing]
        best[missing[better]] = found[chosen[better]]
        gaps[missing[better]] = gap[chosen[better]]
    return space.canonical(best)


def _bisected(
    space: SearchSpace, macs: Macs, edges: tuple[float, float], uniform: NDArray[np.float64]
) -> tuple[Genotypes, NDArray[np.float64]]:
    """Best genotype of each row of numbers, and how far its MACs are outside of the bounds."""
    rows = len(uniform)
    low, high = np.full(rows, -_STEEPEST), np.full(rows, _STEEPEST)
    best, gaps = np.zeros(uniform.shape, dtype=np.int64), np.full(rows, np.inf)
    for _ in range(_HALVINGS):
        tilt = (low + high) / 2
        genotypes = _tilted(space, tilt, uniform)
        values = macs(genotypes)
        gap = np.maximum(np.maximum(edges[0] - values, values - edges[1]), 0.0)
        better = gap < gaps
        best[better], gaps[better] = genotypes[better], gap[better]
        if not gaps.reshape(-1, _TRIES).min(axis=1).any():
            break  # each network has a set of numbers that fits
        small = values < edges[0]
        low, high = np.where(small, tilt, low), np.where(small, high, tilt)
    return best, gaps


def _tilted(
    space: SearchSpace, tilt: NDArray[np.float64], uniform: NDArray[np.float64]
) -> Genotypes:
    """Choice of each gene where a uniform number meets the cumulative tilted weights."""
    sizes = space.cardinalities
    choice = np.arange(sizes.max())
    rank = np.where(choice < sizes[:, None], choice / np.maximum(sizes[:, None] - 1, 1), np.nan)
    # Relative to the heaviest choice, which keeps the exponential in range.
    exponent = tilt[:, None, None] * np.where(tilt[:, None, None] > 0, rank - 1, rank)
    weights = np.nan_to_num(np.exp(exponent), nan=0.0)  # [rows, genes, choices]
    cumulative = weights.cumsum(axis=-1)
    passed = uniform[..., None] * cumulative[..., -1:] >= cumulative
    return np.asarray(np.minimum(passed.sum(axis=-1), sizes - 1))
