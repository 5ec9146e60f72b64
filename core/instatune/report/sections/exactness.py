"""Exactness: how far the logits of a masked, extracted or reloaded network are from the slice."""

from __future__ import annotations

from instatune.interfaces import Row, Summary
from instatune.report.findings import all_rows
from instatune.report.markup import Markup, element, join
from instatune.report.numbers import NOT_KNOWN, scientific
from instatune.report.sections.common import note, scrolling, section


def worst(summary: Summary) -> float | None:
    """Give the largest difference of all; NaN counts as endless."""
    values = [value for row in all_rows(summary) for value in row.exactness.values()]
    return max((value if value == value else float("inf") for value in values), default=None)


def exactness(summary: Summary) -> Markup | None:
    """Write the table; None where nothing was verified."""
    rows = [row for row in all_rows(summary) if row.exactness]
    if not rows:
        return None
    forms = tuple(dict.fromkeys(form for row in rows for form in row.exactness))
    head = element("tr", element("th", "network", scope="col"), [_head(form) for form in forms])
    body = [_line(row, forms, summary.tolerance) for row in rows]
    table = element("table", element("thead", head), element("tbody", body), class_="exactness")
    return section(
        "exactness",
        "Exactness",
        note(
            "Largest |Δlogit| between the sub-network as a slice of the super-network and its "
            "other forms, in 32-bit arithmetic. Up to "
            f"{scientific(summary.tolerance, 0)} counts as exact: sums in another order "
            "differ by that much."
        ),
        scrolling(table, "Exactness"),
    )


def _head(form: str) -> Markup:
    return element("th", form, scope="col", class_="number")


def _line(row: Row, forms: tuple[str, ...], tolerance: float) -> Markup:
    cells = [_cell(row.exactness.get(form), tolerance) for form in forms]
    return element("tr", element("th", row.name, scope="row"), cells)


def _cell(value: float | None, tolerance: float) -> Markup:
    if value is None:
        return element("td", NOT_KNOWN, class_="number")
    exact = value <= tolerance
    sign = element("span", "✓" if exact else "✗ not exact", class_="good" if exact else "bad")
    return element(
        "td", join(scientific(value), " ", sign), class_="number", data_value=repr(float(value))
    )
