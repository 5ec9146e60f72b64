"""What the Pareto plot shows, as numbers: shared by the SVG and the PNG.

The clouds are cut off far below the networks of interest: one untrained network would otherwise
squeeze everything else into a line. How many were cut is said beside the plot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from instatune.interfaces import AimInfo, Row, Summary
from instatune.report.findings import Findings, Split, measurement
from instatune.report.intervals import interval
from instatune.report.numbers import heading, relative_change
from instatune.report.plots.scale import span_of
from instatune.report.words import describe

Points = tuple[tuple[float, float], ...]


@attrs.frozen(kw_only=True)
class Point:
    """A network in the plot, in the units of the axes.

    Attributes:
        row: Its row.
        x: Cost.
        y: Score.
        low: Lower end of the interval, None for none.
        high: Upper end.
        tip: What to tell about it.
    """

    row: Row
    x: float
    y: float
    low: float | None
    high: float | None
    tip: str


@attrs.frozen(kw_only=True)
class Pareto:
    """Everything in one plot of score against cost.

    Attributes:
        evaluated: All networks that the search measured, on the search split.
        random: The same of random search.
        search: The front on the search split, cheapest first.
        test: The front on the test split.
        baselines: Baselines, on the test split where measured.
        hidden: Number of points below the plot.
        joined: Whether a line through the front has a meaning (it has none with further costs).
    """

    evaluated: Points
    random: Points
    search: tuple[Point, ...]
    test: tuple[Point, ...]
    baselines: tuple[Point, ...]
    x_span: tuple[float, float]
    y_span: tuple[float, float]
    x_title: str
    y_title: str
    hidden: int
    joined: bool


def pareto(summary: Summary, found: Findings, cost: AimInfo) -> Pareto | None:
    """Collect the points for one cost; None where there is no score or nothing to draw."""
    if found.score is None:
        return None
    search = _points(summary.front, found, cost, "search")
    test = _points(summary.front, found, cost, "test")
    baselines = _points(summary.baselines, found, cost, "test", fall_back=True)
    evaluated, random = (_cloud(c, found, cost) for c in (summary.evaluated, summary.random))
    if not (search or test or baselines or evaluated or random):
        return None
    x_span = span_of(
        [p.x for p in (*search, *test, *baselines)] + [x for x, _ in evaluated + random]
    )
    y_span = _focus((*search, *test, *baselines), evaluated + random)
    inside = [tuple(p for p in c if y_span[0] <= p[1] <= y_span[1]) for c in (evaluated, random)]
    return Pareto(
        evaluated=inside[0],
        random=inside[1],
        search=search,
        test=test,
        baselines=baselines,
        x_span=x_span,
        y_span=y_span,
        x_title=heading(cost.label, found.formats[cost.name]),
        y_title=heading(found.score.label, found.formats[found.score.name]),
        hidden=len(evaluated) + len(random) - len(inside[0]) - len(inside[1]),
        joined=len([aim for aim in summary.aims if aim != found.score]) <= 1,
    )


def _points(
    rows: tuple[Row, ...],
    found: Findings,
    cost: AimInfo,
    split: Split,
    *,
    fall_back: bool = False,
) -> tuple[Point, ...]:
    points = [_point(row, found, cost, split) for row in rows]
    if fall_back:
        points = [
            point or _point(row, found, cost, "search")
            for row, point in zip(rows, points, strict=True)
        ]
    return tuple(sorted((p for p in points if p is not None), key=lambda p: p.x))


def _point(row: Row, found: Findings, cost: AimInfo, split: Split) -> Point | None:
    score = found.score
    if score is None:
        return None
    value, spent = measurement(row, score, split), found.value(row, cost)
    if value is None or spent is None:
        return None
    y_form, bounds = found.formats[score.name], interval(value)
    factor = y_form.factor
    return Point(
        row=row,
        x=spent * found.formats[cost.name].factor,
        y=value.value * factor,
        low=bounds.low * factor if bounds else None,
        high=bounds.high * factor if bounds else None,
        tip=_tip(row, found, cost, split),
    )


def _tip(row: Row, found: Findings, cost: AimInfo, split: Split) -> str:
    score = found.score
    value = measurement(row, score, split) if score else None
    if score is None or value is None:
        return row.name
    form, cost_form, bounds = found.formats[score.name], found.formats[cost.name], interval(value)
    spent = found.value(row, cost)
    change = relative_change(spent, found.value(found.reference, cost))
    lines = [
        f"{row.name}: {describe(row)}",
        f"{score.label} {form.with_unit(value.value)} on the {split} split"
        + (f", 95 % interval {form(bounds.low)} to {form(bounds.high)}" if bounds else ""),
        f"{cost.label} {cost_form.with_unit(spent)}"
        + (f" ({change * 100:+.1f} %)".replace("-", "−") if change else ""),
    ]
    return "\n".join(lines)


def _cloud(values: tuple[Mapping[str, float], ...], found: Findings, cost: AimInfo) -> Points:
    score = found.score
    if score is None:
        return ()
    x, y = found.formats[cost.name].factor, found.formats[score.name].factor
    return tuple(
        (point[cost.name] * x, point[score.name] * y)
        for point in values
        if math.isfinite(point.get(cost.name, math.nan) + point.get(score.name, math.nan))
    )


def _focus(points: tuple[Point, ...], cloud: Points) -> tuple[float, float]:
    important = [edge for p in points for edge in (p.low, p.y, p.high) if edge is not None]
    if not important:
        return span_of([y for _, y in cloud])
    low, high = min(important), max(important)
    reach = 0.25 * (high - low)
    return span_of(important + [y for _, y in cloud if low - reach <= y <= high + reach])
