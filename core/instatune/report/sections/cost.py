"""The wall-clock cost of every stage, and what the elastic tuning costs over a plain one."""

from __future__ import annotations

import math

from instatune.interfaces import Summary
from instatune.report.markup import Markup, element
from instatune.report.numbers import duration
from instatune.report.overhead import overhead
from instatune.report.sections.common import scrolling, section


def cost(summary: Summary) -> Markup | None:
    """Write the table with a bar for each stage; None without a stage."""
    seconds = summary.stage_seconds
    if not seconds:
        return None
    longest = max((value for value in seconds.values() if math.isfinite(value)), default=0.0)
    body = [
        _line(stage, value, longest, summary.stage_notes.get(stage, ""))
        for stage, value in seconds.items()
    ]
    head = [
        element("th", "stage", scope="col"),
        element("th", "time", scope="col", class_="number"),
        element("td", colspan=2),
    ]
    total = element(
        "tr",
        element("th", "total", scope="row"),
        _time(sum(seconds.values())),
        element("td", colspan=2),
    )
    table = element(
        "table",
        element("thead", element("tr", head)),
        element("tbody", body),
        element("tfoot", total),
        class_="cost",
    )
    words = overhead(summary)
    return section(
        "cost", "What it cost", element("p", words) if words else None, scrolling(table, "Cost")
    )


def _line(stage: str, value: float, longest: float, remark: str) -> Markup:
    share = 100 * value / longest if longest > 0 and math.isfinite(value) else 0.0
    bar = element("span", class_="bar k0", style=f"--share:{max(share, 0.3):.1f}%")
    return element(
        "tr",
        element("th", stage, scope="row"),
        _time(value),
        element("td", bar, class_="measure"),
        element("td", remark, class_="remark"),
    )


def _time(value: float) -> Markup:
    return element("td", duration(value), class_="number", data_value=repr(float(value)))
