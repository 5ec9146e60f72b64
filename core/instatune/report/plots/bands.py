"""Band charts: the median of many searches as a line, and the quartiles as a band around it."""

from __future__ import annotations

from instatune.report.comparison.charts import Band, BandChart
from instatune.report.markup import Markup, element
from instatune.report.plots.frame import Frame, Size, draw, frame

STYLES = 8
"""Colours with a dash each; further strategies begin anew."""


def band_chart(view: BandChart, size: Size) -> Markup:
    """Draw bands below, medians above them, the best one on top."""
    axes = frame(
        size,
        view.x_span,
        view.y_span,
        x_title=view.x_title,
        y_title=view.y_title,
        log_x=view.log_x,
    )
    names = ", ".join(band.label for band in view.bands)
    backwards = tuple(reversed(view.bands))
    return draw(
        axes,
        [_area(axes, band) for band in backwards],
        [_median(axes, band) for band in backwards],
        label=f"{view.y_title} against {view.x_title}: {names}",
    )


def style_class(style: int) -> str:
    """Class of a strategy's colour and dash."""
    return f"s{style % STYLES}"


def band_swatch(style: int) -> Markup:
    """Draw a short piece of a line, for legends and tables."""
    piece = element("line", x1=1, x2=23, y1=8, y2=8)
    return element(
        "svg",
        element("g", piece, class_=f"curve {style_class(style)}"),
        viewBox="0 0 24 16",
        class_="swatch long",
        aria_hidden="true",
    )


def _area(axes: Frame, band: Band) -> Markup:
    there = [_at(axes, x, y) for x, y in zip(band.x, band.high, strict=True)]
    back = [_at(axes, x, y) for x, y in zip(reversed(band.x), reversed(band.low), strict=True)]
    path = f"M{'L'.join((*there, *back))}Z"
    return element("path", d=path, class_=f"band {style_class(band.style)}")


def _median(axes: Frame, band: Band) -> Markup:
    corners = "L".join(_at(axes, x, y) for x, y in zip(band.x, band.middle, strict=True))
    tip = (
        f"{band.label}\nends at {band.middle[-1]:.2f} % ({band.low[-1]:.2f} to {band.high[-1]:.2f})"
    )
    line = element("path", element("title", tip), d=f"M{corners}")
    return element("g", line, class_=f"curve {style_class(band.style)}")


def _at(axes: Frame, x: float, y: float) -> str:
    """Where a point lies; what is below or above the chart is moved to its edge."""
    inside = min(max(y, axes.y.low), axes.y.high)
    return f"{axes.x(x):.1f} {axes.y(inside):.1f}"
