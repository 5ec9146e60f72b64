"""Front charts: what half of the searches of each strategy reach, before the true front."""

from __future__ import annotations

from instatune.report.comparison.charts import FrontChart, Points, Surface
from instatune.report.markup import Markup, element
from instatune.report.plots.bands import style_class
from instatune.report.plots.frame import Frame, Size, draw, frame


def front_chart(view: FrontChart, size: Size) -> Markup:
    """Draw the surfaces as staircases, the best strategy on top."""
    axes = frame(size, view.x_span, view.y_span, x_title=view.x_title, y_title=view.y_title)
    names = ", ".join(surface.label for surface in view.surfaces)
    return draw(
        axes,
        _truth(axes, view.truth),
        [_surface(axes, surface) for surface in reversed(view.surfaces)],
        label=f"{view.y_title} against {view.x_title}: {names}",
    )


def truth_swatch() -> Markup:
    """Draw the sign of the true front, for legends."""
    return element(
        "svg",
        element("g", element("circle", cx=8, cy=8, r=4), class_="truth"),
        viewBox="0 0 16 16",
        class_="swatch",
        aria_hidden="true",
    )


def _truth(axes: Frame, points: Points) -> Markup:
    return element(
        "g",
        [
            element(
                "circle",
                element("title", f"true front\n{axes.y_title} {y:.4g}\n{axes.x_title} {x:.4g}"),
                cx=axes.x(x),
                cy=axes.y(y),
                r=4,
            )
            for x, y in points
        ],
        class_="truth",
    )


def _surface(axes: Frame, surface: Surface) -> Markup | None:
    if not surface.points:
        return None
    parts = []
    for index, (x, y) in enumerate(surface.points):
        a, b = f"{axes.x(x):.1f}", f"{axes.y(y):.1f}"
        parts.append(f"M{a} {b}" if index == 0 else f"H{a}V{b}")
    parts.append(f"H{axes.x.end:.1f}")
    line = element("path", element("title", surface.label), d="".join(parts))
    return element("g", line, class_=f"curve {style_class(surface.style)}")
