"""``instatune import``: it says what it read, and what to do next."""

from __future__ import annotations

import pytest

from instatune.cli.main import main

TEXT = """\
Sub-network,Date,Latency (ms),MACs,Top-1 Acc (%)
"{'d': [1], 'ks': [3, 5], 'r': [224]}",x,0,100,70.5
"{'d': [2], 'ks': [3, 5], 'r': [224]}",x,0,150,71.5
"{'d': [2], 'ks': [3, 3], 'r': [224]}",x,0,130,71.0
"{'d': [1], 'ks': [3, 3], 'r': [224]}",x,0,100,70.5
"""


@pytest.fixture
def results(tmp_path, monkeypatch):
    (tmp_path / "results.csv").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_says_what_it_read_and_what_comes_next(results, capsys):
    assert main(["import", "dynast", "results.csv", "--into", "made"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "results.csv: 4 rows",
        "networks: 3 distinct ones, of 3 in 3 genes",
        "layers: d counts 2 (ks.0 | ks.1)",
        "objective: accuracy (max), column 'Top-1 Acc (%)', 70.5 to 71.5",
        "objective: macs (min), column 'MACs', 100 to 150",
        "left out: column 'Latency (ms)' is 0 in all rows",
        "front: 3 of these networks are beaten by none",
        "written: made/table.csv, made/compare.yaml",
        "next: instatune compare made/compare.yaml",
    ]
    assert (results / "made" / "table.csv").read_text().splitlines()[0] == (
        "d,ks.0,ks.1,MACs,Top-1 Acc (%),rows"
    )


def test_objectives_can_be_chosen(results, capsys):
    words = ["import", "dynast", "results.csv", "--into", "made", "--objective", "macs"]
    assert main(words) == 0
    assert "name: macs" in (results / "made" / "compare.yaml").read_text()
    assert "accuracy" not in capsys.readouterr().out

    assert main([*words[:-1], "vim"]) == 2
    assert "--objective vim: there is none; there are accuracy, macs" in capsys.readouterr().err


def test_numbers_can_be_taken_as_independent(results, capsys):
    assert main(["import", "dynast", "results.csv", "--into", "made", "--no-depth"]) == 0
    assert "layers:" not in capsys.readouterr().out


def test_a_mistake_is_told_with_its_line(results, capsys):
    (results / "results.csv").write_text(TEXT + "oops,x,0,1,1\n")
    assert main(["import", "dynast", "results.csv", "--into", "made"]) == 2
    assert "results.csv:6: 'oops' is no Python literal" in capsys.readouterr().err
    assert not (results / "made").exists()


def test_the_good_direction_can_be_told(results, capsys):
    words = ["import", "dynast", "results.csv", "--into", "made", "--goal"]
    assert main([*words, "MACs = max"]) == 0
    assert "objective: macs (max)" in capsys.readouterr().out

    for bad in ("MACs", "MACs=more", "=max"):
        assert main([*words, bad]) == 2
        assert "is not of the form COLUMN=max or COLUMN=min" in capsys.readouterr().err


def test_an_unknown_format_is_refused(results, capsys):
    assert main(["import", "excel", "results.csv", "--into", "made"]) == 2
    assert "invalid choice: 'excel'" in capsys.readouterr().err
