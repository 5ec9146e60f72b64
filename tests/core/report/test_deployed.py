from __future__ import annotations

import attrs
import pytest

from instatune.interfaces import Artefact, Measurement
from instatune.report.deployed import bits_in_words, deployed, quickest
from instatune.report.page import page
from instatune.report.sections.deployed import artefacts

from .example import example_summary as made


def artefact(name, size, accuracy, seconds, runtime="torch", problem=""):
    return Artefact(
        format=name,
        runtime=runtime,
        bytes=size,
        accuracy=Measurement(accuracy, 0.01, 1000),
        agreement=0.98,
        gap=0.2,
        seconds={"1": Measurement(seconds, 1e-4, 15)},
        problem=problem,
    )


@pytest.fixture
def summary():
    base = made()
    largest = next(row for row in base.baselines if row.role == "largest")
    others = [row for row in base.baselines if row is not largest]
    full = {"a": 32, "table": 32}
    largest = attrs.evolve(
        largest, bits=full, artefacts=(artefact("folder", 90_000_000, 0.81, 0.04),)
    )
    small = attrs.evolve(
        base.front[0],
        bits={"a": 8, "b": 8, "c": 32, "table": 8},
        artefacts=(
            artefact("folder", 15_000_000, 0.80, 0.02),
            artefact("onnx_int8", 16_000_000, 0.80, 0.01, "onnxruntime", "decides otherwise"),
        ),
    )
    return attrs.evolve(
        base, baselines=(largest, *others), front=(small, *base.front[1:]), tables=("table",)
    )


def figures(summary, index):
    table = deployed(summary)
    return dict(zip([head for head, _ in table.heads], table.lines[index].figures, strict=True))


def test_sizes_and_speeds_are_compared_with_the_largest_in_full_precision(summary):
    found = figures(summary, 1)
    assert found["MB"].text == "15.00"
    assert found["smaller"].value == pytest.approx(6.0)
    assert found["ms at 1"].value == 0.02
    assert found["faster"].text == "2.00×"


def test_speed_has_no_meaning_across_runtimes(summary):
    found = figures(summary, 2)
    assert found["faster"].value is None
    assert found["smaller"].value == pytest.approx(90 / 16)


def test_the_score_is_held_against_plain_fine_tuning(summary):
    plain = next(row for row in summary.baselines if row.role == "plain")
    gain = 0.80 - plain.test["accuracy"].value
    assert figures(summary, 1)["δ points"].value == pytest.approx(gain)


def test_bits_are_told_in_words():
    bits = {"a": 8, "b": 8, "c": 32, "x": 8, "y": 32}
    assert bits_in_words(bits, ("x",)) == "2 × 8, 2 × 32, embeddings 8"
    assert bits_in_words({}, ()) == "–"


def test_the_page_shows_the_table_and_what_was_refused(summary):
    text = page(summary)
    assert "As deployed" in text
    assert "2 × 8, 1 × 32, embeddings 8" in text
    assert "not handed over" in text
    assert "decides otherwise" in text


def test_what_stands_in_a_problem_is_escaped(summary):
    row = summary.front[0]
    bad = attrs.evolve(row.artefacts[0], problem="<script>alert(1)</script>")
    summary = attrs.evolve(summary, front=(attrs.evolve(row, artefacts=(bad,)),))
    assert "<script>alert(1)" not in str(artefacts(summary))


def test_nothing_is_shown_where_nothing_was_run():
    assert deployed(made()) is None
    assert artefacts(made()) is None


def test_of_each_network_the_fastest_artefact_that_was_handed_over_stands_for_it(summary):
    chosen = quickest(deployed(summary))
    assert [(line.row.role, line.artefact.format) for line in chosen] == [
        ("largest", "folder"),
        ("front", "folder"),  # the other one was refused
    ]


def test_a_baseline_that_is_on_the_front_stands_once(summary):
    same = attrs.evolve(summary.front[0], role="smallest", name="smallest")
    twice = attrs.evolve(summary, baselines=(*summary.baselines, same))
    assert len(deployed(twice).lines) == len(deployed(summary).lines)
