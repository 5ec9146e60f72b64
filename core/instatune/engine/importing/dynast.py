"""Result files of DyNAS-T: a network in each row, as a Python literal, with its measurements.

DyNAS-T (github.com/IntelLabs/DyNAS-T) writes a CSV file with the columns ``Sub-network``, ``Date``
and one for each thing measured, in the order of measuring. Several files of one super-network give
one table: a network that was measured several times gets the mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.engine.importing.layers import Depth, find_depth, make_space, without_dropped
from instatune.engine.importing.measure import Goal, Measure, measure_of, slug
from instatune.engine.importing.network import Literal, Values, read_literal
from instatune.errors import DataError, SpaceError
from instatune.metrics.front import non_dominated
from instatune.space import SearchSpace
from instatune.space.additive import additive
from instatune.space.search_space import Genotypes
from instatune.tables import Table, read_table

NETWORK, DATE = "Sub-network", "Date"


@attrs.frozen(kw_only=True, eq=False)
class Results:
    """What was read.

    Attributes:
        files: Rows of each file.
        space: All networks that the values in the files allow.
        depth: Which genes belong to which layers.
        genotypes: Distinct networks in order of their first measurement, ``[networks, genes]``.
        measures: Columns that tell networks apart, those first where more is better.
        values: Mean values by head, ``[networks]``.
        repeats: Rows of each network, ``[networks]``.
        exact: Heads whose values are proven sums over layers, see
            :mod:`instatune.space.additive`.
        constant: Value of each column that is the same in all rows, by head; left out.
    """

    files: Mapping[str, int]
    space: SearchSpace
    depth: Depth
    genotypes: Genotypes
    measures: tuple[Measure, ...]
    values: Mapping[str, NDArray[np.float64]]
    repeats: NDArray[np.int64]
    exact: frozenset[str]
    constant: Mapping[str, float]

    @property
    def front(self) -> NDArray[np.bool_]:
        """Which networks no other one beats in all measures, ``[networks]``."""
        columns = [
            -self.values[m.head] if m.goal == "max" else self.values[m.head] for m in self.measures
        ]
        return non_dominated(np.stack(columns, axis=1))


def read_results(
    paths: Sequence[str], goals: Mapping[str, Goal] | None = None, *, layered: bool = True
) -> Results:
    """Read result files of one super-network.

    Args:
        paths: CSV files, also gzipped.
        goals: Good directions by head, where the head does not tell.
        layered: Whether to look for numbers that count layers.

    Raises:
        DataError: A file is missing or damaged, a row is none of such a result, or the files are
            not of one super-network.
    """
    tables = [
        read_table(path, "csv" if path.endswith((".csv", ".csv.gz")) else "auto") for path in paths
    ]
    space, depth, rows = _coded(_literals(tables), layered, paths[0])
    first, inverse, repeats = _distinct(rows)
    means = {
        head: np.bincount(inverse, weights=_column(tables, head)) / repeats
        for head in _heads(tables)
    }
    constant = {head: float(v[0]) for head, v in means.items() if v.min() == v.max()}
    kept = {head: values for head, values in means.items() if head not in constant}
    if not kept:
        raise DataError(f"{paths[0]}: no column tells networks apart; there is nothing to import")
    return Results(
        files={table.source: len(table) for table in tables},
        space=space,
        depth=depth,
        genotypes=rows[first],
        measures=_measures(kept, goals or {}, paths[0]),
        values=kept,
        repeats=repeats,
        exact=frozenset(head for head in kept if _is_exact(space, rows[first], kept[head])),
        constant=constant,
    )


def _coded(
    literals: Sequence[Literal], layered: bool, place: str
) -> tuple[SearchSpace, Depth, Genotypes]:
    """The space of all networks, its layers, and a canonical genotype for each row."""
    names, lengths = literals[0].values, literals[0].lengths
    written = _choices(names, [found.values for found in literals])
    depth = find_depth(lengths, written) if layered else {}
    networks = [without_dropped(found.values, depth) for found in literals]
    choices = _without_constants(_choices(names, networks), lengths, depth)
    if not choices:
        raise DataError(f"{place}: all rows hold the same network; there is nothing to search")
    space = make_space(choices, depth)
    rows = np.array([_indices(network, choices) for network in networks], dtype=np.int64)
    return space, depth, space.canonical(rows)


def _literals(tables: Sequence[Table]) -> list[Literal]:
    """The networks of all rows; they must have the same genes."""
    found: list[Literal] = []
    for table in tables:
        for row, cell in enumerate(table[NETWORK]):
            literal = read_literal(cell, table.place(row))
            if found and literal.lengths != found[0].lengths:
                raise DataError(
                    f"{table.place(row)}: a network of another super-network than the first one"
                    f" ({_differences(found[0], literal)}); import them apart"
                )
            found.append(literal)
    return found


def _differences(first: Literal, other: Literal) -> str:
    keys = sorted(
        key
        for key in {*first.lengths, *other.lengths}
        if first.lengths.get(key) != other.lengths.get(key)
    )
    key = keys[0]
    return f"{key!r} has {other.lengths.get(key, 0)} numbers, not {first.lengths.get(key, 0)}"


def _choices(names: Iterable[str], networks: Sequence[Values]) -> dict[str, list[int]]:
    """Values of each gene, ascending."""
    found: dict[str, set[int]] = {name: set() for name in names}
    for network in networks:
        for name, value in network.items():
            found[name].add(value)
    return {name: sorted(values) for name, values in found.items()}


def _indices(network: Values, choices: Mapping[str, list[int]]) -> list[int]:
    """A row of choice indices; any will do for genes of dropped layers."""
    return [
        values.index(network[name]) if name in network else 0 for name, values in choices.items()
    ]


def _without_constants(
    choices: Mapping[str, list[int]], lengths: Mapping[str, int], depth: Depth
) -> dict[str, list[int]]:
    """Leave out keys of one number that is always the same, such as an input size."""
    return {
        name: values
        for name, values in choices.items()
        if len(values) > 1 or name in depth or lengths.get(name) != 1
    }


def _distinct(rows: Genotypes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """First row of each network in order, network of each row, rows of each network."""
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    network = place[inverse.reshape(-1)]
    return first[order], network, np.bincount(network)


def _heads(tables: Sequence[Table]) -> list[str]:
    """Columns of measurements that all files have."""
    common = [head for head in tables[0].columns if head not in (NETWORK, DATE)]
    return [head for head in common if all(head in table.columns for table in tables)]


def _column(tables: Sequence[Table], head: str) -> NDArray[np.float64]:
    return np.concatenate([table.numbers(head) for table in tables])


def _measures(
    heads: Mapping[str, NDArray[np.float64]], goals: Mapping[str, Goal], place: str
) -> tuple[Measure, ...]:
    unknown = sorted(set(goals) - set(heads))
    if unknown:
        raise DataError(
            f"{place}: --goal names {unknown[0]!r}, which is no column that tells networks apart;"
            f" these are {', '.join(map(repr, heads))}"
        )
    found = sorted(
        (measure_of(head, goals, place) for head in heads), key=lambda m: m.goal == "min"
    )
    names = [measure.name for measure in found]
    return tuple(
        measure
        if names.count(measure.name) == 1
        else attrs.evolve(measure, name=slug(measure.head))
        for measure in found
    )


def _is_exact(space: SearchSpace, genotypes: Genotypes, values: NDArray[np.float64]) -> bool:
    try:
        additive(space, genotypes, values)
    except SpaceError:
        return False
    return True
