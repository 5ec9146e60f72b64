"""Plain lines for log files: few enough to be read, often enough to see that something moves."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console

from instatune.interfaces import Progress
from instatune_plugins.reporters.pace import (
    Pace,
    left_text,
    plain_duration,
    plural,
    rate_text,
    values_text,
)

PATIENCE_S = 60.0
"""A line comes at least this often, even where a tenth of the work takes longer."""


class Lines:
    """A line when a task starts, one for about each tenth of it, one at its end."""

    def __init__(
        self,
        console: Console,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write to ``console``, with at least ``interval_s`` seconds between two lines."""
        self._console = console
        self._interval = interval_s
        self._clock = clock
        self._task: str | None = None
        self._pace = Pace(0, 0.0)
        self._last = 0.0
        self._next_share = 0.0
        self._ended = False

    def progress(self, progress: Progress) -> None:
        """Write a line if one is due."""
        now = self._clock()
        if progress.task != self._task:
            self._start(progress, now)
        elif progress.done >= progress.total:
            self._end(progress, now)
        elif now - self._last >= self._interval:
            self._between(progress, now)

    def close(self) -> None:
        """Forget the task; a task of the same name starts anew."""
        self._task = None

    def _start(self, progress: Progress, now: float) -> None:
        self._task, self._pace = progress.task, Pace(progress.done, now)
        self._ended = False
        self._note(progress, now)
        how = f", going on at {progress.done:,}" if progress.done else ""
        self._write(progress, f"{progress.total:,} {plural(progress.unit)}{how}")

    def _between(self, progress: Progress, now: float) -> None:
        self._pace.update(progress.done, now)
        share = progress.done / max(progress.total, 1)
        if share < self._next_share and now - self._last < max(PATIENCE_S, self._interval):
            return
        self._note(progress, now)
        self._write(
            progress,
            f"{progress.done:,}/{progress.total:,} {plural(progress.unit)} ({share:.0%})",
            rate_text(self._pace.rate, progress.unit),
            left_text(self._pace.left(progress)),
            values_text(progress),
        )

    def _end(self, progress: Progress, now: float) -> None:
        if self._ended:
            return
        self._ended = True
        self._pace.update(progress.done, now)
        self._note(progress, now)
        self._write(
            progress,
            f"{progress.done:,}/{progress.total:,} {plural(progress.unit)} "
            f"in {plain_duration(now - self._pace.started)}",
            rate_text(self._pace.rate, progress.unit),
            values_text(progress),
        )

    def _note(self, progress: Progress, now: float) -> None:
        self._last = now
        tenths = int(10 * progress.done / max(progress.total, 1) + 1e-9)
        self._next_share = (tenths + 1) / 10

    def _write(self, progress: Progress, *parts: str) -> None:
        text = ", ".join(part for part in parts if part)
        self._console.print(
            f"    {progress.task}: {text}", markup=False, highlight=False, soft_wrap=True
        )
