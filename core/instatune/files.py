"""Atomic writes: a file is either the old one or the new one, never a part of it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from instatune.errors import StoreError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; it takes the place of ``path`` if the block succeeds.

    Raises:
        StoreError: The disk is full or the folder cannot be written; ``path`` is as it was.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not mkstemp: its files are for the owner alone, and a report is there to be shared.
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    except OSError as error:
        raise _as_store_error(error, path) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside ``path``; it takes the place of ``path`` if the block succeeds.

    A folder cannot be replaced in one step. A process that is killed between the two leaves no
    ``path``, never a part of it.

    Raises:
        StoreError: The disk is full or the folder cannot be written; ``path`` is as it was.
    """
    partial, old = (path.with_name(f".{path.name}.{end}") for end in ("part", "old"))
    try:
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        if path.exists():
            path.rename(old)
        partial.rename(path)
    except OSError as error:
        raise _as_store_error(error, path) from error
    finally:
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def write_json(path: Path, data: Any) -> Path:
    """Write JSON atomically, readable for people."""
    return write_text(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path, keys: tuple[str, ...] = ()) -> Any:
    """Read JSON that instatune wrote.

    Args:
        path: The file.
        keys: What must be in it, if it is a mapping.

    Raises:
        StoreError: Missing, not JSON, or without one of the keys.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{path}: not there; run again to make it") from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise StoreError(f"{path}: damaged ({error}); delete it and run again") from error
    absent = [key for key in keys if not isinstance(found, dict) or key not in found]
    if absent:
        raise StoreError(f"{path}: damaged (has no {absent[0]!r}); delete it and run again")
    return found


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def is_full(error: OSError) -> bool:
    """Whether the system refused to write for want of space."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def full(path: Path) -> StoreError:
    """The error of a full disk."""
    return StoreError(f"{path}: the disk is full; free some space and run the same command again")


def _as_store_error(error: OSError, path: Path) -> StoreError:
    if is_full(error):
        return full(path)
    return StoreError(f"{path}: cannot be written: {error.strerror or error}")
