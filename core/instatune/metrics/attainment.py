"""Attainment: what a search reaches in a given share of its repetitions.

Grunert da Fonseca, Fonseca & Hall, "Inferential performance assessment of stochastic optimisers and
the attainment function", 2001. The surfaces come from moocore.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from instatune.metrics.front import Losses, as_losses
from instatune.metrics.hypervolume import hypervolume


def attainment(fronts: Sequence[Losses], share: float = 0.5) -> Losses:
    """Corners of the surface that at least this share of the repetitions reaches, ``[rows, 2]``.

    Args:
        fronts: Losses ``[rows, 2]`` of each repetition; rows that are not finite are left out, and
            a repetition may be empty.
        share: Above 0, up to 1; 0.5 gives the median surface.

    Returns:
        Sorted by the first loss; empty where too few repetitions have any point.

    Raises:
        ValueError: Not two aims, or no such share.
    """
    import moocore

    if not 0.0 < share <= 1.0:
        raise ValueError(f"share {share}; it lies above 0 and up to 1")
    kept = [_finite(front) for front in fronts]
    if not any(len(front) for front in kept):
        return np.zeros((0, 2))
    far = np.concatenate(kept).max(axis=0) + 1.0
    # An empty repetition must count, so it gets a point that is worse than everything.
    filled = [front if len(front) else far[None] for front in kept]
    sets = np.repeat(np.arange(len(filled)) + 1, [len(front) for front in filled])
    found = moocore.eaf(np.concatenate(filled), sets, percentiles=[100.0 * share])[:, :2]
    found = found[(found < far).all(axis=1)]
    return np.asarray(found[np.lexsort((found[:, 1], found[:, 0]))])


def slab(losses: Losses, reference: NDArray[np.float64], low: float, high: float) -> float:
    """Hypervolume of two aims between two values of the first one.

    Args:
        losses: ``[rows, 2]``.
        reference: ``[2]``.
        low: Where the slab begins.
        high: Where it ends; what lies beyond the reference does not count.
    """
    points = _finite(losses)
    corner = np.array([min(high, float(reference[0])), float(reference[1])])
    if not len(points) or corner[0] <= low:
        return 0.0
    moved = np.column_stack([np.maximum(points[:, 0], low), points[:, 1]])
    return hypervolume(moved, corner)


def _finite(front: Losses) -> Losses:
    points = as_losses(np.asarray(front, dtype=np.float64).reshape(-1, np.shape(front)[-1]))
    if points.shape[1] != 2:
        raise ValueError(f"losses of {points.shape[1]} aims; attainment is drawn for two")
    return points[np.isfinite(points).all(axis=1)]
