"""Tables that hold every network of their space: a value is looked up."""

from __future__ import annotations

from math import prod

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.space import SearchSpace
from instatune.space.search_space import Genotypes


@attrs.frozen(kw_only=True, eq=False)
class Lookup:
    """Values by genotype.

    Attributes:
        space: All networks.
        codes: One number for each network, rising, ``[networks]``.
        values: In their order, ``[networks]``.
    """

    space: SearchSpace
    codes: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, space: SearchSpace, genotypes: Genotypes, values: NDArray[np.float64]) -> Lookup:
        """Index the networks of a table; all of the space must be there."""
        codes = _codes(space, genotypes)
        order = np.argsort(codes)
        return cls(space=space, codes=codes[order], values=values[order])

    def __call__(self, genotypes: Genotypes) -> NDArray[np.float64]:
        """Values of networks of the space, ``[rows]``."""
        found = np.searchsorted(self.codes, _codes(self.space, genotypes))
        return np.asarray(self.values[found])


def covers(space: SearchSpace, genotypes: Genotypes) -> bool:
    """Whether distinct canonical genotypes are all that there are."""
    return len(genotypes) == space.size and _spellings(space) < 2**62


def _spellings(space: SearchSpace) -> int:
    return prod(int(count) for count in space.cardinalities)


def _codes(space: SearchSpace, genotypes: Genotypes) -> NDArray[np.int64]:
    """Canonical genotypes as numbers in a mixed radix."""
    columns = space.canonical(np.asarray(genotypes)).T
    codes = np.zeros(len(genotypes), dtype=np.int64)
    for column, count in zip(columns, space.cardinalities, strict=True):
        codes = codes * count + column
    return codes
