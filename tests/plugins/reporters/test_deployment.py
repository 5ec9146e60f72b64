from __future__ import annotations

import csv
import io

import attrs
import pytest

from instatune.interfaces import Artefact, Measurement, Row, Summary
from instatune_plugins.reporters.csv import artefacts
from instatune_plugins.reporters.deployment import deployment


def artefact(name, size, seconds):
    return Artefact(
        format=name,
        runtime="torch",
        bytes=size,
        accuracy=Measurement(0.9, 0.01, 100),
        agreement=1.0,
        gap=0.01,
        seconds={"1": Measurement(seconds, 0.0, 5), "32": Measurement(20 * seconds, 0.0, 5)},
    )


@pytest.fixture
def summary(tmp_path):
    full = Row(
        name="largest sub-network",
        role="largest",
        key="a",
        bits={"x": 32},
        artefacts=(artefact("folder", 40_000_000, 0.04),),
    )
    small = Row(
        name="sub-network 1",
        role="front",
        key="b",
        bits={"x": 8},
        artefacts=(artefact("folder", 10_000_000, 0.02), artefact("other", 9_000_000, 0.01)),
    )
    return Summary(
        title="t",
        facts={},
        aims=(),
        layers=1,
        widths={},
        kept={},
        front=(small,),
        baselines=(full,),
        evaluated=(),
        stage_seconds={},
        environment={},
        spec="",
        run_dir=tmp_path,
    )


def test_the_console_shows_the_fastest_format_of_each_network(summary):
    lines = deployment(summary, width=100).splitlines()
    assert lines[1].split()[:4] == ["as", "deployed", "format", "MB"]
    assert lines[3].split()[:4] == ["largest", "sub-network", "folder", "40.00"]
    assert lines[4].split()[:4] == ["sub-network", "1", "other", "9.00"]
    assert "4.44×" in lines[4]
    assert max(map(len, lines)) <= 100


def test_columns_that_do_not_fit_are_left_out_from_the_right(summary):
    lines = deployment(summary, width=40, utf8=False).splitlines()
    assert max(map(len, lines)) <= 40
    assert "MB" in lines[1]
    assert "ms at 1" not in lines[1]


def test_nothing_is_shown_where_nothing_was_run(summary):
    rows = [attrs.evolve(row, artefacts=()) for row in (*summary.front, *summary.baselines)]
    assert deployment(attrs.evolve(summary, front=(rows[0],), baselines=(rows[1],)), width=80) == ""


def test_the_table_for_scripts_holds_every_artefact(summary):
    rows = list(csv.DictReader(io.StringIO(artefacts(summary))))
    assert [(row["name"], row["format"]) for row in rows] == [
        ("sub-network 1", "folder"),
        ("sub-network 1", "other"),
        ("largest sub-network", "folder"),
    ]
    assert float(rows[1]["seconds_at_32"]) == 0.2
    assert rows[1]["bytes"] == "9000000"
