from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from instatune.engine import run as engine
from instatune.engine.events import Events
from instatune.engine.folder import RunFolder, StageRecord
from instatune.engine.stages import STAGES
from instatune.engine.stages.load import STAGE as LOAD
from instatune.engine.stages.stage import Stage, files
from instatune.engine.stages.verify import check_exact
from instatune.engine.workshop import Workshop
from instatune.errors import (
    CheckpointError,
    DataError,
    ExactnessError,
    SpecError,
    StoreError,
    TrainingError,
)


def stage(**changes):
    parts = {"name": "teach", "about": "", "reads": lambda shop: None, "run": lambda shop: None}
    return Stage(**{**parts, **changes})


def test_a_stage_is_skipped_only_while_its_files_are_there(tmp_path):
    folder = RunFolder(tmp_path)
    one = stage(writes=files("teacher/model.safetensors"))
    folder.finish("teach", StageRecord(key="k", seconds=0, outcome=""))
    assert not engine._is_done(one, "k", folder)
    folder.teacher.mkdir()
    (folder.teacher / "model.safetensors").touch()
    assert engine._is_done(one, "k", folder)
    assert not engine._is_done(one, "other", folder)
    assert not engine._is_done(stage(always=True), "k", folder)


def test_every_stage_that_may_be_skipped_says_what_it_writes(tmp_path):
    folder = RunFolder(tmp_path)
    assert all(stage.always or stage.writes(folder) for stage in STAGES)


def test_a_stage_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(SpecError, match=r"no stage is called 'tunes'; the stages are load, teach,"):
        engine._until("tunes")


def test_a_run_that_is_told_to_stop_before_its_report_gives_no_results(monkeypatch):
    monkeypatch.setattr(engine, "plan", lambda *rest: None)
    monkeypatch.setattr(engine, "run_plan", lambda *rest: None)
    with pytest.raises(StoreError, match="stopped before its report"):
        engine.run({}, plugins=object())


def test_too_little_memory_says_what_to_lower(tmp_path):
    with (
        pytest.raises(TrainingError, match="search: out of memory; use a smaller batch_size"),
        engine._explained("search", RunFolder(tmp_path)),
    ):
        raise torch.OutOfMemoryError


def test_a_full_disk_is_named_wherever_it_shows(tmp_path):
    error = OSError(errno.ENOSPC, "No space left on device", "/somewhere/file")
    with (
        pytest.raises(StoreError, match="/somewhere/file: the disk is full; free some space"),
        engine._explained("export", RunFolder(tmp_path)),
    ):
        raise error


def test_other_errors_of_the_system_stay_bugs(tmp_path):
    with pytest.raises(ConnectionError), engine._explained("load", RunFolder(tmp_path)):
        raise ConnectionError


def test_a_gpu_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    plan = SimpleNamespace(spec=SimpleNamespace(device="cuda"))
    shop = Workshop(plan, None, RunFolder(tmp_path), None)
    with pytest.raises(CheckpointError, match="'cuda' is asked for but torch sees no GPU; use cpu"):
        _ = shop.accelerator


def test_a_split_without_examples_is_named(tmp_path):
    splits = SimpleNamespace(train=[1], search=[], test=[1], labels=["a", "b"], description="")
    plan = SimpleNamespace(task=SimpleNamespace(name="mine"))
    shop = SimpleNamespace(splits=splits, plan=plan, folder=RunFolder(tmp_path))
    with pytest.raises(DataError, match="task 'mine': the search split is empty"):
        LOAD.run(shop)


@pytest.mark.parametrize("gap", [2e-4, float("nan")])
def test_a_form_that_differs_is_refused(gap):
    check_exact("net", "masked", 1e-5)
    with pytest.raises(ExactnessError, match=r"net: the masked form differs from the slice by"):
        check_exact("net", "masked", gap)


class Writer:
    """A reporter that writes one file, or fails."""

    def __init__(self, outcome):
        self.outcome = outcome

    def finished(self, summary):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return (self.outcome,)

    def message(self, text):
        pass


def test_a_report_that_cannot_be_written_is_an_error_after_the_others_are_there(tmp_path):
    good = Writer(Path("good"))
    full = Writer(StoreError("report.html: the disk is full"))
    events = Events([("html", full), ("csv", good)], tmp_path / "events.jsonl")
    with pytest.raises(StoreError, match=r"report\.html: the disk is full"):
        events.finished(None)
    assert '"files": ["good"]' in (tmp_path / "events.jsonl").read_text()


def test_a_reporter_with_a_fault_is_switched_off_and_named(tmp_path):
    events = Events(
        [("html", Writer(ValueError("boom"))), ("csv", Writer(Path("good")))],
        tmp_path / "events.jsonl",
    )
    assert events.finished(None) == (Path("good"),)
    assert events.switched_off == ["html (ValueError: boom)"]
