"""Networks that differ in one gene."""

from __future__ import annotations

import numpy as np

from instatune.space import SearchSpace
from instatune.space.search_space import Genotypes
from instatune_plugins.strategies._networks import fresh, keys


def neighbours(space: SearchSpace, network: Genotypes) -> Genotypes:
    """All networks that are one gene away from a canonical one, canonical, ``[rows, genes]``.

    Where the depth grows, the layers that come back are full.

    Args:
        space: Where the network lives.
        network: ``[1, genes]``.
    """
    active = space.active(network)[0]
    blocks = [network[:0]]
    for column in np.flatnonzero(active & (space.cardinalities > 1)):
        others = np.delete(np.arange(space.cardinalities[column]), network[0, column])
        block = np.repeat(network, len(others), axis=0)
        block[:, column] = others
        blocks.append(block)
    return fresh(space.canonical(np.concatenate(blocks)), set(keys(network)))


def mutant(space: SearchSpace, network: Genotypes, rng: np.random.Generator) -> Genotypes:
    """Change one gene, drawn uniformly of those that mean something, to another choice.

    Args:
        space: Where the network lives; where it is the only one, it comes back.
        network: Canonical, ``[1, genes]``.
        rng: The only source of randomness.
    """
    columns = np.flatnonzero(space.active(network)[0] & (space.cardinalities > 1))
    if not len(columns):
        return network
    child, column = network.copy(), rng.choice(columns)
    count = space.cardinalities[column]
    child[0, column] = (child[0, column] + rng.integers(1, count)) % count
    return space.canonical(child)
