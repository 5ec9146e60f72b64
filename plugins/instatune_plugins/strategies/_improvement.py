"""Expected hypervolume improvement, exact for independent normal predictions.

A network with losses y adds to the hypervolume the part of the non-dominated region that lies above
y. So the expectation is the integral over that region of the chance that y lies below, which is a
product over aims on each box of the region; its factors are differences of the expected improvement
of one aim, EI(a) = E max(a - y, 0). With two aims this is the formula of Emmerich et al.,
"Hypervolume-based expected improvement: monotonicity properties and exact computation", 2011. Exact
losses are normal ones without deviation.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.metrics.front import non_dominated

Array = NDArray[np.float64]


@attrs.frozen
class Normals:
    """Independent normal predictions of losses.

    Attributes:
        mean: ``[rows, aims]``.
        std: ``[rows, aims]``, 0 = exact.
    """

    mean: Array
    std: Array

    def improvement(self, aim: int, threshold: float) -> Array:
        """Expected amount by which the loss in one aim falls below a threshold, ``[rows]``."""
        from scipy.special import ndtr

        gap, std = threshold - self.mean[:, aim], self.std[:, aim]
        sure = std <= 0
        scale = np.where(sure, 1.0, std)
        unit = gap / scale
        density = np.exp(-0.5 * unit**2) / np.sqrt(2 * np.pi)
        return np.where(sure, np.maximum(gap, 0.0), scale * (unit * ndtr(unit) + density))


def expected_improvement(losses: Normals, front: Array, reference: Array) -> Array:
    """Expected growth of the hypervolume by each of some networks, ``[rows]``.

    Args:
        losses: Predicted losses of the networks.
        front: Losses that were reached, ``[points, aims]``; may be empty.
        reference: Reference point of the hypervolume, ``[aims]``.
    """
    inside = front[(front < reference).all(axis=1)]
    return _volume(losses, inside, reference)


def _volume(losses: Normals, front: Array, reference: Array) -> Array:
    """Recursion over aims: slabs between neighbouring values of the last one.

    In a slab those points dominate that begin below it; there it is a problem with one aim less.
    """
    aims = front.shape[1]
    if aims == 1:
        return losses.improvement(0, min([float(reference[0]), *front[:, 0].tolist()]))
    front = front[non_dominated(front)]
    front = front[np.argsort(front[:, -1], kind="stable")]
    ends = [*front[:, -1].tolist(), float(reference[-1])]
    total, below = np.zeros(len(losses.mean)), np.zeros(len(losses.mean))
    for count, end in enumerate(ends):
        upto = losses.improvement(aims - 1, end)
        if count == 0 or end > ends[count - 1]:
            total += (upto - below) * _volume(losses, front[:count, :-1], reference[:-1])
        below = upto
    return total
