"""Statistics of results: intervals of accuracies, summaries over seeds, agreement of rankings."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

Z95 = 1.959964
"""97.5 % quantile of the normal distribution."""


@attrs.frozen
class Interval:
    """Two bounds."""

    low: float
    high: float


@attrs.frozen
class Quartiles:
    """Median and quartiles over repetitions: the fair summary of a few seeds.

    Attributes:
        median: ``[...]``.
        low: 25 % quantile.
        high: 75 % quantile.
    """

    median: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def iqr(self) -> NDArray[np.float64]:
        """Distance of the quartiles."""
        return self.high - self.low


def wilson(share: float, n: int, z: float = Z95) -> Interval:
    """Interval of a share of ``n`` examples, 95 % unless ``z`` says otherwise.

    Unlike share ± z standard errors it does not shrink to nothing at 0 and 1.

    Raises:
        ValueError: No examples, or a share outside of [0, 1].

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if n < 1 or not 0.0 <= share <= 1.0:
        raise ValueError(f"share {share} of {n} examples; a share is in [0, 1], of one at least")
    centre = share + z**2 / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    return Interval(max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale))


def quartiles(values: ArrayLike, axis: int = 0) -> Quartiles:
    """Median and quartiles along an axis (that of the seeds)."""
    low, median, high = np.quantile(np.asarray(values, dtype=np.float64), (0.25, 0.5, 0.75), axis)
    return Quartiles(median, low, high)


def kendall(one: Sequence[float] | NDArray[np.float64], other: ArrayLike) -> float:
    """Kendall's τ-b of two rankings, 1 = same order; NaN where one of them has no order at all."""
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(stats.kendalltau(np.asarray(one), np.asarray(other)).statistic)


def mape(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute error as a fraction of the true values; NaN if one of these is 0 or none is."""
    true = np.asarray(truth, dtype=np.float64)
    if not true.size or (true == 0).any():
        return math.nan
    return float(np.mean(np.abs((np.asarray(predicted) - true) / true)))
