"""Rows of a table as measured networks: numbers, each network once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.errors import DataError
from instatune.space.search_space import Genotypes
from instatune.tables import Table
from instatune_plugins.benchmarks.coding import Coding


@attrs.frozen(kw_only=True, eq=False)
class Measured:
    """Networks that a table holds, each once.

    Attributes:
        genotypes: Canonical, ``[networks, genes]``, in rising order.
        columns: Values by head of the column, ``[networks]``.
        repeats: Rows that were merged into others.
    """

    genotypes: Genotypes
    columns: Mapping[str, NDArray[np.float64]]
    repeats: int = 0


def measured(
    table: Table,
    coding: Coding,
    columns: Iterable[str],
    duplicates: Literal["error", "mean", "first"],
) -> Measured:
    """Read columns of numbers and merge the rows of one network.

    Raises:
        DataError: A cell that is no number, or a network in two rows where this is an error.
    """
    found = {name: table.numbers(name) for name in dict.fromkeys(columns)}
    networks, first, inverse, counts = np.unique(
        coding.genotypes, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    inverse = inverse.reshape(-1)
    repeats = len(table) - len(networks)
    if repeats and duplicates == "error":
        raise _repeated(table, coding, inverse, int(np.argmax(counts > 1)))
    if duplicates == "mean":
        merged = {
            name: np.bincount(inverse, weights=values, minlength=len(networks)) / counts
            for name, values in found.items()
        }
    else:
        merged = {name: values[first] for name, values in found.items()}
    return Measured(genotypes=networks, columns=merged, repeats=repeats)


def _repeated(table: Table, coding: Coding, inverse: NDArray[np.int64], network: int) -> DataError:
    first, second = (int(row) for row in np.flatnonzero(inverse == network)[:2])
    genes = coding.space.decode(coding.genotypes[[first]])[0].as_dict()
    return DataError(
        f"{table.place(second)}: the same network as in {table.place(first)} ({genes}); remove one,"
        " or set 'duplicates' to mean or first"
    )
