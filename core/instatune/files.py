"""Atomic writes: a file is either the old one or the new one, never a part of it."""

from __future__ import annotations

import errno
import json
import os
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


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def write_json(path: Path, data: Any) -> Path:
    """Write JSON atomically, readable for people."""
    return write_text(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON that instatune wrote.

    Raises:
        StoreError: Missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{path}: not there; delete the run folder to start anew") from error
    except ValueError as error:
        raise StoreError(f"{path}: damaged ({error}); delete it and run again") from error


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _as_store_error(error: OSError, path: Path) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            f"{path}: the disk is full; free some space and run the same command again"
        )
    return StoreError(f"{path}: cannot be written: {error.strerror or error}")
