"""Contract of reporters."""

# ruff: noqa: D102 - the names of the tests are sentences
from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar, cast

from instatune.interfaces import Progress, Reporter, Summary
from instatune.plugin.entries import Kind
from instatune.testing.contracts.contract import Contract
from instatune.testing.expect import expect, no_hidden_randomness
from instatune.testing.results import summary

_STAGES = ("load", "tune", "search", "report")
_CALLS = 1000


class ReporterContract(Contract):
    """Bears every event of a run, writes what it says it writes, and is quick.

    Attributes:
        max_seconds: Longest time for 1000 reports of progress.
    """

    kind: ClassVar[Kind] = "reporters"
    max_seconds: ClassVar[float] = 2.0

    def reporter(self, run_dir: Path) -> Reporter:
        """A fresh reporter."""
        return cast("Reporter", self.make(run_dir))

    def summary(self, run_dir: Path) -> Summary:
        """The result that it reports."""
        return summary(run_dir)

    def play(self, reporter: Reporter, run_dir: Path) -> tuple[Path, ...]:
        """A whole run, event by event; gives the files that were written."""
        reporter.run_started("tiny run", _STAGES)
        reporter.stage_skipped("load")
        for stage in _STAGES[1:]:
            reporter.stage_started(stage, "what it does")
            for done in range(3):
                values = {"loss": 1.0 / (1 + done)} if done else {}
                reporter.progress(
                    Progress(stage=stage, task="part 1 of 1", done=done, total=3, values=values)
                )
            reporter.stage_finished(stage, 1.5, "what came out")
        reporter.message("a remark with [brackets] and <tags>")
        return tuple(reporter.finished(self.summary(run_dir)))

    def test_it_follows_a_whole_run(self, tmp_path: Path) -> None:
        written = self.play(self.reporter(tmp_path), tmp_path)
        for path in written:
            expect(Path(path).is_file(), f"{path} is said to be written, but is not there")
            inside = tmp_path.resolve() in Path(path).resolve().parents
            expect(inside, f"{path} is outside of the run folder {tmp_path}")

    def test_it_names_every_file_that_it_writes(self, tmp_path: Path) -> None:
        written = {Path(p).resolve() for p in self.play(self.reporter(tmp_path), tmp_path)}
        there = {p.resolve() for p in tmp_path.rglob("*") if p.is_file()}
        extra = sorted(str(path) for path in there - written)
        expect(not extra, f"written but not returned by finished: {extra}")

    def test_a_second_run_in_the_same_folder_works(self, tmp_path: Path) -> None:
        first = self.play(self.reporter(tmp_path), tmp_path)
        second = self.play(self.reporter(tmp_path), tmp_path)
        expect(set(first) == set(second), "a second run writes other files")

    def test_it_bears_failures(self, tmp_path: Path) -> None:
        for error in (ValueError("broken"), KeyboardInterrupt()):
            reporter = self.reporter(tmp_path)
            reporter.run_started("tiny run", _STAGES)
            reporter.stage_started("tune", "what it does")
            reporter.progress(Progress(stage="tune", task="epoch 1", done=1, total=9))
            reporter.failed(error)

    def test_progress_is_quick(self, tmp_path: Path) -> None:
        reporter = self.reporter(tmp_path)
        reporter.run_started("tiny run", _STAGES)
        reporter.stage_started("tune", "what it does")
        started = time.perf_counter()
        for done in range(_CALLS):
            reporter.progress(Progress(stage="tune", task="epoch 1", done=done, total=_CALLS))
        seconds = time.perf_counter() - started
        reporter.failed(KeyboardInterrupt())
        expect(
            seconds < self.max_seconds,
            f"{_CALLS} reports of progress took {seconds:.1f} s; they hold up the training",
        )

    def test_it_leaves_the_global_generators_alone(self, tmp_path: Path) -> None:
        with no_hidden_randomness():
            self.play(self.reporter(tmp_path), tmp_path)
