"""How the pictures of a comparison look: the drawing behind the ``png`` reporter."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from instatune.report.comparison.charts import BandChart, FrontChart
from instatune.report.plots.scale import decades, tick_texts, ticks
from instatune_plugins.reporters.drawing import HEIGHT, MUTED, WIDTH, axes_of, legend_below

# The colours and dashes of the page, by number of the strategy.
STYLES: tuple[tuple[str, Any], ...] = (
    ("#0a5fb4", "-"),
    ("#c2410c", (0, (6, 2.5))),
    ("#18803f", (0, (1.5, 2))),
    ("#8a3ab9", (0, (6, 2, 1.5, 2))),
    ("#96690a", (0, (3.5, 2))),
    ("#0f7a80", (0, (8, 2, 1.5, 2, 1.5, 2))),
    ("#4a5563", (0, (1, 1.5))),
    ("#b3261e", (0, (9, 3))),
)


def draw_bands(view: BandChart) -> Figure:
    """Draw medians with their quartiles."""
    figure, axes = axes_of(view.x_title, view.y_title, WIDTH, HEIGHT)
    for band in reversed(view.bands):
        colour, dash = STYLES[band.style % len(STYLES)]
        axes.fill_between(band.x, band.low, band.high, color=colour, alpha=0.13, linewidth=0)
        axes.plot(
            band.x, band.middle, color=colour, linestyle=dash, linewidth=1.8, label=band.label
        )
    columns, texts = decades(*view.x_span) if view.log_x else _linear(view.x_span)
    axes.set_xticks(columns, texts)
    _limits(axes, view)
    legend_below(figure, axes, backwards=True)
    return figure


def draw_fronts(view: FrontChart) -> Figure:
    """Draw median attainment surfaces before the true front."""
    figure, axes = axes_of(view.x_title, view.y_title, WIDTH, HEIGHT)
    if view.truth:
        x, y = zip(*view.truth, strict=True)
        axes.scatter(
            x, y, s=22, facecolors="none", edgecolors=MUTED, linewidths=0.9, label="true front"
        )
    for surface in reversed(view.surfaces):
        if not surface.points:
            continue
        colour, dash = STYLES[surface.style % len(STYLES)]
        x, y = zip(*(*surface.points, (view.x_span[1], surface.points[-1][1])), strict=True)
        axes.plot(
            x,
            y,
            color=colour,
            linestyle=dash,
            linewidth=1.8,
            drawstyle="steps-post",
            label=surface.label,
        )
    axes.set_xticks(*_linear(view.x_span))
    _limits(axes, view)
    legend_below(figure, axes, backwards=True)
    return figure


def _linear(span: tuple[float, float]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    places = ticks(*span, 7)
    return places, tick_texts(places)


def _limits(axes: Any, view: BandChart | FrontChart) -> None:
    rows = ticks(*view.y_span, 6)
    axes.set_yticks(rows, tick_texts(rows))
    axes.set_xlim(*view.x_span)
    axes.set_ylim(*view.y_span)
