"""All members of a space that is small enough to be listed."""

from __future__ import annotations

from math import prod

import numpy as np

from instatune.errors import SpaceError
from instatune.space.search_space import Genotypes, SearchSpace

MOST = 2_000_000
"""Spellings that are listed at most; one network has as many as its inactive genes allow."""


def members(space: SearchSpace) -> Genotypes:
    """Every network of a space once, as canonical genotypes ``[rows, genes]`` in rising order.

    Raises:
        SpaceError: There are more than :data:`MOST` spellings to go through.
    """
    counts = [int(count) for count in space.cardinalities]
    if prod(counts) > MOST:
        raise SpaceError(
            f"the genes of this space have {prod(counts):,} combinations, more than the {MOST:,}"
            " that can be listed; sample from it instead"
        )
    spellings = np.indices(counts, dtype=np.int64).reshape(len(counts), -1).T
    canonical = (spellings == space.canonical(spellings)).all(axis=1)
    return np.ascontiguousarray(spellings[canonical])
