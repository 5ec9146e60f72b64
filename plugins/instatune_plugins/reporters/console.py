"""``console``: what goes on, for people: progress on stderr, results on stdout."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console as RichConsole
from rich.text import Text

from instatune.interfaces import Progress, Reporter, Summary
from instatune_plugins.reporters import ConsoleConfig
from instatune_plugins.reporters.bar import Bar
from instatune_plugins.reporters.deployment import deployment
from instatune_plugins.reporters.lines import Lines
from instatune_plugins.reporters.pace import plain_duration
from instatune_plugins.reporters.results import WIDTH, results

if TYPE_CHECKING:
    from instatune.interfaces.comparison import Comparison


class Display(Protocol):
    """A way to show the progress of one task after the other."""

    def progress(self, progress: Progress) -> None:
        """Show how far it is, if it is time to."""

    def close(self) -> None:
        """Leave the screen clean."""


class Silent:
    """Shows nothing."""

    def progress(self, progress: Progress) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Console(Reporter):
    """Stage headers, progress, outcomes, and the table of results at the end."""

    config: ConsoleConfig

    def __init__(self, config: ConsoleConfig, run_dir: Path) -> None:
        """Look at the terminal once, at the start."""
        super().__init__(config, run_dir)
        self._out = RichConsole(stderr=True, highlight=False, soft_wrap=True)
        self._display = _display(config, self._out)
        self._stages: tuple[str, ...] = ()

    def run_started(self, title: str, stages: tuple[str, ...]) -> None:
        """Say what runs and where its results will lie."""
        self._stages = stages
        self._print(Text.assemble((title, "bold"), (f"  {shown(self.run_dir)}", "dim")))

    def stage_started(self, stage: str, about: str) -> None:
        """Write the header of a stage, e.g. ``"4/9 order  sort heads and neurons"``."""
        self._display.close()
        self._print(
            Text.assemble((f"{self._number(stage)} ", "dim"), (stage, "bold"), f"  {about}")
        )

    def stage_skipped(self, stage: str) -> None:
        """Write that nothing is to be done."""
        self._display.close()
        self._print(Text(f"{self._number(stage)} {stage}  already done", style="dim"))

    def stage_finished(self, stage: str, seconds: float, outcome: str) -> None:
        """Write what came out."""
        self._display.close()
        text = plain_duration(seconds)
        self._print(
            Text.assemble(f"    {outcome}" if outcome else "    done", (f"  {text}", "dim"))
        )

    def progress(self, progress: Progress) -> None:
        """Show how far a task is; costs next to nothing between two drawings."""
        self._display.progress(progress)

    def message(self, text: str) -> None:
        """Write a remark."""
        self._print(Text(f"    {text}", style="yellow"))

    def finished(self, summary: Summary) -> tuple[Path, ...]:
        """Write the results to stdout and say where they lie."""
        self._write(_whole, summary)
        return ()

    def compared(self, comparison: Comparison) -> tuple[Path, ...]:
        """Write the standings to stdout and say where the results lie."""
        from instatune.report.comparison import contest
        from instatune_plugins.reporters.standings import standings

        self._write(standings, contest(comparison))
        return ()

    def _write(self, text: Callable[..., str], result: object) -> None:
        self._display.close()
        if self.config.table:
            sys.stdout.write(
                text(
                    result,
                    width=min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns),
                    colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ,
                    utf8=(sys.stdout.encoding or "").lower().startswith("utf"),
                )
            )
            sys.stdout.flush()
        page = self.run_dir / "report" / "index.html"
        self._print(Text(f"results: {shown(page if page.exists() else self.run_dir)}"))

    def failed(self, error: BaseException) -> None:
        """Leave the screen clean; the command line tells of the error."""
        self._display.close()

    def _number(self, stage: str) -> str:
        index = self._stages.index(stage) + 1 if stage in self._stages else 0
        width = len(str(len(self._stages)))
        return f"{index or '?':>{width}}/{len(self._stages)}"

    def _print(self, text: Text) -> None:
        self._out.print(text)


def _whole(summary: Summary, **settings: Any) -> str:
    return results(summary, **settings) + deployment(summary, **settings)


def _display(config: ConsoleConfig, out: RichConsole) -> Display:
    kind = config.progress
    if kind == "auto":
        kind = "bar" if sys.stderr.isatty() and not out.is_dumb_terminal else "lines"
    if kind == "bar":
        return Bar(out)
    return Lines(out, config.interval_s) if kind == "lines" else Silent()


def shown(path: Path) -> str:
    """Write a path relative to the current folder where it lies inside."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
