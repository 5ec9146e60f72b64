"""Which values of genes can be left out, judged by networks that were measured.

Two rules, one mask ``[choices]`` for each gene as the result. Both keep the largest value, so that
the full network stays, and at least two values of each gene that has them.

* :func:`frequent`: what good networks hardly ever have goes (PopDB: Sarah et al., "A hardware-aware
  system for accelerating deep neural network optimization", arXiv 2202.12954).
* :func:`harmless`: what boosted trees blame for bad networks goes (Luo et al., "Neural architecture
  search with GBDT", arXiv 2007.04785, who take Shapley values; here each value is forced upon all
  measured networks and the mean change of the prediction counts).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.space import SearchSpace
from instatune.space.search_space import Genotypes

Keep: TypeAlias = "tuple[NDArray[np.bool_], ...]"

_RARE = 0.01  # relative frequency up to which a value is dropped
_CHANCE = 0.05  # more likely than this, a value is absent by bad luck alone: that is no evidence
_CLUSTER, _NEIGHBOURS = 50, 10  # PopDB's HDBSCAN, for histories that are long enough
_LEAST = 20  # networks that trees learn from at least


def frequent(space: SearchSpace, good: Genotypes) -> Keep:
    """Keep the values that occur in the clusters of good networks.

    A gene is left alone where too few networks have it: c equally likely choices leave one out of n
    networks with chance ``(1 - 1 / c) ** n``.

    Args:
        space: Of the networks.
        good: Canonical, ``[rows, genes]``.
    """
    networks = _clustered(space, good)
    active = space.active(networks)
    return tuple(
        _common(networks[active[:, column], column], int(count))
        for column, count in enumerate(space.cardinalities)
    )


def harmless(
    space: SearchSpace,
    networks: Genotypes,
    unbeaten: int,
    rng: np.random.Generator,
    drop: float,
) -> Keep:
    """Drop the values that make networks worse in the eyes of boosted trees, the worst first.

    Trees learn the place of a network in the order of all. With several objectives that alone would
    drop what a few networks of the front need, so what these have stays.

    Args:
        space: Of the networks.
        networks: All that were measured, best first, canonical, ``[rows, genes]``.
        unbeaten: How many of these nothing beats.
        rng: For the trees, and for genes of layers that only a forced depth brings back.
        drop: Part of all values that goes at most.
    """
    keep = tuple(np.ones(count, dtype=bool) for count in space.cardinalities)
    if len(networks) < _LEAST:
        return keep
    needed = _values(space, networks[:unbeaten])
    harm = _harm(space, networks, _fitted(space, networks, rng), rng)
    left = int(drop * int(space.cardinalities.sum()))
    for effect, column, value in sorted(harm, reverse=True):
        if effect <= 0 or not left:
            break
        if keep[column].sum() > 2 and not needed[column][value]:
            keep[column][value] = False
            left -= 1
    return keep


def smaller(space: SearchSpace, keep: Keep) -> SearchSpace:
    """The space with fewer choices; its networks are networks of the full one, spelled alike."""
    genes = tuple(
        attrs.evolve(gene, choices=tuple(np.array(gene.choices)[mask].tolist()))
        for gene, mask in zip(space.genes, keep, strict=True)
    )
    return attrs.evolve(space, genes=genes)


def widened(keep: Keep, genotypes: Genotypes) -> Genotypes:
    """Genotypes of the smaller space in columns of the full one, canonical ones stay so."""
    columns = [np.flatnonzero(mask)[genotypes[:, j]] for j, mask in enumerate(keep)]
    return np.stack(columns, axis=1)


def dropped(space: SearchSpace, keep: Keep) -> dict[str, Sequence[int]]:
    """Values that are left out, by name of the gene."""
    return {
        gene.name: tuple(np.array(gene.choices)[~mask].tolist())
        for gene, mask in zip(space.genes, keep, strict=True)
        if not mask.all()
    }


def _clustered(space: SearchSpace, good: Genotypes) -> Genotypes:
    """Networks that belong to a cluster; all of them if none is found."""
    size = min(_CLUSTER, max(5, len(good) // 4))
    if len(good) < 2 * size:
        return good
    from sklearn.cluster import HDBSCAN

    levels = good / np.maximum(space.cardinalities - 1, 1)
    model = HDBSCAN(min_cluster_size=size, min_samples=min(_NEIGHBOURS, size), copy=True)
    labels = model.fit_predict(levels)
    return good[labels >= 0] if (labels >= 0).any() else good


def _common(values: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    if (1 - 1 / count) ** len(values) > _CHANCE or count < 3:
        return np.ones(count, dtype=bool)
    share = np.bincount(values, minlength=count) / len(values)
    keep = share > _RARE
    keep[-1] = True
    keep[int(share[:-1].argmax())] = True
    return np.asarray(keep)


def _values(space: SearchSpace, networks: Genotypes) -> Keep:
    """Which values of each gene occur where the gene is active."""
    active = space.active(networks)
    return tuple(
        np.bincount(networks[active[:, column], column], minlength=count) > 0
        for column, count in enumerate(space.cardinalities)
    )


def _fitted(
    space: SearchSpace, networks: Genotypes, rng: np.random.Generator
) -> Callable[[Genotypes], NDArray[np.float64]]:
    from sklearn.ensemble import GradientBoostingRegressor

    model = GradientBoostingRegressor(
        n_estimators=100, max_depth=3, subsample=0.8, random_state=int(rng.integers(2**31))
    )
    model.fit(space.features(networks), np.arange(len(networks)) / len(networks))
    return lambda genotypes: np.asarray(model.predict(space.features(genotypes)))


def _harm(
    space: SearchSpace,
    networks: Genotypes,
    predict: Callable[[Genotypes], NDArray[np.float64]],
    rng: np.random.Generator,
) -> list[tuple[float, int, int]]:
    """Mean change of the prediction where a value is forced: (effect, gene, choice).

    The largest choices are left out: they stay anyway.
    """
    active, before = space.active(networks), predict(networks)
    drawn = rng.integers(0, space.cardinalities, networks.shape)
    filled = np.where(active, networks, drawn)
    found = []
    for column, count in enumerate(space.cardinalities):
        rows = np.flatnonzero(active[:, column])
        for value in range(int(count) - 1 if len(rows) else 0):
            forced = filled[rows].copy()
            forced[:, column] = value
            effect = predict(space.canonical(forced)) - before[rows]
            found.append((float(effect.mean()), column, value))
    return found
