"""Files of one format, moved to their place when all of them are whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from instatune.errors import CheckpointError, StoreError


@contextmanager
def staged(directory: Path) -> Iterator[Path]:
    """Give an empty folder; its files take their place in ``directory`` if the block succeeds.

    Raises:
        StoreError: The disk is full, or the folder cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=directory) as name:
            scratch = Path(name)
            yield scratch
            for file in sorted(scratch.iterdir()):
                os.replace(file, directory / file.name)
    except OSError as error:
        raise StoreError(
            f"{directory}: cannot be written ({error.strerror or error}); free some space or "
            "choose another folder"
        ) from error


def present(directory: Path, *names: str) -> tuple[Path, ...]:
    """Those of the files that are there."""
    return tuple(directory / name for name in names if (directory / name).is_file())


def needed(directory: Path, name: str) -> Path:
    """A file that must be there.

    Raises:
        CheckpointError: It is not.
    """
    file = directory / name
    if not file.is_file():
        raise CheckpointError(f"{file}: is missing; export the network again")
    return file


def unreadable(file: Path, error: Exception) -> CheckpointError:
    """The error of a file that its runtime does not load."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return CheckpointError(f"{file}: cannot be loaded ({lines[0][:300]}); export it again")
