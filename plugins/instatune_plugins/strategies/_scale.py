"""Losses of different units brought to like sizes."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray


@attrs.frozen
class Scale:
    """Maps losses so that those it was made of lie between 0 and 1.

    Attributes:
        low: Smallest loss of each aim, ``[aims]``.
        extent: Largest minus smallest, ``[aims]``; where all are equal, their size, or 1.
    """

    low: NDArray[np.float64]
    extent: NDArray[np.float64]

    @classmethod
    def of(cls, losses: NDArray[np.float64]) -> Scale:
        """Take the bounds of losses ``[rows, aims]``, at least one row."""
        low, high = losses.min(axis=0), losses.max(axis=0)
        size = np.where(low == 0, 1.0, np.abs(low))
        return cls(low, np.where(high > low, high - low, size))

    def __call__(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scaled losses ``[rows, aims]``."""
        return np.asarray((losses - self.low) / self.extent)
