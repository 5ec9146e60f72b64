"""Reading tables from CSV, TSV (both also gzipped) and Parquet files; rows know their line."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.errors import DataError

Format = Literal["auto", "csv", "tsv", "parquet"]
_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".parquet": "parquet"}
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
    file = Path(path).expanduser()
    if not file.is_file():
        what = "is not a file" if file.exists() else "no such file"
        raise DataError(f"{file}: {what} (seen from {Path.cwd()}); give the path of a table")
    kind = _format(file) if form == "auto" else form
    table = _parquet(file) if kind == "parquet" else _delimited(file, kind)
    if not len(table):
        raise DataError(f"{file}: has no rows; give a table with a network in each row")
    return table


def _format(file: Path) -> str:
    suffixes = [suffix.lower() for suffix in file.suffixes if suffix.lower() != ".gz"]
    if not suffixes or suffixes[-1] not in _SUFFIXES:
        raise DataError(
            f"{file}: its name does not tell its format; set 'format' to csv, tsv or parquet"
        )
    return _SUFFIXES[suffixes[-1]]


def _delimited(file: Path, kind: str) -> Table:
    reader = csv.reader(_lines(file), delimiter="\t" if kind == "tsv" else ",", strict=True)
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


def _lines(file: Path) -> Iterator[str]:
    """Lines of a file in UTF-8, gzipped or not."""
    number = 0
    try:
        opener = gzip.open if file.suffix.lower() == ".gz" else open
        with opener(file, "rb") as stream:
            for number, raw in enumerate(stream, start=1):
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}:{number}: byte 0x{error.object[error.start]:02x} is not UTF-8; save the file"
            " in the encoding UTF-8"
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{file}: damaged after line {number} ({error}); copy or download it again"
        ) from error
    except OSError as error:
        raise DataError(
            f"{file}: cannot be read ({error.strerror}); check the file and its permissions"
        ) from error


def _parquet(file: Path) -> Table:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise DataError(
            f"{file}: Parquet files need the package pyarrow; pip install 'instatune[datasets]',"
            " or convert the file to CSV"
        ) from error
    try:
        arrow = parquet.read_table(file)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{file}: not a readable Parquet file ({reason}); copy or download it again"
        ) from error
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
