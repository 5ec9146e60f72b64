"""The page of a comparison: one self-contained HTML file, in the style of a run's report."""

from __future__ import annotations

from instatune.interfaces.comparison import Comparison
from instatune.report.comparison import sections
from instatune.report.comparison.contest import contest
from instatune.report.comparison.opening import opening, warned
from instatune.report.markup import element
from instatune.report.page import document


def page(comparison: Comparison) -> str:
    """Write the report of a comparison as a complete HTML document."""
    found = contest(comparison)
    main = element(
        "main",
        warned(found),
        sections.progress(found),
        sections.standings(found),
        sections.fronts(found),
        element("div", sections.gaps(found), sections.time(found), class_="pair"),
        sections.duels(found),
        sections.more(found),
        sections.reading(found),
        sections.details(found),
    )
    return document(comparison.title, opening(found), main, styles=("compare.css",))
