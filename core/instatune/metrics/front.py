"""Pareto fronts of losses ``[rows, aims]``; less is better in every column.

Point a dominates b if it is nowhere worse and somewhere better. Equal points do not dominate each
other, so repeats of a non-dominated point are all on the front. Ranks and fronts come from moocore
(Fonseca & López-Ibáñez), which sorts instead of comparing all pairs; crowding is that of Deb et
al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Losses = NDArray[np.float64]


def non_dominated(losses: Losses) -> NDArray[np.bool_]:
    """Which points are on the front, ``[rows]``.

    Args:
        losses: ``[rows, aims]``, at least one aim.

    Raises:
        ValueError: Not a table, or not a number somewhere: no order is defined then.
    """
    import moocore

    points = as_losses(losses)
    if points.shape[1] == 1:
        return np.asarray(points[:, 0] == points.min(initial=np.inf))
    if not len(points):
        return np.zeros(0, dtype=bool)
    return np.asarray(moocore.is_nondominated(points, keep_weakly=True), dtype=bool)


def ranks(losses: Losses) -> NDArray[np.int64]:
    """Number of the front that each point is on, ``[rows]``.

    Front 0 is the Pareto front; front k is the Pareto front of what fronts 0 to k-1 leave.
    """
    import moocore

    points = as_losses(losses)
    if points.shape[1] == 1:
        return np.unique(points[:, 0], return_inverse=True)[1].astype(np.int64)
    if not len(points):
        return np.zeros(0, dtype=np.int64)
    return np.asarray(moocore.pareto_rank(points), dtype=np.int64)


def crowding(losses: Losses, rank: NDArray[np.int64]) -> NDArray[np.float64]:
    """Crowding distance of each point inside its own front, ``[rows]``; inf at the ends.

    The sum over aims of the gap between a point's two neighbours, relative to the extent of its
    front. A front without extent in one aim gets 0 from it.

    Args:
        losses: ``[rows, aims]``.
        rank: Front of each point, ``[rows]``, as :func:`ranks` gives it.
    """
    points = as_losses(losses)
    total = np.zeros(len(points))
    for column in points.T:
        order = np.lexsort((column, rank))
        total[order] += _gaps(column[order], rank[order])
    return total


def best_first(losses: Losses, violation: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
    """Order of rows from best to worst by NSGA-II's rule, ``[rows]`` indices.

    Feasible points come first, by front and then from lonely to crowded; infeasible ones follow
    from the smallest violation to the largest. Ties keep their order.

    Args:
        losses: ``[rows, aims]``.
        violation: Summed violation of constraints, ``[rows]``, 0 = feasible; None: all feasible.
    """
    points = as_losses(losses)
    excess = np.zeros(len(points)) if violation is None else violation
    feasible = np.flatnonzero(excess <= 0)
    infeasible = np.flatnonzero(excess > 0)
    rank = ranks(points[feasible])
    lonely = -crowding(points[feasible], rank)
    return np.concatenate(
        [
            feasible[np.lexsort((lonely, rank))],
            infeasible[np.argsort(excess[infeasible], kind="stable")],
        ]
    )


def as_losses(losses: Losses) -> Losses:
    """Check that something is a table of numbers ``[rows, aims]``.

    Raises:
        ValueError: It is not.
    """
    points = np.ascontiguousarray(losses, dtype=np.float64)
    if points.ndim != 2 or not points.shape[1]:
        raise ValueError(f"losses: shape {points.shape}; a table [rows, aims] is needed")
    if np.isnan(points).any():
        raise ValueError("losses: not a number (NaN) has no place in an order; leave the row out")
    return points


def _gaps(values: NDArray[np.float64], rank: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distance between both neighbours, relative to the front; sorted by front, then by value."""
    if not len(values):
        return np.zeros(0)
    starts = np.flatnonzero(np.diff(rank, prepend=rank[0] - 1))
    sizes = np.diff(starts, append=len(values))
    low, high = values[starts], values[starts + sizes - 1]
    extent = np.repeat(np.where(high > low, high - low, 1.0), sizes)
    gaps = (np.roll(values, -1) - np.roll(values, 1)) / extent
    gaps[starts] = gaps[starts + sizes - 1] = np.inf
    return np.asarray(gaps)
