"""Data files that people give: found, told apart, opened and decoded.

Each mistake is reported in the form *where: what is wrong; what would be right*.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from instatune.errors import DataError

Format = TypeVar("Format")


def existing(path: str, advice: str) -> Path:
    """Find a file.

    Args:
        path: ``~`` is the home folder, relative paths start at the working directory.
        advice: What to do where it is not there, for the message.

    Raises:
        DataError: It is missing, or a folder.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        what = "is not a file" if file.exists() else "no such file"
        raise DataError(f"{file}: {what} (seen from {Path.cwd()}); {advice}")
    return file


def format_of(file: Path, formats: Mapping[str, Format], advice: str) -> Format:
    """Tell the format by the suffix, as in ``table.csv`` and ``table.CSV.gz``.

    Args:
        file: The file.
        formats: By suffix in small letters, e.g. ``".csv"``.
        advice: What to do where the suffix is none of these, for the message.

    Raises:
        DataError: The suffix is none of these.
    """
    suffixes = [suffix.lower() for suffix in file.suffixes if suffix.lower() != ".gz"]
    if not suffixes or suffixes[-1] not in formats:
        raise DataError(f"{file}: its name does not tell its format; {advice}")
    return formats[suffixes[-1]]


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """Read a text file in UTF-8, gzipped or not, as line numbers from 1 and lines with their end.

    Raises:
        DataError: Bytes that are not UTF-8, a damaged or truncated archive, an unreadable file.
    """
    number = 0
    try:
        opener = gzip.open if file.suffix.lower() == ".gz" else open
        with opener(file, "rb") as stream:
            for number, raw in enumerate(stream, start=1):
                yield number, _decoded(raw, file, number)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{file}: damaged after line {number} ({error}); copy or download it again"
        ) from error
    except OSError as error:
        raise DataError(
            f"{file}: cannot be read ({error.strerror}); check the file and its permissions"
        ) from error


def _decoded(raw: bytes, file: Path, number: int) -> str:
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}:{number}: byte 0x{raw[error.start]:02x} at position {error.start} is not"
            " UTF-8; save the file in the encoding UTF-8"
        ) from error


def read_parquet(file: Path, instead: str) -> Any:
    """Read a Parquet file into a ``pyarrow.Table``.

    Args:
        file: The file.
        instead: Formats that do without pyarrow, for the message.

    Raises:
        DataError: The package pyarrow is missing, or the file is damaged.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise DataError(
            f"{file}: Parquet files need the package pyarrow; pip install 'instatune[datasets]',"
            f" or convert the file to {instead}"
        ) from error
    try:
        return parquet.read_table(file)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{file}: not a readable Parquet file ({reason}); copy or download it again"
        ) from error
