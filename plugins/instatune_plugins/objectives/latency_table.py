"""``latency_table``: a network takes the sum of what its parts take.

ProxylessNAS (Cai et al., ICLR 2019, arXiv:1812.00332) sums a table of measured operations. Here the
entries are found by regression on whole networks, so that what happens between operations counts
too, and nothing must be measured part by part. The entries are

* what each choice costs, the same in each layer of a stack: layers are alike;
* what two choices of one layer cost together, as of neurons and bits, likewise;
* what each choice costs in its own layer more than in others.

The last two are drawn to zero more strongly. By how much, and how strong the penalty of the ridge
regression is, is decided by the squared errors when networks are left out one by one, which have a
closed form (Allen, "The relationship between variable selection and data augmentation", 1974).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import attrs
import numpy as np

from instatune_plugins.objectives.latency_predicted import Array, Model, PredictedLatency, kind_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from instatune.space import Gene, SearchSpace
    from instatune.space.search_space import Genotypes

_WEIGHTS = (0.0, 0.1, 0.3, 1.0)  # of what is drawn to zero more strongly
_PENALTIES = np.logspace(2, -6, 25)  # relative to the mean squared singular value


class LatencyTable(PredictedLatency):
    """Ridge regression on shares of layers."""

    def learn(self, space: SearchSpace, genotypes: Genotypes, seconds: Array) -> Model:
        """Find the shares; see :meth:`PredictedLatency.learn`."""
        common, special = features(space, genotypes)
        fits = [(w, ridge(np.hstack([common, w * special]), seconds)) for w in _WEIGHTS]
        weight, best = min(fits, key=lambda pair: pair[1].error)

        def predict(asked: Genotypes) -> Array:
            shared, own = features(space, asked)
            return np.asarray(best.offset + np.hstack([shared, weight * own]) @ best.slopes)

        return predict


@attrs.frozen(kw_only=True, eq=False)
class Ridge:
    """A linear form.

    Attributes:
        slopes: Of each column.
        offset: Value where all columns are 0.
        error: Mean squared error of rows that were left out one by one.
    """

    slopes: Array
    offset: float
    error: float


def ridge(x: Array, y: Array) -> Ridge:
    """Fit by penalised least squares, with the penalty that leaves the least error.

    Args:
        x: ``[rows, columns]``, at least two rows.
        y: ``[rows]``.
    """
    middle, mean = x.mean(axis=0), float(y.mean())
    u, s, v = np.linalg.svd(x - middle, full_matrices=False)
    aims = u.T @ (y - mean)
    unit = max(float(np.mean(s**2)), 1e-300)
    fits = []
    for penalty in unit * _PENALTIES:
        share = s**2 / (s**2 + penalty)
        leverage = 1 / len(y) + (u**2) @ share
        rest = (y - mean - u @ (share * aims)) / np.maximum(1 - leverage, 1e-9)
        slopes = v.T @ (s / (s**2 + penalty) * aims)
        offset = mean - float(middle @ slopes)
        fits.append(Ridge(slopes=slopes, offset=offset, error=float(np.mean(rest**2))))
    return min(fits, key=lambda fit: fit.error)


def features(space: SearchSpace, genotypes: Genotypes) -> tuple[Array, Array]:
    """Columns of what layers have in common, and of the rest; the same ones for any rows."""
    active = space.active(genotypes)
    chosen = [
        (genotypes[:, [column]] == np.arange(count)) & active[:, [column]]
        for column, count in enumerate(space.cardinalities)
    ]
    single = _summed(
        ((*kind_of(gene), value), hot[:, index])
        for gene, hot in zip(space.genes, chosen, strict=True)
        for index, value in enumerate(gene.choices)
    )
    pairs = _summed(_together(space, chosen))
    return single, np.hstack([pairs, *chosen]).astype(np.float64)


def _together(
    space: SearchSpace, chosen: list[NDArray[np.bool_]]
) -> Iterator[tuple[Hashable, NDArray[np.bool_]]]:
    """Which two choices meet in a layer."""
    layers: dict[tuple[str | None, int], list[int]] = {}
    for column, gene in enumerate(space.genes):
        if gene.layer is not None:
            layers.setdefault((gene.stack, gene.layer), []).append(column)
    for columns in layers.values():
        for a, b in combinations(columns, 2):
            yield from _pair(space.genes[a], chosen[a], space.genes[b], chosen[b])


def _pair(
    one: Gene, ones: NDArray[np.bool_], other: Gene, others: NDArray[np.bool_]
) -> Iterator[tuple[Hashable, NDArray[np.bool_]]]:
    for i, value in enumerate(one.choices):
        for j, partner in enumerate(other.choices):
            key = (kind_of(one), value, kind_of(other), partner)
            yield key, ones[:, i] & others[:, j]


def _summed(columns: Iterator[tuple[Hashable, NDArray[np.bool_]]]) -> Array:
    """Add columns of one key; ``[rows, keys]``, in the order of their first."""
    sums: dict[Hashable, Array] = {}
    rows = 0
    for key, column in columns:
        rows = len(column)
        sums[key] = sums.get(key, np.zeros(rows)) + column
    return np.stack(list(sums.values()), axis=1) if sums else np.zeros((rows, 0))
