from __future__ import annotations

import csv
import importlib.util
import io
from pathlib import Path

import pytest
from rich.cells import cell_len

from instatune.report.comparison import contest
from instatune_plugins.reporters import ConsoleConfig, FolderConfig, PngConfig
from instatune_plugins.reporters.console import Console
from instatune_plugins.reporters.contest_tables import tables
from instatune_plugins.reporters.csv import Csv
from instatune_plugins.reporters.html import Html
from instatune_plugins.reporters.png import Png
from instatune_plugins.reporters.standings import standings


@pytest.fixture(scope="module")
def made():
    path = Path(__file__).parents[2] / "core" / "report" / "comparison" / "made.py"
    spec = importlib.util.spec_from_file_location("made_for_reporters", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compared(made):
    return made.race({"base": [0.5, 0.6, 0.8], "good one": [0.4, 0.9, 0.96]})


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_the_table_fits_into_the_terminal(compared, width):
    text = standings(contest(compared), width=width)
    assert max(cell_len(line) for line in text.splitlines()) <= max(width, 58)
    assert "good one" in text


def test_the_text_says_who_wins_and_what_to_know(made, compared):
    text = standings(contest(compared)).replace("\u00a0", " ")
    assert " ".join(text.split()).startswith("good one wins: 96.0 %")
    trials = [made.trial("a", 0, [(-0.5, 5)]), made.failed("a", 1, error="\x1b[2Jboom")]
    warned = standings(contest(made.comparison(trials)))
    assert "! a: 1 of 2 searches failed" in warned
    assert "\x1b" not in warned


def test_a_terminal_without_unicode_gets_ascii(compared):
    assert standings(contest(compared), utf8=False).isascii()


def test_colour_is_there_if_asked(compared):
    assert "\x1b[1m" in standings(contest(compared), colour=True)
    assert "\x1b" not in standings(contest(compared))


def test_everything_failed_is_said_in_words(made):
    assert "Every search failed" in standings(
        contest(made.comparison([made.failed("a", 0)], budget=1))
    )


def test_tables_hold_full_numbers(compared):
    made_tables = tables(contest(compared))
    first = rows(made_tables["standings.csv"])[0]
    found = contest(compared).standings[0]
    assert first["strategy"] == "good one"
    assert float(first["tight"]) == float(found.tight.median)
    assert first["to_99"] == ""
    assert len(rows(made_tables["progress.csv"])) == 2 * 3
    assert len(rows(made_tables["evaluations.csv"])) == 2 * 8 * 3
    assert float(rows(made_tables["duels.csv"])[0]["a12"]) == 1.0


def test_failed_trials_have_their_line(made):
    trials = [made.trial("a", 0, [(-0.5, 5)]), made.failed("a", 1, error="boom, said it")]
    lines = rows(tables(contest(made.comparison(trials)))["trials.csv"])
    assert [line["error"] for line in lines] == ["", "boom, said it"]
    assert lines[1]["tight"] == ""


@pytest.mark.parametrize(
    ("reporter", "config", "names"),
    [
        (Html, FolderConfig(), {"index.html"}),
        (
            Csv,
            FolderConfig(),
            {"standings.csv", "duels.csv", "progress.csv", "trials.csv", "evaluations.csv"},
        ),
        (Png, PngConfig(dpi=60), {"hypervolume.png", "time.png", "fronts.png", "gaps.png"}),
        (Console, ConsoleConfig(progress="off"), set()),
    ],
)
def test_reporters_write_what_they_say(compared, tmp_path, reporter, config, names):
    written = reporter(config, tmp_path).compared(compared)
    assert {path.name for path in written} == names
    assert all(path.is_file() for path in written)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == names


def test_pictures_of_a_comparison_without_any_result_are_left_out(made, tmp_path):
    nothing = made.comparison([made.failed("a", 0)], budget=3)
    assert Png(PngConfig(), tmp_path).compared(nothing) == ()
