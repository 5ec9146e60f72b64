"""Hypervolume against evaluations, and the curves of the training."""

from __future__ import annotations

from instatune.interfaces import Summary
from instatune.report.findings import Findings
from instatune.report.lines import LineChart, curve_chart, hypervolume_chart
from instatune.report.markup import Markup, Node, element, join
from instatune.report.plots.frame import HALF, NARROW
from instatune.report.plots.lines import line_chart, line_swatch
from instatune.report.sections.common import figure, legend, note, section


def hypervolume(summary: Summary) -> Markup | None:
    """Draw how fast the search got on."""
    view = hypervolume_chart(summary)
    if view is None:
        return None
    words = summary.reference
    remarks = [f"{words[0].upper()}{words[1:].rstrip('.')}." if words else "", view.note]
    if len(view.lines) > 1:
        remarks.append("Each line is one run with one seed; another seed gives another line.")
    return section("hypervolume", "How the search got on", _chart(view, last=True), _notes(remarks))


def curves(summary: Summary, found: Findings) -> Markup | None:
    """Draw how the training went."""
    view = curve_chart(summary, found)
    if view is None:
        return None
    text = "The largest, a random and the smallest network share their weights while tuning."
    return section("curves", "How the training went", _chart(view), _notes([text]))


def _chart(view: LineChart, last: bool = False) -> Markup:
    items = [
        (line_swatch(line.style), f"{line.label}, {line.points[-1][1]:.4f}" if last else line.label)
        for line in view.lines
    ]
    return figure(legend(items), join(line_chart(view, size) for size in (HALF, NARROW)))


def _notes(remarks: list[str]) -> Node:
    text = " ".join(remark for remark in remarks if remark)
    return note(text) if text else element("p")
