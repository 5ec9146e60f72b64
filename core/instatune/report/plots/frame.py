"""The frame of a chart: size, axes with ticks and titles, and the area that data are drawn into."""

from __future__ import annotations

import attrs

from instatune.report.markup import Markup, Node, element, join
from instatune.report.plots.scale import Scale, decades, tick_texts, ticks


@attrs.frozen(kw_only=True)
class Size:
    """Size of a chart in pixels of its own coordinates.

    Attributes:
        width: Outer width.
        height: Outer height.
        compact: For narrow screens: fewer ticks.
    """

    width: int
    height: int
    compact: bool = False


WIDE = Size(width=960, height=460)
HALF = Size(width=500, height=320)
NARROW = Size(width=360, height=320, compact=True)

LEFT, RIGHT, TOP, BOTTOM = 52, 16, 26, 48


@attrs.frozen(kw_only=True)
class Frame:
    """Axes in place.

    Attributes:
        size: Outer size.
        x: Horizontal scale, in the unit of its ticks.
        y: Vertical scale.
        x_title: Below the axis.
        y_title: Above the axis, left.
        log_x: Positions on the horizontal axis are decimal logarithms.
    """

    size: Size
    x: Scale
    y: Scale
    x_title: str
    y_title: str
    log_x: bool = False


def frame(
    size: Size,
    x_span: tuple[float, float],
    y_span: tuple[float, float],
    *,
    x_title: str,
    y_title: str,
    log_x: bool = False,
) -> Frame:
    """Lay out a chart."""
    return Frame(
        size=size,
        x=Scale(*x_span, LEFT, size.width - RIGHT),
        y=Scale(*y_span, size.height - BOTTOM, TOP),
        x_title=x_title,
        y_title=y_title,
        log_x=log_x,
    )


def draw(axes: Frame, *content: Node, label: str) -> Markup:
    """Draw the axes and the content above them.

    Args:
        axes: Where.
        content: Elements in the coordinates of the frame.
        label: What the chart shows, for people who cannot see it.
    """
    size = axes.size
    return element(
        "svg",
        _grid(axes),
        content,
        _titles(axes),
        viewBox=f"0 0 {size.width} {size.height}",
        role="img",
        aria_label=label,
        class_="chart narrow" if size.compact else "chart wide",
    )


def _grid(axes: Frame) -> Markup:
    x, y, size = axes.x, axes.y, axes.size
    columns, column_texts = _columns(axes)
    rows = ticks(y.low, y.high, 5 if size.compact else 6)
    lines = [
        element("line", x1=x.start, x2=x.end, y1=y(value), y2=y(value), class_="grid")
        for value in rows
    ]
    bottom = element("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="axis")
    marks = [
        element("line", x1=x(value), x2=x(value), y1=y.start, y2=y.start + 4, class_="axis")
        for value in columns
    ]
    texts = [
        element("text", text, x=x(value), y=y.start + 18, text_anchor="middle", class_="tick")
        for value, text in zip(columns, column_texts, strict=True)
    ] + [
        element("text", text, x=x.start - 8, y=y(value) + 4, text_anchor="end", class_="tick")
        for value, text in zip(rows, tick_texts(rows), strict=True)
    ]
    return join(lines, bottom, marks, texts)


def _columns(axes: Frame) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Ticks of the horizontal axis and their texts."""
    x, size = axes.x, axes.size
    if axes.log_x:
        return decades(x.low, x.high)
    columns = ticks(x.low, x.high, 4 if size.compact else 8 if size.width > 600 else 5)
    return columns, tick_texts(columns)


def _titles(axes: Frame) -> Markup:
    x, size = axes.x, axes.size
    below = element(
        "text",
        axes.x_title,
        x=(x.start + x.end) / 2,
        y=float(size.height - 8),
        text_anchor="middle",
        class_="title",
    )
    return join(below, element("text", axes.y_title, x=4.0, y=14.0, class_="title"))
