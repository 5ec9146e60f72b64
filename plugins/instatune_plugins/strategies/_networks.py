"""Distinct networks of a space: drawing them with equal chance, listing them, telling them apart.

Genes of dropped layers mean nothing, so a network with few layers has many spellings. Drawing each
gene uniformly therefore draws it as often as all its spellings together.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from instatune.space import SearchSpace
from instatune.space.search_space import Genotypes


def keys(genotypes: Genotypes) -> list[bytes]:
    """One key per row: canonical rows are equal networks exactly if their keys are equal."""
    data = np.ascontiguousarray(genotypes, dtype=np.int64).tobytes()
    width = 8 * genotypes.shape[1]
    return [data[start : start + width] for start in range(0, len(data), width)]


def fresh(genotypes: Genotypes, known: set[bytes]) -> Genotypes:
    """Rows that are not known, each once, in their order."""
    first: dict[bytes, int] = {}
    for row, key in enumerate(keys(genotypes)):
        if key not in known:
            first.setdefault(key, row)
    return genotypes[list(first.values())]


def uniform_networks(space: SearchSpace, rng: np.random.Generator, count: int) -> Genotypes:
    """Draw networks so that each distinct one has the same chance, canonical, ``[count, genes]``.

    A depth is drawn as often as it has networks; all other genes are uniform.
    """
    rows = rng.integers(0, space.cardinalities, (count, len(space.genes)))
    for column in _depth_columns(space):
        sizes = _networks_by_choice(space, column)
        shares = np.array([size / sum(sizes) for size in sizes])
        rows[:, column] = rng.choice(len(sizes), size=count, p=shares / shares.sum())
    return space.canonical(rows)


def all_networks(space: SearchSpace) -> Genotypes:
    """Every distinct network once, canonical, ``[space.size, genes]``; for small spaces."""
    depths = _depth_columns(space)
    blocks = [
        _block(space, depths, choice)
        for choice in product(*(range(space.cardinalities[column]) for column in depths))
    ]
    return np.concatenate(blocks)


def log_spellings(space: SearchSpace, genotypes: Genotypes) -> NDArray[np.float64]:
    """Logarithm of the number of genotypes that mean each network, ``[rows]``."""
    return np.asarray(~space.active(genotypes) @ np.log(space.cardinalities))


def _block(space: SearchSpace, depths: list[int], choice: tuple[int, ...]) -> Genotypes:
    """All networks whose depth genes stand at ``choice``."""
    start = space.cardinalities - 1
    start[depths] = choice
    active = space.active(start[None])[0]
    active[depths] = False
    columns = np.flatnonzero(active & (space.cardinalities > 1))
    shape = space.cardinalities[columns]
    rows = np.repeat(start[None], int(shape.prod()), axis=0)
    if len(columns):
        rows[:, columns] = np.stack(np.unravel_index(np.arange(len(rows)), shape), axis=1)
    return rows


def _depth_columns(space: SearchSpace) -> list[int]:
    return [column for column, gene in enumerate(space.genes) if gene.effect == "depth"]


def _networks_by_choice(space: SearchSpace, column: int) -> list[int]:
    """How many settings of the layers of its stacks each choice of a depth gene leaves."""
    depth, order = space.genes[column], dict(space.priority)
    sizes = []
    for kept in depth.choices:
        size = 1
        for gene in space.genes:
            if gene.stack in depth.targets and gene.layer in order[gene.stack][:kept]:
                size *= len(gene.choices)
        sizes.append(size)
    return sizes
