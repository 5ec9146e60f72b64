"""What the charts of a comparison show, as numbers: shared by the SVG and the PNG."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from instatune.interfaces.comparison import Comparison
from instatune.metrics.attainment import attainment
from instatune.metrics.front import non_dominated
from instatune.metrics.statistics import quartiles
from instatune.report.comparison.contest import Contest, cost_aim
from instatune.report.comparison.race import over_time, reference_front
from instatune.report.numbers import Format, format_of, heading
from instatune.report.plots.scale import span_of

Points = tuple[tuple[float, float], ...]
_COLUMNS = 240  # points of a line on the time axis
_REACH = 0.05  # share of the budget that may begin below the chart


@attrs.frozen(kw_only=True)
class Band:
    """The searches of one strategy: median, and quartiles around it.

    Attributes:
        label: Of the strategy.
        style: Number of its colour and dash: its place in the standings.
        x: Positions.
        middle: Medians.
        low: Lower quartiles.
        high: Upper quartiles.
    """

    label: str
    style: int
    x: tuple[float, ...]
    middle: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@attrs.frozen(kw_only=True)
class BandChart:
    """Bands in a common frame; ``log_x`` means that positions are decimal logarithms."""

    bands: tuple[Band, ...]
    x_span: tuple[float, float]
    y_span: tuple[float, float]
    x_title: str
    y_title: str
    log_x: bool = False


@attrs.frozen(kw_only=True)
class Surface:
    """Corners of a median attainment surface, by rising cost."""

    label: str
    style: int
    points: Points


@attrs.frozen(kw_only=True)
class FrontChart:
    """Median attainment surfaces, and the true front behind them where it is known."""

    surfaces: tuple[Surface, ...]
    truth: Points
    x_span: tuple[float, float]
    y_span: tuple[float, float]
    x_title: str
    y_title: str
    rising: bool


def styles(contest: Contest) -> dict[str, int]:
    """Number of the colour and dash of each strategy: its place in the standings."""
    return {item.label: index for index, item in enumerate(contest.standings)}


def by_evaluations(contest: Contest) -> BandChart | None:
    """Hypervolume against evaluations."""
    budget = contest.comparison.budget
    x = np.arange(1, budget + 1, dtype=np.float64)
    bands = _bands(contest, x, {s.label: contest.tight.traces[s.label] for s in contest.standings})
    if not bands or budget < 2:
        return None
    start = min(budget - 1, max(1, int(_REACH * budget)))
    shown = [value for band in bands for value in (*band.low[start:], *band.high[start:])]
    return BandChart(
        bands=bands,
        x_span=(0.0, budget * 1.02),
        y_span=_top(shown),
        x_title="evaluations",
        y_title=_title(contest),
    )


def by_time(contest: Contest) -> BandChart | None:
    """Hypervolume against the seconds of strategy and measuring together, on a logarithmic axis."""
    trials = {s.label: contest.comparison.of(s.label) for s in contest.standings}
    ends = [trial.elapsed[-1] for group in trials.values() for trial in group if len(trial.elapsed)]
    starts = [
        trial.elapsed[0] for group in trials.values() for trial in group if len(trial.elapsed)
    ]
    if not ends or min(ends) <= 0 or max(ends) <= 0:
        return None
    first = max(min(starts), max(ends) * 1e-6)
    grid = np.logspace(math.log10(first), math.log10(max(ends)), _COLUMNS)
    rows = {
        label: over_time(group, contest.tight.traces[label], grid)
        for label, group in trials.items()
    }
    bands = _bands(contest, np.log10(grid), rows)
    finals = [float(s.tight.low) for s in contest.standings]
    shown = [value for band in bands for value in band.high]
    floor = min([*finals, 100.0]) * 100
    return BandChart(
        bands=bands,
        x_span=(math.log10(first), math.log10(max(ends)) + 0.05),
        y_span=_top([floor - 2 * (100 - floor), max(shown)]),
        x_title="seconds of strategy and measuring (logarithmic)",
        y_title=_title(contest),
        log_x=True,
    )


def fronts(contest: Contest) -> FrontChart | None:
    """Median attainment surfaces of two aims, in the units of the aims."""
    comparison = contest.comparison
    if len(comparison.aims) != 2 or not contest.standings:
        return None
    cost = cost_aim(comparison)
    order = [cost, 1 - cost]
    factors = formats(comparison)
    surfaces = []
    for standing in contest.standings:
        losses = [trial.losses[:, order] for trial in comparison.of(standing.label)]
        points = _shown(attainment(losses), comparison, order, factors)
        style = styles(contest)[standing.label]
        surfaces.append(Surface(label=standing.label, style=style, points=points))
    truth: Points = ()
    if comparison.front is not None:
        truth = _shown(comparison.front[:, order], comparison, order, factors)
    everything = [*truth, *(point for surface in surfaces for point in surface.points)]
    if not everything:
        return None
    x_aim, y_aim = (comparison.aims[index] for index in order)
    return FrontChart(
        surfaces=tuple(surfaces),
        truth=truth,
        x_span=span_of([x for x, _ in everything]),
        y_span=span_of([y for _, y in everything]),
        x_title=heading(x_aim.label, factors[order[0]]),
        y_title=heading(y_aim.label, factors[order[1]]) + ", median attainment",
        rising=y_aim.goal == "max",
    )


def gaps(contest: Contest) -> FrontChart | None:
    """What is missing to the reference front at each cost, in the units of the second aim."""
    comparison = contest.comparison
    view = fronts(contest)
    if view is None:
        return None
    cost = cost_aim(comparison)
    order = [cost, 1 - cost]
    front = reference_front(comparison)[:, order]
    front = front[np.isfinite(front).all(axis=1)]
    whole = _shown(front[non_dominated(front)], comparison, order, formats(comparison))
    surfaces = tuple(
        attrs.evolve(surface, points=_below(whole, surface.points, view.rising))
        for surface in view.surfaces
    )
    everything = [point for surface in surfaces for point in surface.points]
    if not everything:
        return None
    start = view.x_span[0] + _REACH * (view.x_span[1] - view.x_span[0])
    shown = [y for x, y in everything if x >= start] or [y for _, y in everything]
    unit = formats(comparison)[order[1]].unit
    points = "points" if unit == "%" else unit
    label = comparison.aims[order[1]].label
    return FrontChart(
        surfaces=surfaces,
        truth=(),
        x_span=view.x_span,
        y_span=(0.0, span_of([0.0, *shown], 0.06)[1]),
        x_title=view.x_title,
        y_title=f"{label} missing{f' ({points})' if points else ''}, lower is better",
        rising=False,
    )


def _below(whole: Points, surface: Points, rising: bool) -> Points:
    """Distance of one staircase from another one, wherever either of them has a step."""
    if not whole or not surface:
        return ()
    sign = 1.0 if rising else -1.0
    places = sorted({x for x, _ in (*whole, *surface) if x >= max(whole[0][0], surface[0][0])})
    return tuple((x, sign * (_level(whole, x) - _level(surface, x))) for x in places)


def _level(points: Points, x: float) -> float:
    """Height of a staircase; it starts at or before ``x``."""
    return points[int(np.searchsorted([place for place, _ in points], x, side="right")) - 1][1]


def _bands(
    contest: Contest, x: NDArray[np.float64], rows: dict[str, NDArray[np.float64]]
) -> tuple[Band, ...]:
    made = []
    for standing in contest.standings:
        found = quartiles(100 * rows[standing.label])
        made.append(
            Band(
                label=standing.label,
                style=styles(contest)[standing.label],
                x=_floats(x),
                middle=_floats(found.median),
                low=_floats(found.low),
                high=_floats(found.high),
            )
        )
    return tuple(made)


def _floats(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _title(contest: Contest) -> str:
    of = "true front" if contest.known else "best known front"
    return f"hypervolume (% of the {of})"


def _top(values: list[float]) -> tuple[float, float]:
    low, high = span_of(values, 0.04)
    return max(0.0, low), high


def formats(comparison: Comparison) -> list[Format]:
    """How to write each aim."""
    made: list[Format] = []
    for column, aim in enumerate(comparison.aims):
        good = [trial.values[:, column] for trial in comparison.trials if trial.good]
        values = np.concatenate(good) if good else np.zeros(0)
        made.append(format_of(aim, values.tolist()))
    return made


def _shown(
    losses: NDArray[np.float64], comparison: Comparison, order: list[int], factors: list[Format]
) -> Points:
    """Losses as values in the units of the axes, by rising cost."""
    columns = []
    for place, index in enumerate(order):
        sign = -1.0 if comparison.aims[index].goal == "max" else 1.0
        columns.append(sign * losses[:, place] * factors[index].factor)
    points = np.column_stack(columns)
    points = points[np.lexsort((points[:, 1], points[:, 0]))]
    return tuple((float(x), float(y)) for x, y in points)
