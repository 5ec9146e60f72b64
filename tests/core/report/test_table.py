from __future__ import annotations

import attrs
import pytest

from instatune.interfaces import AimInfo, Measurement
from instatune.report import findings, table


def columns(summary) -> list[tuple[str, str]]:
    return [
        (column.group, column.head.replace("\u00a0", " "))
        for column in table(summary, findings(summary)).columns
    ]


def test_columns_are_those_of_the_papers_table(summary):
    assert columns(summary) == [
        ("accuracy (%)", "test"),
        ("accuracy (%)", "search"),
        ("accuracy (%)", "δ points"),
        ("MACs", "M"),
        ("MACs", "δ %"),
        ("parameters", "M"),
    ]


def test_cells_hold_the_numbers_of_the_rows(summary):
    plain = summary.baselines[0]
    view = table(summary, findings(summary))

    for line, row in zip(view.front, summary.front, strict=True):
        test, search, points, macs, saved, params = (cell.value for cell in line.cells)
        assert test == row.test["accuracy"].value
        assert search == row.search["accuracy"].value
        assert points == pytest.approx(test - plain.test["accuracy"].value)
        assert macs == row.search["macs"].value
        assert saved == pytest.approx(macs / plain.search["macs"].value - 1)
        assert params == row.search["params"].value


def test_the_reference_is_not_compared_with_itself(summary):
    plain = table(summary, findings(summary)).baselines[0]

    assert [plain.cells[index].text for index in (2, 4)] == ["–", "–"]


def test_an_extra_that_is_an_objective_too_has_one_column(summary):
    double = attrs.evolve(summary, extras=(*summary.extras, summary.aims[1]))

    assert columns(double) == columns(summary)


def test_a_third_objective_gets_columns_of_its_own(summary):
    latency = AimInfo(name="latency", label="latency", unit="ms", goal="min", exact=False)
    rows = tuple(
        attrs.evolve(row, search={**row.search, "latency": Measurement(4.2, 0.1, 30)})
        for row in summary.front
    )
    summary = attrs.evolve(summary, aims=(*summary.aims, latency), front=rows)

    view = table(summary, findings(summary))

    index = next(i for i, column in enumerate(view.columns) if column.group == "latency (ms)")
    assert (view.front[0].cells[index].text, view.front[0].cells[index + 1].text) == ("–", "4.20")
    assert view.front[0].cells[index + 1].interval == "4.00–4.40"
