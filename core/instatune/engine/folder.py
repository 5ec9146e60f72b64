"""The run folder: where things lie, which stages are done, and who works in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from instatune.errors import RunLockedError, StoreError
from instatune.files import read_json, write_json


@attrs.frozen(kw_only=True)
class StageRecord:
    """A finished stage.

    Attributes:
        key: Hash of everything that it read; the stage is skipped while this stays the same.
        seconds: Wall-clock time that it took, earlier interrupted tries included.
        outcome: What came out, in a few words.
    """

    key: str
    seconds: float
    outcome: str


class RunFolder:
    """Paths of a run and the record of its stages."""

    def __init__(self, path: Path) -> None:
        """Make the folder if it is not there."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be made: {error.strerror}; set another run_dir"
            ) from error
        self.teacher = path / "teacher"
        self.supernet = path / "supernet"
        self.subnets = path / "subnets"
        self.store = path / "evaluations.sqlite"

    def record(self, stage: str) -> StageRecord | None:
        """What is known of a finished stage; None if it never finished."""
        found = self._records().get(stage)
        return None if found is None else StageRecord(**found)

    def finish(self, stage: str, record: StageRecord) -> None:
        """Remember a finished stage."""
        records = self._records()
        records[stage] = attrs.asdict(record)
        write_json(self.path / "stages.json", records)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; the operating system frees it however we end.

        Raises:
            RunLockedError: Another process holds it.
        """
        import fcntl

        with (self.path / "lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                raise RunLockedError(
                    f"{self.path}: another process ({file.read().strip() or 'unknown'}) works in"
                    " this run folder; wait for it, or give another run_dir"
                ) from error
            file.truncate(0)
            file.write(f"pid {os.getpid()}")
            file.flush()
            yield

    def _records(self) -> dict[str, Any]:
        path = self.path / "stages.json"
        return dict(read_json(path)) if path.exists() else {}
