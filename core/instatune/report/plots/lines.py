"""Line charts: hypervolume against evaluations, training curves."""

from __future__ import annotations

from instatune.report.lines import Line, LineChart
from instatune.report.markup import Markup, element
from instatune.report.plots.frame import Frame, Size, draw, frame

FEW = 60
"""Up to so many points of a line get a dot with a tooltip."""


def line_chart(view: LineChart, size: Size) -> Markup:
    """Draw the lines, the first one on top."""
    axes = frame(size, view.x_span, view.y_span, x_title=view.x_title, y_title=view.y_title)
    names = ", ".join(line.label for line in view.lines)
    label = f"{view.y_title} against {view.x_title}: {names}"
    return draw(axes, [_line(axes, line) for line in reversed(view.lines)], label=label)


def line_swatch(style: str) -> Markup:
    """Draw a short piece of a line, for legends."""
    piece = element("line", x1=1, x2=23, y1=8, y2=8)
    return element(
        "svg",
        element("g", piece, class_=f"curve l-{style}"),
        viewBox="0 0 24 16",
        class_="swatch long",
        aria_hidden="true",
    )


def _line(axes: Frame, line: Line) -> Markup:
    inside = [(x, y) for x, y in line.points if axes.y.holds(y) and axes.x.holds(x)]
    dots = [_dot(axes, line, x, y) for x, y in inside] if len(inside) <= FEW else _end(axes, inside)
    path = element("path", element("title", line.label), d=_path(axes, inside, line.steps))
    return element("g", path if inside else None, dots, class_=f"curve l-{line.style}")


def _path(axes: Frame, points: list[tuple[float, float]], steps: bool) -> str:
    parts = []
    for index, (x, y) in enumerate(points):
        a, b = f"{axes.x(x):.1f}", f"{axes.y(y):.1f}"
        parts.append(f"M{a} {b}" if index == 0 else f"H{a}V{b}" if steps else f"L{a} {b}")
    return "".join(parts)


def _dot(axes: Frame, line: Line, x: float, y: float) -> Markup:
    tip = f"{line.label}\n{axes.x_title} {x:g}: {y:.4g}"
    return element("circle", element("title", tip), cx=axes.x(x), cy=axes.y(y), r=3.5)


def _end(axes: Frame, points: list[tuple[float, float]]) -> list[Markup]:
    return [element("circle", cx=axes.x(x), cy=axes.y(y), r=3.5) for x, y in points[-1:]]
