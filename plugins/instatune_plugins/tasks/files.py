"""Reading tables from CSV, TSV, JSON lines and Parquet files, the first three also gzipped.

Each mistake in a file is reported with its line, in the form *where: what is wrong; what would be
right*.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs

from instatune import data_files
from instatune.data_files import format_of, lines, read_parquet
from instatune.errors import DataError
from instatune_plugins.tasks.table import Table

Row: TypeAlias = "tuple[int, list[str]]"
Format = Literal["csv", "tsv", "jsonl", "parquet"]

SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}


@attrs.frozen(kw_only=True)
class Layout:
    """How files are written; see the settings of ``text_classification``."""

    format: Literal["auto"] | Format = "auto"
    quoting: Literal["auto", "none", "minimal"] = "auto"
    columns: tuple[str, ...] = ()


def read_table(path: str, layout: Layout, setting: str) -> Table:
    """Read a file.

    Args:
        path: The file; ``~`` is the home folder, relative paths start at the working directory.
        layout: How it is written.
        setting: The setting that names the file, for messages, e.g. ``"task.train"``.

    Raises:
        DataError: Missing, empty, damaged, or not what its name says.
    """
    file = existing(path, setting)
    kind = _format(file, layout)
    if kind == "parquet":
        table = _parquet(file)
    elif kind == "jsonl":
        table = _jsonl(file)
    else:
        table = _delimited(file, kind, layout)
    if len(table) == 0:
        raise DataError(f"{file}: has no rows; give a file with examples by `--set {setting}=PATH`")
    return attrs.evolve(table, setting=setting)


def existing(path: str, setting: str) -> Path:
    """Find a file; arguments as :func:`read_table`.

    Raises:
        DataError: It is missing, or a folder.
    """
    return data_files.existing(path, f"say where it is with `--set {setting}=PATH`")


def _format(file: Path, layout: Layout) -> Format:
    if layout.format != "auto":
        return layout.format
    return format_of(file, SUFFIXES, "set `format` to csv, tsv, jsonl or parquet")


def _delimited(file: Path, kind: Literal["csv", "tsv"], layout: Layout) -> Table:
    quoting = layout.quoting
    if quoting == "auto":
        quoting = "none" if kind == "tsv" else "minimal"
    delimiter = "\t" if kind == "tsv" else ","
    rows = _split(file, delimiter) if quoting == "none" else _csv(file, delimiter)
    header = layout.columns or _header(next(rows, None), file)
    columns: list[list[str]] = [[] for _ in header]
    numbers: list[int] = []
    for number, fields in rows:
        if len(fields) != len(header):
            raise DataError(_wrong_count(file, number, fields, header, quoting))
        numbers.append(number)
        for column, field in zip(columns, fields, strict=True):
            column.append(field)
    named = dict(zip(header, columns, strict=True))
    return Table(source=str(file), columns=named, lines=numbers)


def _header(row: Row | None, file: Path) -> tuple[str, ...]:
    if row is None:
        raise DataError(f"{file}: is empty; give a file with a line of column names and examples")
    number, fields = row
    header = tuple(field.strip() for field in fields)
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(
            f"{file}:{number}: column {twice[0]!r} occurs twice; give each column its own name, or"
            " name them with `columns` where the file has no header"
        )
    return header


def _wrong_count(
    file: Path, number: int, fields: list[str], header: Sequence[str], quoting: str
) -> str:
    advice = {
        "none": "a field must not hold the delimiter; if fields are quoted set `quoting: minimal`",
        "minimal": 'put fields that hold the delimiter in "quotes"',
    }[quoting]
    return (
        f"{file}:{number}: {len(fields)} fields, but there are {len(header)} columns"
        f" ({', '.join(header)}); {advice}"
    )


def _split(file: Path, delimiter: str) -> Iterator[Row]:
    """Split lines at each delimiter; quotes are characters like others."""
    for number, line in lines(file):
        text = line.rstrip("\r\n")
        if text.strip():
            yield number, text.split(delimiter)


def _csv(file: Path, delimiter: str) -> Iterator[Row]:
    """Split lines as RFC 4180 says; a quoted field may span lines, the row is where it starts."""
    reader = csv.reader((line for _, line in lines(file)), delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{file}:{start}: {error}; close each quote and write quotes inside a field twice,"
                " or set `quoting: none` where quotes are ordinary characters"
            ) from error
        if fields:
            yield start, fields


def _jsonl(file: Path) -> Table:
    numbers: list[int] = []
    columns: dict[str, list[Any]] = {}
    for number, line in lines(file):
        if not line.strip():
            continue
        row = _object(line, file, number)
        for key in row:
            columns.setdefault(key, [None] * len(numbers))
        numbers.append(number)
        for key, column in columns.items():
            column.append(row.get(key))
    return Table(source=str(file), columns=columns, lines=numbers)


def _object(line: str, file: Path, number: int) -> dict[str, Any]:
    wanted = 'write one JSON object per line, like {"text": "...", "label": "..."}'
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{file}:{number}: not JSON ({error}); {wanted}") from error
    if not isinstance(row, dict):
        raise DataError(f"{file}:{number}: a JSON {type(row).__name__}, not an object; {wanted}")
    return row


def _parquet(file: Path) -> Table:
    arrow = read_parquet(file, "CSV or JSON lines")
    columns = {name: arrow.column(name).to_pylist() for name in arrow.column_names}
    return Table(source=str(file), columns=columns, names=_class_names(arrow.schema.metadata))


def _class_names(metadata: dict[bytes, bytes] | None) -> dict[str, tuple[str, ...]]:
    """Read the class names that the library ``datasets`` writes into Parquet files."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        # Lists of classes, as those of tags, have the names one step further in.
        inner = {column: f.get("feature", f) for column, f in features.items() if _is_dict(f)}
        return {
            column: tuple(feature["names"])
            for column, feature in inner.items()
            if _is_dict(feature) and feature.get("names")
        }
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)
