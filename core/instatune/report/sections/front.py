"""The Pareto plot with its legend, once for each cost."""

from __future__ import annotations

from instatune.interfaces import AimInfo, Summary
from instatune.report.findings import Findings
from instatune.report.markup import Markup, element, join
from instatune.report.numbers import percent
from instatune.report.pareto import Pareto, pareto
from instatune.report.plots.frame import NARROW, WIDE
from instatune.report.plots.markers import SHAPES, swatch
from instatune.report.plots.pareto import pareto_chart
from instatune.report.sections.common import figure, legend, note, section

LABELS = {
    "plain": "plain fine-tuning",
    "largest": "largest network",
    "smallest": "smallest network",
    "uniform": "uniform shrink",
    "first_layers": "first layers only",
    "random": "random search",
    "quantized": "fully quantized",
    "alike": "all bits alike",
}
"""Roles of baselines in legends."""


def front(summary: Summary, found: Findings) -> Markup | None:
    """Draw the plots; None where there is nothing to draw."""
    plots = [_plot(summary, found, cost) for cost in found.costs]
    plots = [plot for plot in plots if plot is not None]
    if not plots:
        return None
    return section("front", "The front", plots)


def _plot(summary: Summary, found: Findings, cost: AimInfo) -> Markup | None:
    view = pareto(summary, found, cost)
    if view is None:
        return None
    callouts = _callouts(found) if cost == found.cost else {}
    charts = join(pareto_chart(view, size, callouts) for size in (WIDE, NARROW))
    return join(figure(_legend(view), charts), _remarks(view))


def _callouts(found: Findings) -> dict[str, str]:
    claims = [claim for claim in (found.equal, found.near) if claim is not None]
    return {claim.row.name: f"−{percent(claim.saving)}" for claim in claims}


def _legend(view: Pareto) -> Markup:
    items = []
    if view.test:
        items.append((_sign("test"), "front, test split, with 95 % intervals"))
    if view.search:
        items.append((_sign("search"), "front, search split"))
    roles = dict.fromkeys(point.row.role for point in view.baselines)
    ordered = [r for r in SHAPES if r in roles] + [r for r in roles if r not in SHAPES]
    items += [(swatch(role), LABELS.get(role, role)) for role in ordered]
    if view.evaluated:
        items.append((_dot("evaluated"), "measured by the search"))
    if view.random:
        items.append((_dot("random"), "measured by random search"))
    return legend(items)


def _sign(split: str) -> Markup:
    line = element("path", d="M1 8H23", class_="line")
    circle = element("circle", cx=12, cy=8, r=5 if split == "test" else 4, class_="mark r-front")
    group = element("g", line, circle, class_=f"front {split}")
    return element("svg", group, viewBox="0 0 24 16", class_="swatch long", aria_hidden="true")


def _dot(kind: str) -> Markup:
    group = element("g", element("circle", cx=8, cy=8, r=3), class_=f"cloud {kind}")
    return element("svg", group, viewBox="0 0 16 16", class_="swatch", aria_hidden="true")


def _remarks(view: Pareto) -> Markup | None:
    remarks = []
    if any(point.row.role == "plain" for point in view.baselines):
        remarks.append("The dotted line is the level of plain fine-tuning.")
    if view.evaluated or view.random:
        remarks.append("Small dots are values on the search split.")
    if view.hidden:
        remarks.append(f"{view.hidden:,} of them lie below the plot.")
    return note(" ".join(remarks)) if remarks else None
