"""How pictures look: the drawing behind the ``png`` reporter."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from instatune.report.lines import LineChart
from instatune.report.pareto import Pareto, Point, Points
from instatune.report.plots.scale import tick_texts, ticks

ACCENT, INK, MUTED, RULE = "#0a5fb4", "#1a1f26", "#5a6570", "#e2e5e9"
WIDTH, HEIGHT = 7.5, 4.6

# role: (marker, colour, area, label)
ROLES = {
    "plain": ("*", "#c2410c", 150, "plain fine-tuning"),
    "largest": ("^", "#4a5563", 55, "largest network"),
    "smallest": ("v", "#4a5563", 55, "smallest network"),
    "uniform": ("s", "#18803f", 45, "uniform shrink"),
    "first_layers": (">", "#8a3ab9", 55, "first layers only"),
    "random": ("D", "#96690a", 42, "random search"),
    "quantized": ("<", "#0f7a80", 60, "fully quantized"),
    "alike": ("P", "#7a3b0f", 55, "all bits alike"),
}
OTHER = ("p", "#0f7a80", 60)

# style: (colour, dash)
STYLES = {
    "strategy": (ACCENT, "-"),
    "full": (ACCENT, "-"),
    "plain": ("#c2410c", "-"),
    "random": ("#96690a", (0, (6, 3))),
    "smallest": ("#4a5563", (0, (1.5, 2))),
    "other": ("#96690a", (0, (5, 2))),
}


def draw_pareto(view: Pareto) -> Figure:
    """Draw score against cost."""
    figure, axes = axes_of(view.x_title, view.y_title, WIDTH, HEIGHT + 0.5)
    _cloud(axes, view.random, "#c9a24b", "measured by random search")
    _cloud(axes, view.evaluated, "#7d94ad", "measured by the search")
    plain = next((p for p in view.baselines if p.row.role == "plain"), None)
    if plain is not None:
        axes.axhline(plain.y, color="#c2410c", linewidth=0.9, linestyle=(0, (1.5, 3)), zorder=1)
    _front(axes, view.search, view.joined, "front, search split", hollow=True)
    _front(axes, view.test, view.joined, "front, test split, 95 % intervals")
    _baselines(axes, view.baselines)
    _limits(axes, view)
    legend_below(figure, axes)
    return figure


def draw_lines(view: LineChart) -> Figure:
    """Draw a line chart."""
    figure, axes = axes_of(view.x_title, view.y_title, WIDTH, HEIGHT)
    for line in reversed(view.lines):
        colour, dash = STYLES.get(line.style, STYLES["other"])
        x, y = [p[0] for p in line.points], [p[1] for p in line.points]
        marker = "o" if len(x) <= 60 and not line.steps else None
        axes.plot(
            x,
            y,
            color=colour,
            linestyle=dash,
            linewidth=1.8,
            marker=marker,
            markersize=4,
            markeredgecolor="white",
            markeredgewidth=0.6,
            label=line.label,
            drawstyle="steps-post" if line.steps else "default",
        )
    _limits(axes, view)
    legend_below(figure, axes, backwards=True)
    return figure


def _limits(axes: Any, view: Pareto | LineChart) -> None:
    columns, rows = ticks(*view.x_span, 7), ticks(*view.y_span, 6)
    axes.set_xticks(columns, tick_texts(columns))
    axes.set_yticks(rows, tick_texts(rows))
    axes.set_xlim(*view.x_span)
    axes.set_ylim(*view.y_span)


def axes_of(x_title: str, y_title: str, width: float, height: float) -> tuple[Figure, Any]:
    """Make a picture with titled axes; sizes in inches."""
    figure = Figure(
        figsize=(width, height),
        layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1),
        facecolor="white",
    )
    axes = figure.add_subplot()
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=9, length=0)
    axes.tick_params(axis="x", length=3)
    axes.set_xlabel(_literal(x_title), color=INK, fontsize=10, fontweight="bold")
    axes.set_title(_literal(y_title), color=INK, fontsize=10, fontweight="bold", loc="left")
    return figure, axes


def _cloud(axes: Any, points: Points, colour: str, label: str) -> None:
    if points:
        x, y = zip(*points, strict=True)
        axes.scatter(x, y, s=11, color=colour, alpha=0.45, linewidths=0, label=label, zorder=2)


def _front(
    axes: Any, points: tuple[Point, ...], joined: bool, label: str, *, hollow: bool = False
) -> None:
    if not points:
        return
    x, y = [p.x for p in points], [p.y for p in points]
    if not hollow:
        axes.errorbar(
            x,
            y,
            yerr=_arms(points),
            fmt="none",
            ecolor=ACCENT,
            alpha=0.45,
            elinewidth=0.9,
            capsize=2.5,
            zorder=3,
        )
    axes.plot(
        x,
        y,
        color=ACCENT,
        linestyle=((0, (4, 3)) if hollow else "-") if joined else "none",
        linewidth=1.0 if hollow else 1.6,
        marker="o",
        markersize=4.5 if hollow else 6,
        markerfacecolor="white" if hollow else ACCENT,
        markeredgecolor=ACCENT if hollow else "white",
        markeredgewidth=1.0,
        label=label,
        zorder=4 if hollow else 5,
    )


def _baselines(axes: Any, points: tuple[Point, ...]) -> None:
    for role in dict.fromkeys([*ROLES, *(p.row.role for p in points)]):
        mine = tuple(p for p in points if p.row.role == role)
        if not mine:
            continue
        marker, colour, area, label = ROLES.get(role, (*OTHER, _literal(role)))
        x, y = [p.x for p in mine], [p.y for p in mine]
        axes.errorbar(
            x,
            y,
            yerr=_arms(mine),
            fmt="none",
            ecolor=MUTED,
            alpha=0.5,
            elinewidth=0.8,
            capsize=2,
            zorder=3,
        )
        front = 7 if role == "plain" else 6  # plain lies on top of the largest network beside it
        axes.scatter(
            x,
            y,
            s=area,
            marker=marker,
            color=colour,
            edgecolors="white",
            linewidths=0.7,
            label=label,
            zorder=front,
        )


def _arms(points: tuple[Point, ...]) -> list[list[float]]:
    return [
        [p.y - p.low if p.low is not None else 0.0 for p in points],
        [p.high - p.y if p.high is not None else 0.0 for p in points],
    ]


def legend_below(figure: Figure, axes: Any, *, backwards: bool = False) -> None:
    """Put the legend below the axes, in the order of drawing or backwards."""
    handles, labels = axes.get_legend_handles_labels()
    labels = [_literal(label) for label in labels]
    order = -1 if backwards else 1
    figure.legend(
        handles[::order],
        labels[::order],
        loc="outside lower center",
        ncols=max(1, len(labels) if len(labels) <= 4 else 3),
        frameon=False,
        fontsize=9,
        labelcolor=MUTED,
    )


def _literal(text: str) -> str:
    """Keep dollar signs from starting a formula."""
    return text.replace("$", r"\$")
