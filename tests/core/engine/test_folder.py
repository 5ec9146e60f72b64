from __future__ import annotations

import subprocess
import sys

import pytest

from instatune.engine.folder import RunFolder, StageRecord
from instatune.errors import RunLockedError, StoreError
from instatune.files import write_text


def test_a_finished_stage_is_remembered(tmp_path):
    record = StageRecord(key="k", seconds=1.5, outcome="done")
    RunFolder(tmp_path / "run").finish("teach", record)
    assert RunFolder(tmp_path / "run").record("teach") == record
    assert RunFolder(tmp_path / "run").record("tune") is None


def test_a_damaged_record_is_named_with_what_to_do(tmp_path):
    (tmp_path / "stages.json").write_text("{half")
    with pytest.raises(StoreError, match=r"stages\.json: damaged .*delete it and run again"):
        RunFolder(tmp_path).record("teach")


def test_a_second_process_is_refused_and_told_who_is_there(tmp_path):
    code = (
        "import sys, pathlib\n"
        "from instatune.engine.folder import RunFolder\n"
        "from instatune.errors import RunLockedError\n"
        "try:\n"
        "    with RunFolder(pathlib.Path(sys.argv[1])).locked(): pass\n"
        "except RunLockedError as error: print(error)\n"
    )
    with RunFolder(tmp_path).locked():
        command = [sys.executable, "-c", code, str(tmp_path)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "another process (pid " in told
    assert "give another run_dir" in told


def test_the_lock_is_free_after_an_error(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(ValueError, match="boom"), folder.locked():
        raise ValueError("boom")
    with folder.locked():
        pass


def test_the_same_process_cannot_enter_twice(tmp_path):
    with RunFolder(tmp_path).locked(), pytest.raises(RunLockedError), RunFolder(tmp_path).locked():
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be made: .*; set another run_dir"):
        RunFolder(tmp_path / "file" / "run")


def three_stages(path):
    folder = RunFolder(path)
    for stage in ("teach", "tune", "search"):
        folder.finish(stage, StageRecord(key=stage, seconds=1, outcome=""))
    return folder


def test_a_stage_that_is_about_to_change_is_forgotten_with_those_after_it(tmp_path):
    folder = three_stages(tmp_path)
    folder.reopen("tune")
    assert [folder.record(stage) is None for stage in ("teach", "tune", "search")] == [
        False,
        True,
        True,
    ]


def test_a_stage_that_never_finished_changes_nothing_when_it_starts_to_write(tmp_path):
    folder = three_stages(tmp_path)
    folder.reopen("export")
    assert folder.record("search") is not None


@pytest.mark.parametrize("text", ["[1]", '{"teach": 1}', '{"teach": {"key": "k"}}'])
def test_a_record_of_another_form_is_damaged(tmp_path, text):
    (tmp_path / "stages.json").write_text(text)
    with pytest.raises(StoreError, match=r"stages\.json: damaged \(.*\); delete it and run again"):
        RunFolder(tmp_path).record("teach")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "lock").mkdir()
    with (
        pytest.raises(StoreError, match=r"lock: cannot be written: .*set another run_dir"),
        RunFolder(tmp_path).locked(),
    ):
        pass


def test_what_killed_processes_left_is_swept_away_and_nothing_else(tmp_path):
    left = ["teacher/.checkpoint.pt." + 32 * "0" + ".part", ".verify/w", "subnets/.a.part/w"]
    stay = ["teacher/model.safetensors", ".mine.part", "subnets/a/w", "subnets/b/.x.part"]
    for name in (*left, *stay):
        write_text(tmp_path / name, "x")
    RunFolder(tmp_path).sweep()
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert found == sorted(stay)
