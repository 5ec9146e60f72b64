"""A live bar for people at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

from instatune.interfaces import Progress
from instatune_plugins.reporters.pace import Pace, left_text, rate_text, values_text

INTERVAL_S = 0.1


class Bar:
    """One bar below everything else; it vanishes with its stage.

    It draws from :meth:`progress` alone, without a thread: nothing runs beside the training.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare a bar on ``console``; nothing is drawn before the first progress."""
        self._console = console
        self._clock = clock
        self._live: RichProgress | None = None
        self._task: str | None = None
        self._pace = Pace(0, 0.0)
        self._next = 0.0

    def progress(self, progress: Progress) -> None:
        """Draw, unless that was just done."""
        now = self._clock()
        if progress.task == self._task:
            if now < self._next and progress.done < progress.total:
                return
        else:
            self._task, self._pace = progress.task, Pace(progress.done, now)
        self._next = now + INTERVAL_S
        self._pace.update(progress.done, now)
        self._draw(progress)

    def close(self) -> None:
        """Take the bar away and give the cursor back."""
        live, self._live, self._task = self._live, None, None
        if live is not None:
            live.stop()

    def _draw(self, progress: Progress) -> None:
        live = self._live
        if live is None:
            live = self._live = _live(self._console)
            live.add_task("", total=progress.total, count="", rest="")
            live.start()
        parts = (
            rate_text(self._pace.rate, progress.unit),
            left_text(self._pace.left(progress)),
            values_text(progress),
        )
        live.update(
            live.task_ids[0],
            total=max(progress.total, 1),
            completed=progress.done,
            description=progress.task,
            count=f"{progress.done:,}/{progress.total:,}",
            rest=" · ".join(part for part in parts if part),
        )
        live.refresh()


def _live(console: Console) -> RichProgress:
    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return RichProgress(
        TextColumn("   {task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %", markup=False),
        TextColumn("{task.fields[count]}", markup=False),
        # What does not fit into a narrow terminal is cut here, not from name, bar and count.
        TextColumn("{task.fields[rest]}", markup=False, style="dim", table_column=rest),
        console=console,
        expand=True,
        auto_refresh=False,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
