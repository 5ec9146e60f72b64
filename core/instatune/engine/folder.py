"""The run folder: where things lie, which stages are done, and who works in it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import attrs

from instatune.errors import RunLockedError, StoreError
from instatune.files import read_json, write_json

_PART = re.compile(r"\..+\.[0-9a-f]{32}\.part")  # names that instatune.files gives


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

    def sweep(self) -> None:
        """Remove what a killed process left half-written; only its owner may call this."""
        for folder in (self.path, self.teacher, self.supernet, self.path / "report"):
            for path in folder.glob(".*.part"):
                if _PART.fullmatch(path.name):
                    path.unlink(missing_ok=True)
        for path in (
            self.path / ".verify",
            *self.subnets.glob(".*.part"),
            *self.subnets.glob(".*.old"),
        ):
            shutil.rmtree(path, ignore_errors=True)

    def record(self, stage: str) -> StageRecord | None:
        """What is known of a finished stage; None if it never finished."""
        found = self._records().get(stage)
        if found is None:
            return None
        try:
            return StageRecord(**found)
        except TypeError as error:
            raise self._damaged(f"no record of stage {stage!r}") from error

    def reopen(self, stage: str) -> None:
        """Forget that a stage and those after it finished: what it wrote is about to change.

        Without this, a run that is killed between the new files and their record would take them
        for the old ones when it is told to go back to the old settings.
        """
        records = self._records()
        names = list(records)  # stages finish in their order
        if stage in names:
            kept = names[: names.index(stage)]
            write_json(self.path / "stages.json", {name: records[name] for name in kept})

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

        with self._lock_file() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise RunLockedError(
                    f"{self.path}: another process ({file.read().strip() or 'unknown'}) works in"
                    " this run folder; wait for it, or give another run_dir"
                ) from error
            file.truncate(0)
            with suppress(OSError):  # a full disk: the lock holds without the name of its owner
                os.write(file.fileno(), f"pid {os.getpid()}".encode())
            yield

    def _lock_file(self) -> TextIO:
        path = self.path / "lock"
        try:
            return path.open("a+", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be written: {error.strerror}; make the folder writable, or set"
                " another run_dir"
            ) from error

    def _records(self) -> dict[str, Any]:
        path = self.path / "stages.json"
        records = read_json(path) if path.exists() else {}
        if not isinstance(records, dict):
            raise self._damaged("not a mapping of stages")
        return records

    def _damaged(self, reason: str) -> StoreError:
        path = self.path / "stages.json"
        return StoreError(f"{path}: damaged ({reason}); delete it and run again")
