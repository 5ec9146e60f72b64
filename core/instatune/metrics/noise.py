"""Pareto fronts of losses that are known up to a standard error, as timings are.

A difference counts if it is larger than ``z`` standard errors of it; where errors are 0, any
difference does. Point a *clearly beats* b if no loss of it is worse by a difference that counts,
and one is better by such a difference. So a network that is worse in an exact loss and as quick as
far as can be told is beaten.

Differences that do not count add up: a may be as quick as b and b as quick as c, though a is
clearly slower than c. If all that are beaten by anyone were dropped, a could drop b and b could
drop c, of which nothing that stays makes up for c. The front is therefore the kernel of the
relation (von Neumann and Morgenstern, "Theory of Games and Economic Behavior", 1944): no point of
it clearly beats another, and each point that is left out is clearly beaten by one of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instatune.metrics.front import Losses, as_losses, non_dominated
from instatune.metrics.statistics import Z95


def clear_front(losses: Losses, errors: Losses, z: float = Z95) -> NDArray[np.bool_]:
    """Which points are on the front when differences within noise do not count, ``[rows]``.

    It is never empty where there are points, does not depend on their order, and without errors is
    the Pareto front. With one noisy loss the kernel exists and is unique. With several, points may
    beat each other in a circle; of what no one outside has beaten then, the Pareto front stays.

    Args:
        losses: ``[rows, aims]``, less is better.
        errors: Their standard errors, of the same shape; 0 for exact ones.
        z: Standard errors of a difference that it must exceed to count; 95 % unless told otherwise.

    Raises:
        ValueError: Not a table of numbers, or errors that are negative or of another shape.
    """
    points, spread = as_losses(losses), as_losses(errors)
    if spread.shape != points.shape or (spread < 0).any():
        raise ValueError(
            f"errors: of shape {spread.shape}, the least is {spread.min(initial=np.inf):g}; one for"
            f" each of the losses {points.shape} is needed, and none below 0"
        )
    if not spread.any():
        return non_dominated(points)
    return _kernel(points, _beats(points, spread, z))


def _kernel(points: Losses, beats: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep what nothing undecided beats, drop what it beats, and so on."""
    kept, undecided = np.zeros(len(points), dtype=bool), np.ones(len(points), dtype=bool)
    while undecided.any():
        first = undecided & ~beats[undecided].any(axis=0)
        if not first.any():  # only circles, and what they beat
            rows = np.flatnonzero(undecided)
            first[rows[non_dominated(points[rows])]] = True
        kept |= first
        undecided &= ~first & ~beats[first].any(axis=0)
    return kept


def _beats(points: Losses, errors: Losses, z: float) -> NDArray[np.bool_]:
    """Whether the row clearly beats the column, ``[rows, rows]``."""
    shape = (len(points), len(points))
    worse, better = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for values, spread in zip(points.T, errors.T, strict=True):
        gaps = values[:, None] - values
        counts = np.abs(gaps) > z * np.hypot(spread[:, None], spread)
        worse |= counts & (gaps > 0)
        better |= counts & (gaps < 0)
    return better & ~worse
