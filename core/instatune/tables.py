"""Reading tables from CSV, TSV (both also gzipped) and Parquet files; rows know their line."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.data_files import existing, format_of, lines, read_parquet
from instatune.errors import DataError

Format = Literal["auto", "csv", "tsv", "parquet"]
_SUFFIXES: dict[str, Format] = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".parquet": "parquet"}
_SHOWN = 20  # names of columns that a message lists at most


@attrs.frozen(kw_only=True)
class Table:
    """Columns of text.

    Attributes:
        source: The file, for messages.
        columns: Cells by head of the column, all of one length; empty where there is no value.
        lines: Line of each row in the file; None where rows are counted instead.
    """

    source: str
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int] | None = None

    def __len__(self) -> int:
        """Count the rows."""
        return len(next(iter(self.columns.values()), ()))

    def place(self, row: int) -> str:
        """Say where a row is: ``file:line``."""
        return f"{self.source}:{self.lines[row]}" if self.lines else f"{self.source}: row {row + 1}"

    def __getitem__(self, column: str) -> Sequence[str]:
        """Cells of a column.

        Raises:
            DataError: There is no such column.
        """
        if column in self.columns:
            return self.columns[column]
        heads = list(self.columns)
        shown = ", ".join(map(repr, heads[:_SHOWN])) + (", ..." if len(heads) > _SHOWN else "")
        raise DataError(f"{self.source}: has no column {column!r}; it has {shown}")

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Cells of a column as numbers, ``[rows]``.

        Raises:
            DataError: There is no such column, or a cell is no finite number.
        """
        return np.array([self._number(row, column, cell) for row, cell in enumerate(self[column])])

    def _number(self, row: int, column: str, cell: str) -> float:
        try:
            value = float(cell)
        except ValueError as error:
            what = f"{cell!r} is no number" if cell else "no value"
            raise DataError(
                f"{self.place(row)}: {what} (column {column!r}); each row needs all values: mend"
                " the cell or remove the row"
            ) from error
        if not isfinite(value):
            raise DataError(
                f"{self.place(row)}: {cell} (column {column!r}) is not finite; mend the cell or"
                " remove the row"
            )
        return value


def read_table(path: str, form: Format = "auto") -> Table:
    """Read a file.

    Args:
        path: The file; ``~`` is the home folder, relative paths start at the working directory.
        form: How it is written.

    Raises:
        DataError: Missing, empty, damaged, or not what its name says.
    """
    file = existing(path, "give the path of a table")
    kind = form
    if form == "auto":
        kind = format_of(file, _SUFFIXES, "set 'format' to csv, tsv or parquet")
    table = _parquet(file) if kind == "parquet" else _delimited(file, kind)
    if not len(table):
        raise DataError(f"{file}: has no rows; give a table with a network in each row")
    return table


def _delimited(file: Path, kind: str) -> Table:
    delimiter = "\t" if kind == "tsv" else ","
    reader = csv.reader((line for _, line in lines(file)), delimiter=delimiter, strict=True)
    heads: list[str] = []
    columns: list[list[str]] = []
    numbers: list[int] = []
    while (cells := _next(reader, file)) is not None:
        number = reader.line_num
        if not heads:
            heads = _heads(cells, f"{file}:{number}")
            columns = [[] for _ in heads]
            continue
        if len(cells) != len(heads):
            raise DataError(
                f"{file}:{number}: {len(cells)} cells, but there are {len(heads)} columns; give"
                " each row as many, and put cells that hold the delimiter in quotes"
            )
        numbers.append(number)
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell.strip())
    return Table(source=str(file), columns=dict(zip(heads, columns, strict=True)), lines=numbers)


def _next(reader: Any, file: Path) -> list[str] | None:
    """The next row that is not blank; None at the end."""
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                return list(cells)
    except csv.Error as error:
        raise DataError(
            f"{file}:{reader.line_num}: {error}; close each quote, and write quotes inside of a"
            " cell twice"
        ) from error
    return None


def _heads(cells: Sequence[str], place: str) -> list[str]:
    heads = [cell.strip() for cell in cells]
    twice = [head for head in heads if heads.count(head) > 1]
    if twice:
        raise DataError(f"{place}: column {twice[0]!r} occurs twice; give each its own name")
    return heads


def _parquet(file: Path) -> Table:
    arrow = read_parquet(file, "CSV")
    columns = {
        name: [_text(cell) for cell in arrow.column(name).to_pylist()]
        for name in arrow.column_names
    }
    return Table(source=str(file), columns=columns)


def _text(cell: object) -> str:
    """A cell as it would stand in a CSV file; lists with blanks between."""
    if cell is None:
        return ""
    if isinstance(cell, (list, tuple)):
        return " ".join(_text(item) for item in cell)
    return str(cell).strip()
