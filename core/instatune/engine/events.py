"""Events: tells every reporter what happens, and keeps a machine-readable log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import attrs

from instatune.errors import StoreError
from instatune.interfaces import Progress, Reporter, Summary
from instatune.interfaces.comparison import Comparison

Item = TypeVar("Item")


class Events:
    """Passes events on to reporters in the order of the spec.

    A reporter that raises is switched off and named at the end: it must never cost a run.
    """

    def __init__(self, reporters: Sequence[tuple[str, Reporter]], log: Path) -> None:
        """Take reporters with their names, and the path of ``events.jsonl``."""
        self._reporters = list(reporters)
        self._log = log
        self.switched_off: list[str] = []

    def run_started(self, title: str, stages: tuple[str, ...]) -> None:
        """See :class:`Reporter`."""
        self._write("run_started", title=title)
        self._tell(lambda reporter: reporter.run_started(title, stages))

    def stage_started(self, stage: str, about: str) -> None:
        """See :class:`Reporter`."""
        self._write("stage_started", stage=stage)
        self._tell(lambda reporter: reporter.stage_started(stage, about))

    def stage_skipped(self, stage: str) -> None:
        """See :class:`Reporter`."""
        self._write("stage_skipped", stage=stage)
        self._tell(lambda reporter: reporter.stage_skipped(stage))

    def stage_finished(self, stage: str, seconds: float, outcome: str) -> None:
        """See :class:`Reporter`."""
        self._write("stage_finished", stage=stage, seconds=round(seconds, 3), outcome=outcome)
        self._tell(lambda reporter: reporter.stage_finished(stage, seconds, outcome))

    def progress(self, progress: Progress) -> None:
        """See :class:`Reporter`. Not logged: there is one per training step."""
        self._tell(lambda reporter: reporter.progress(progress))

    def counted(self, start: Progress, items: Iterable[Item]) -> Iterator[Item]:
        """Pass items on and report how many are done, from none to all of ``start.total``."""
        self.progress(start)
        for done, item in enumerate(items, start=start.done + 1):
            yield item
            self.progress(attrs.evolve(start, done=done))

    def message(self, text: str) -> None:
        """See :class:`Reporter`."""
        self._write("message", text=text)
        self._tell(lambda reporter: reporter.message(text))

    def finished(self, summary: Summary) -> tuple[Path, ...]:
        """See :class:`Reporter`.

        Raises:
            StoreError: A report could not be written, e.g. on a full disk; others are there.
        """
        return self._finish(lambda reporter: reporter.finished(summary))

    def compared(self, comparison: Comparison) -> tuple[Path, ...]:
        """See :class:`Reporter`; raises as :meth:`finished` does."""
        return self._finish(lambda reporter: reporter.compared(comparison))

    def _finish(self, report: Callable[[Reporter], tuple[Path, ...]]) -> tuple[Path, ...]:
        written: list[Path] = []
        unwritten: list[StoreError] = []

        def write(reporter: Reporter) -> None:
            try:
                written.extend(report(reporter))
            except StoreError as error:  # the user's to mend, unlike a fault of the reporter
                unwritten.append(error)

        self._tell(write)
        self._write("finished", files=[str(path) for path in written])
        if unwritten:
            raise unwritten[0]
        return tuple(written)

    def failed(self, error: BaseException) -> None:
        """See :class:`Reporter`."""
        self._write("failed", error=f"{type(error).__name__}: {error}")
        self._tell(lambda reporter: reporter.failed(error))

    def _tell(self, call: Callable[[Reporter], object]) -> None:
        for pair in list(self._reporters):
            try:
                call(pair[1])
            except Exception as error:
                self._reporters.remove(pair)
                self.switched_off.append(f"{pair[0]} ({type(error).__name__}: {error})")
                self.message(
                    f"reporter {pair[0]!r} was switched off: {type(error).__name__}: {error}"
                )

    def _write(self, event: str, **fields: object) -> None:
        line = json.dumps({"time": round(time.time(), 3), "event": event, **fields})
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError:
            # The log is a convenience; whatever fills the disk is reported by what must be written.
            return
