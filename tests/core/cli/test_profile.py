"""The command that tells what a run will take."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import yaml

from instatune.cli.main import main
from instatune.cli.profile import lines
from instatune.engine.census import Count
from instatune.engine.forecast import StageTime
from instatune.engine.profile import Bound, Choices, Profile, Size

TOY = Path(__file__).parents[2] / "end_to_end" / "toy.py"


@pytest.fixture(scope="module")
def spec_file(tmp_path_factory) -> Path:
    found = importlib.util.spec_from_file_location("toy_of_cli", TOY)
    toy = importlib.util.module_from_spec(found)
    sys.modules[found.name] = toy
    found.loader.exec_module(toy)
    folder = tmp_path_factory.mktemp("profile")
    data = toy.make(folder, constraints={"macs": {"max": 0.6}})
    file = folder / "spec.yaml"
    file.write_text(yaml.safe_dump(data))
    return file


def test_tables_are_printed_without_times_if_none_are_wanted(spec_file, capsys):
    assert main(["profile", str(spec_file), "--seconds", "0"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{spec_file}: 819 networks\n")
    assert "  heads.0 ... heads.2 (3)  1 2 4\n" in out
    assert "macs <= " in out
    assert "stage" not in out


def test_changes_on_the_command_line_count(spec_file, capsys):
    words = ["profile", str(spec_file), "--seconds", "0", "--set", "space.heads=[2, 4]"]
    assert main(words) == 0
    assert f"{6 + 6**2 + 6**3} networks" in capsys.readouterr().out


def test_json_holds_everything(spec_file, capsys):
    assert main(["profile", str(spec_file), "--json", "--seconds", "0.2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["size"] == 819
    assert [n["name"] for n in found["networks"]] == ["largest", "median", "smallest"]
    assert found["bounds"][0]["met_by"]["exact"] is True
    assert found["stages"][1]["name"] == "teach"
    assert found["seconds"] > 0


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_a_time_that_is_none_is_refused(spec_file, capsys, text):
    assert main(["profile", str(spec_file), f"--seconds={text}"]) == 2
    assert f"'{text}' is no time in seconds; give 0 or more" in capsys.readouterr().err


def test_the_spec_is_checked_before_torch_is_imported(spec_file, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "instatune.engine.profile", None)
    assert main(["profile", str(spec_file), "--set", "tune.lr=fast"]) == 2


def example(**changes) -> Profile:
    whole = {
        "size": 3 * 10**12,
        "choices": (Choices(genes=("depth",), choices=(2, 4)),),
        "networks": (
            Size(name="largest", macs=11_170_000_000, parameters=110 * 10**6, size_bytes=4),
        ),
        "tokens": 128,
        "bounds": (),
        "stages": (),
    }
    return Profile(**{**whole, **changes})


def text(**changes) -> str:
    return "\n".join(lines("spec.yaml", example(**changes)))


def bound(met_by, **changes) -> Bound:
    sides = {"name": "macs", "low": None, "high": 6e9, "unit": "", "range": (1e9, 1.1e10)}
    return Bound(**{**sides, **changes}, met_by=met_by)


def test_large_numbers_are_short():
    assert "spec.yaml: 3.00e+12 networks" in text()
    assert "largest  11.2 G" in text()


@pytest.mark.parametrize(
    ("met_by", "words"),
    [
        (Count(count=0, low=0, high=0, share=0.0, exact=True), "none"),
        (Count(count=12, low=12, high=12, share=0.1234, exact=True), "12 networks (12.3 %)"),
        (
            Count(count=123_456, low=111_111, high=133_333, share=0.0004, exact=False),
            "about 123,000 networks (less than 0.1 %; 111,000 to 133,000)",
        ),
        (
            Count(count=0, low=0, high=98_765, share=0.0, exact=False),
            "none that was drawn, 98,800 at most",
        ),
        (None, "has to be measured: known after the search"),
    ],
)
def test_constraints_are_told_in_words(met_by, words):
    assert text(bounds=(bound(met_by),)).endswith(f"macs <= 6 G  1 G to 11 G    {words}")


def test_both_sides_and_the_unit_of_a_constraint_are_told():
    assert "  10 <= macs <= 6 G ms " in text(bounds=(bound(None, low=10.0, unit="ms"),))


def test_stages_tell_what_their_time_is_made_of():
    stages = (
        StageTime(name="teach", seconds=120.0, parts={"train": 114.0, "curve": 1.0, "load": 5.0}),
        StageTime(name="elastic", seconds=0.0, parts={"load": 0.0}),
    )
    found = text(stages=stages).replace("\u00a0", " ")
    assert "  teach    2 min 00 s  train 95%\n" in found
    assert "  elastic  0.0 s\n" in found
    assert found.endswith("  all      2 min 00 s")
