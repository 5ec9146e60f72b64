from __future__ import annotations

import errno

import pytest

from instatune.errors import StoreError
from instatune.files import read_json, replacing, replacing_folder, write_json, write_text


def test_json_comes_back(tmp_path):
    write_json(tmp_path / "a" / "b.json", {"ä": [1, 2.5, None]})
    assert read_json(tmp_path / "a" / "b.json") == {"ä": [1, 2.5, None]}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write_text(tmp_path / "file", "old")
    with pytest.raises(ValueError, match="boom"), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise ValueError("boom")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_one_clear_error_and_the_old_file_stays(tmp_path):
    path = write_text(tmp_path / "file", "old")
    with pytest.raises(StoreError, match=r"file: the disk is full; free some space and run"):  # noqa: SIM117
        with replacing(path):
            raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"


def test_a_real_full_device_is_recognised():
    from pathlib import Path

    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(OSError, match="No space") as caught, Path("/dev/full").open("w") as file:
        file.write("x")
    assert caught.value.errno == errno.ENOSPC


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"none\.json: not there"):
        read_json(tmp_path / "none.json")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_text(tmp_path / "file" / "below", "x")


def test_a_file_without_what_must_be_in_it_is_damaged(tmp_path):
    write_json(tmp_path / "a.json", {"x": 1})
    assert read_json(tmp_path / "a.json", ("x",)) == {"x": 1}
    with pytest.raises(StoreError, match=r"a\.json: damaged \(has no 'y'\); delete it and run"):
        read_json(tmp_path / "a.json", ("x", "y"))


def test_something_that_is_no_file_cannot_be_read(tmp_path):
    with pytest.raises(StoreError, match=r"cannot be read: "):
        read_json(tmp_path)


def test_a_folder_takes_the_place_of_the_old_one_as_a_whole(tmp_path):
    write_text(tmp_path / "net" / "old", "old")
    with replacing_folder(tmp_path / "net") as partial:
        (partial / "new").write_text("new")
    assert [p.name for p in tmp_path.iterdir()] == ["net"]
    assert [p.name for p in (tmp_path / "net").iterdir()] == ["new"]


def test_a_folder_that_was_not_finished_leaves_the_old_one_and_nothing_else(tmp_path):
    write_text(tmp_path / "net" / "old", "old")
    with (  # noqa: PT012
        pytest.raises(StoreError, match="net: the disk is full"),
        replacing_folder(tmp_path / "net") as partial,
    ):
        (partial / "new").write_text("new")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [p.name for p in tmp_path.iterdir()] == ["net"]
    assert [p.name for p in (tmp_path / "net").iterdir()] == ["old"]


def test_what_a_killed_process_left_of_a_folder_is_cleared_away(tmp_path):
    write_text(tmp_path / ".net.part" / "half", "half")
    with replacing_folder(tmp_path / "net") as partial:
        assert not list(partial.iterdir())
    assert [p.name for p in tmp_path.iterdir()] == ["net"]
