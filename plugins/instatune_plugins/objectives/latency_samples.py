"""Measured networks to predict times from: rows of tables, or what finished runs measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.errors import DataError, SpaceError
from instatune.space import SearchSpace
from instatune.space.search_space import Genotypes
from instatune.spec.warm_start import front_of, read_known
from instatune.tables import Table, read_table
from instatune_plugins.objectives.latency_config import SamplesConfig

_SHOWN = 4  # names that a message lists at most


@attrs.frozen(kw_only=True)
class Row:
    """A network with its time.

    Attributes:
        genes: Values of its genes by name; those of dropped layers may be missing.
        seconds: What it took.
        place: Where it stands, for messages.
    """

    genes: Mapping[str, int]
    seconds: float
    place: str


@attrs.frozen(kw_only=True, eq=False)
class Samples:
    """Measured networks of one space.

    Attributes:
        genotypes: Canonical, each network once, ``[networks, genes]``.
        seconds: Of each, the median of its measurements, ``[networks]``.
        repeats: First and second measurement of those that have two, ``[networks, 2]``.
        rows: Number of measurements.
        left_out: Of which so many are of networks that the space does not have.
    """

    genotypes: Genotypes
    seconds: NDArray[np.float64]
    repeats: NDArray[np.float64]
    rows: int
    left_out: int


def read_samples(config: SamplesConfig, space: SearchSpace) -> Samples:
    """Read all samples, and join those of one network.

    A network is left out if a value of it is no choice of the space, if it lacks the value of a
    layer that is kept here, or if it lacks units that the space always has.

    Raises:
        DataError: A file is damaged, has no times, or says nothing of a gene; or too few networks
            are of this space.
        StoreError: A run is damaged.
    """
    found = [row for path in config.samples for row in _read(path, config.column, space)]
    _require_genes(config, found, space)
    most = _largest(found)
    encoded = [(_encoded(row, space, most), row.seconds) for row in found]
    fitting = [(genotype, seconds) for genotype, seconds in encoded if genotype is not None]
    known: dict[tuple[int, ...], list[float]] = {}
    for genotype, seconds in fitting:
        known.setdefault(genotype, []).append(seconds)
    least = max(10, 2 * config.folds)
    if len(known) < least:
        raise DataError(
            f"{_spelled(config.samples)}: {len(known)} networks of {len(found)} rows are of this"
            f" space; give at least {least}, measured in a space with the same choices and layers"
        )
    repeats = [times[:2] for times in known.values() if len(times) > 1]
    return Samples(
        genotypes=np.array(list(known), dtype=np.int64),
        seconds=np.array([float(np.median(times)) for times in known.values()]),
        repeats=np.array(repeats, dtype=np.float64).reshape(-1, 2),
        rows=len(fitting),
        left_out=len(found) - len(fitting),
    )


def digest(samples: Sequence[str]) -> str:
    """Stands for the contents of samples.

    Raises:
        DataError: A file cannot be read.
        StoreError: A folder holds no finished run.
    """
    made = hashlib.sha256()
    for path in samples:
        file = Path(path).expanduser()
        try:
            made.update((front_of(path) if file.is_dir() else file).read_bytes())
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); give another") from error
    return made.hexdigest()[:16]


def _read(path: str, column: str, space: SearchSpace) -> Iterator[Row]:
    rows = _of_run if Path(path).expanduser().is_dir() else _of_table
    for row in rows(path, column, space):
        if row.seconds <= 0:
            raise DataError(f"{row.place}: {row.seconds:g} is no time; mend it or remove the row")
        yield row


def _of_run(path: str, column: str, space: SearchSpace) -> Iterator[Row]:
    for number, known in enumerate(read_known(front_of(path)), start=1):
        if column not in known.values:
            raise DataError(
                f"{path}: that run did not measure {column!r}, but {_some(list(known.values))};"
                " set 'column' to one of these, or give another run"
            )
        place = f"{path}: network {number}"
        yield Row(genes=known.genes, seconds=known.values[column], place=place)


def _of_table(path: str, column: str, space: SearchSpace) -> Iterator[Row]:
    table = read_table(path)
    seconds = table.numbers(column)
    names = [gene.name for gene in space.genes if gene.name in table.columns]
    for index in range(len(table)):
        cells = {name: table[name][index] for name in names}
        genes = {name: _whole(table, index, name, cell) for name, cell in cells.items() if cell}
        yield Row(genes=genes, seconds=float(seconds[index]), place=table.place(index))


def _whole(table: Table, row: int, column: str, cell: str) -> int:
    try:
        value = float(cell)
        if value == int(value):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise DataError(
        f"{table.place(row)}: {cell!r} is no whole number (column {column!r}); a gene has one, or"
        " no value where its layer is dropped"
    )


def _require_genes(config: SamplesConfig, rows: Sequence[Row], space: SearchSpace) -> None:
    """Refuse samples that never say anything of a gene that is to be chosen."""
    known = {name for row in rows for name in row.genes}
    missing = [g.name for g in space.genes if len(g.choices) > 1 and g.name not in known]
    if missing:
        raise DataError(
            f"{_spelled(config.samples)}: says nothing of {_some(missing)}; give samples with a"
            " value for each gene of the space"
        )


def _largest(rows: Sequence[Row]) -> dict[str, int]:
    most: dict[str, int] = {}
    for row in rows:
        for name, value in row.genes.items():
            most[name] = max(value, most.get(name, value))
    return most


def _encoded(row: Row, space: SearchSpace, most: Mapping[str, int]) -> tuple[int, ...] | None:
    """Its canonical genotype; None if the space does not have it."""
    ours = {gene.name for gene in space.genes}
    if any(name not in ours and value < most[name] for name, value in row.genes.items()):
        return None
    try:
        made = space.encode_values({n: value for n, value in row.genes.items() if n in ours})[None]
    except SpaceError:
        return None
    for gene, active in zip(space.genes, space.active(made)[0], strict=True):
        if active and len(gene.choices) > 1 and gene.name not in row.genes:
            return None
    return tuple(space.canonical(made)[0].tolist())


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN]))
    return shown + (", ..." if len(names) > _SHOWN else "") or "nothing"


def _spelled(samples: Sequence[str]) -> str:
    return ", ".join(samples)
