"""Exact costs from a sample: MACs and parameters are sums over layers, so few rows decide them all.

A layer's share depends on all of its genes together; genes outside of layers have shares of their
own. Least squares finds the shares. The result is exact, not an estimate, when three things hold,
and all three are checked: there are more rows than shares (so that a fit means something), every
row is reproduced, and every network of the space consists of shares that the rows decide.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.errors import SpaceError
from instatune.space.search_space import Genotypes, SearchSpace

_ERROR = 1e-9  # largest relative error of a row that is mere rounding
_MOST_SHARES = 5_000
_PROBES = 2_048  # random networks that stand for the space


@attrs.frozen(kw_only=True, eq=False)
class Additive:
    """A sum of shares.

    Attributes:
        space: All networks.
        shares: Of each column of :func:`_parts`.
        whole: Whether all values are whole numbers, so that sums are rounded.
    """

    space: SearchSpace
    shares: NDArray[np.float64]
    whole: bool

    def __call__(self, genotypes: Genotypes) -> NDArray[np.float64]:
        """Values of networks of the space, ``[rows]``."""
        sums = np.asarray(_parts(self.space, genotypes) @ self.shares)
        return np.round(sums) if self.whole else sums


def additive(space: SearchSpace, genotypes: Genotypes, values: NDArray[np.float64]) -> Additive:
    """Find the shares.

    Args:
        space: All networks.
        genotypes: Distinct canonical networks of a table, ``[rows, genes]``.
        values: Of them, ``[rows]``.

    Raises:
        SpaceError: No sum of shares gives the values, or the rows do not decide all shares.
    """
    parts = _parts(space, genotypes)
    shares, _, rank, _ = np.linalg.lstsq(parts, values, rcond=None)
    error = float(np.max(np.abs(parts @ shares - values)) / max(np.max(np.abs(values)), 1e-300))
    if error > _ERROR:
        raise SpaceError(f"no sum over layers: the relative error of the best one is {error:.1g}")
    if len(parts) <= rank:
        raise SpaceError(f"{len(parts)} rows cannot confirm {rank} shares of layers; give more")
    drawn = space.sample(np.random.default_rng(0), _PROBES)
    # Each way to make a layer is in some of these networks with near certainty.
    probes = np.unique(_parts(space, drawn), axis=0)
    needed = int(np.linalg.matrix_rank(np.concatenate([parts, probes])))
    if needed > rank:
        raise SpaceError(
            f"a sum over layers, but the rows decide only {rank} of its {needed} shares; give rows"
            " with other layers"
        )
    return Additive(
        space=space,
        shares=np.asarray(shares, dtype=np.float64),
        whole=bool((values == np.round(values)).all()),
    )


def _parts(space: SearchSpace, genotypes: Genotypes) -> NDArray[np.float64]:
    """A column for the constant and for each way to make a layer, ``[rows, shares]``."""
    active = space.active(genotypes)
    blocks = [np.ones((len(genotypes), 1), dtype=bool)]
    for columns in _groups(space):
        counts = tuple(int(count) for count in space.cardinalities[columns])
        code = np.ravel_multi_index(tuple(genotypes[:, columns].T), counts)
        ways = np.arange(np.prod(counts))
        blocks.append((code[:, None] == ways) & active[:, columns[:1]])
    return np.concatenate(blocks, axis=1).astype(np.float64)


def _groups(space: SearchSpace) -> list[list[int]]:
    """Columns of genotypes by layer; genes outside of layers are alone."""
    groups: dict[object, list[int]] = {}
    for column, gene in enumerate(space.genes):
        home = gene.name if gene.layer is None else (gene.stack, gene.layer)
        groups.setdefault(home, []).append(column)
    shares = sum(int(np.prod(space.cardinalities[columns])) for columns in groups.values())
    if shares > _MOST_SHARES:
        raise SpaceError(
            f"layers can be made in {shares:,} ways, too many to find each one's share"
        )
    return list(groups.values())
