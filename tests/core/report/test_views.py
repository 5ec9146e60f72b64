from __future__ import annotations

import math

import attrs
import pytest

from instatune.interfaces import CurvePoint, Measurement, Trace
from instatune.report import findings
from instatune.report.lines import curve_chart, hypervolume_chart
from instatune.report.pareto import pareto


def view_of(summary):
    found = findings(summary)
    return pareto(summary, found, found.cost)


def test_points_are_drawn_in_the_units_of_the_axes(summary):
    view = view_of(summary)
    rows = {row.name: row for row in summary.front}

    assert (view.x_title, view.y_title) == ("MACs (M)", "accuracy (%)")
    assert len(view.test) == len(view.search) == len(summary.front)
    for point in view.test:
        row = rows[point.row.name]
        assert point.x == pytest.approx(row.search["macs"].value / 1e6)
        assert point.y == pytest.approx(row.test["accuracy"].value * 100)
        assert point.low < point.y < point.high


def test_everything_important_lies_inside_the_frame(summary):
    view = view_of(summary)

    for point in (*view.test, *view.search, *view.baselines):
        assert view.x_span[0] < point.x < view.x_span[1]
        assert view.y_span[0] < point.low < point.high < view.y_span[1]
    for x, y in (*view.evaluated, *view.random):
        assert view.x_span[0] <= x <= view.x_span[1]
        assert view.y_span[0] <= y <= view.y_span[1]


def test_networks_far_below_are_counted_instead_of_squeezing_the_plot(summary):
    bad = tuple({"accuracy": 0.11, "macs": 3e8} for _ in range(7))

    view = view_of(attrs.evolve(summary, random=bad))

    assert view.hidden == 7
    assert view.random == ()
    assert view.y_span[0] > 50


def test_baselines_without_a_test_value_are_drawn_at_that_of_the_search(summary):
    rows = tuple(attrs.evolve(row, test={}) for row in summary.baselines)

    view = view_of(attrs.evolve(summary, baselines=rows))

    assert len(view.baselines) == len(rows)
    assert "on the search split" in view.baselines[0].tip


def test_points_that_are_not_finite_are_left_out(summary):
    row = attrs.evolve(summary.front[0], test={"accuracy": Measurement(math.nan)}, search={})
    broken = (
        {"accuracy": math.nan, "macs": 1.0},
        {"macs": 1.0},
        {"accuracy": 0.8, "macs": math.inf},
    )

    view = view_of(attrs.evolve(summary, front=(row,), evaluated=broken, random=()))

    assert view.test == view.search == view.evaluated == ()


def test_the_front_is_not_joined_where_there_are_further_costs(summary):
    third = attrs.evolve(summary.extras[0], name="params")

    assert view_of(summary).joined
    assert not view_of(attrs.evolve(summary, aims=(*summary.aims, third))).joined


def test_hypervolume_says_when_random_search_was_overtaken(summary):
    traces = (
        Trace(name="linas", hypervolume=(0.1, 0.3, 0.5, 0.6)),
        Trace(name="random", hypervolume=(0.1, 0.2, 0.3, 0.45)),
    )

    view = hypervolume_chart(attrs.evolve(summary, traces=traces))

    assert view.lines[0].points == ((1, 0.1), (2, 0.3), (3, 0.5), (4, 0.6))
    assert view.note == (
        "linas had the final hypervolume of random (0.4500, 4 evaluations) after 3 evaluations."
    )


def test_hypervolume_admits_when_random_search_was_better(summary):
    traces = (
        Trace(name="linas", hypervolume=(0.1, 0.3)),
        Trace(name="random", hypervolume=(0.2, 0.4)),
    )

    view = hypervolume_chart(attrs.evolve(summary, traces=traces))

    assert view.note == "random ended higher (0.4000 against 0.3000)."


def test_hypervolume_has_no_chart_without_values(summary):
    assert hypervolume_chart(attrs.evolve(summary, traces=())) is None
    empty = Trace(name="linas", hypervolume=(math.nan,))
    assert hypervolume_chart(attrs.evolve(summary, traces=(empty,))) is None


def test_curves_come_in_a_fixed_order_and_by_rising_epoch(summary):
    points = tuple(
        CurvePoint(stage="tune", epoch=epoch, series=series, value=0.5)
        for epoch in (2.0, 1.0)
        for series in ("smallest", "mine", "full")
    )

    view = curve_chart(attrs.evolve(summary, curves=points), findings(summary))

    assert [line.label for line in view.lines] == ["largest network", "smallest network", "mine"]
    assert view.lines[0].points == ((1.0, 50.0), (2.0, 50.0))
