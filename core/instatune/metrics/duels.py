"""Two samples against each other: is the difference more than chance, and how large is it?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def vargha_delaney(one: ArrayLike, other: ArrayLike) -> float:
    """Chance that a value of ``one`` is above a value of ``other``, ties counted half; 0.5 = equal.

    Raises:
        ValueError: One of them is empty.

    Source: Vargha & Delaney, "A critique and improvement of the CL common language effect size
    statistics of McGraw and Wong", 2000: the measure A12.
    """
    first, second = _samples(one, other)
    above = (first[:, None] > second[None]).mean()
    equal = (first[:, None] == second[None]).mean()
    return float(above + 0.5 * equal)


def mann_whitney(one: ArrayLike, other: ArrayLike) -> float:
    """Two-sided p of the Mann-Whitney U test; exact for small samples without ties.

    Samples that are all one value differ by nothing: 1.

    Raises:
        ValueError: One of them is empty.

    Source: Mann & Whitney, "On a test of whether one of two random variables is stochastically
    larger than the other", 1947.
    """
    from scipy import stats

    first, second = _samples(one, other)
    if len(np.unique(np.concatenate([first, second]))) == 1:
        return 1.0
    return float(min(1.0, stats.mannwhitneyu(first, second, alternative="two-sided").pvalue))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust the p-values of a family of tests: the chance of any false alarm stays at the level.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return tuple(adjusted)


def least_p(one: int, other: int) -> float:
    """The smallest two-sided p that samples of these sizes can give: too few can prove nothing."""
    from math import comb

    return min(1.0, 2.0 / comb(one + other, one))


def _samples(one: ArrayLike, other: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = (np.asarray(sample, dtype=np.float64).ravel() for sample in (one, other))
    if not len(first) or not len(second):
        raise ValueError(
            f"samples of {len(first)} and {len(second)} values; both need one at least"
        )
    return first, second
