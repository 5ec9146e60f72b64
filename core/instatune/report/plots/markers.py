"""Markers: every role has a shape and a colour of its own, so that colour is never alone."""

from __future__ import annotations

import math

from instatune.report.markup import Markup, element

SHAPES: dict[str, str] = {
    "front": "circle",
    "plain": "star",
    "largest": "up",
    "smallest": "down",
    "uniform": "square",
    "first_layers": "right",
    "random": "diamond",
    "quantized": "left",
    "alike": "hexagon",
}
"""Shape of each role; other roles get a pentagon."""

_CORNERS = {
    "up": (3, -90),
    "down": (3, 90),
    "right": (3, 0),
    "left": (3, 180),
    "hexagon": (6, 0),
    "diamond": (4, -90),
    "square": (4, -45),
}


def marker(
    role: str, x: float, y: float, *, radius: float = 6.0, tip: str = "", net: str | None = None
) -> Markup:
    """Draw the marker of a role.

    Args:
        role: Role of the row.
        x: Centre.
        y: Centre.
        radius: Of the circle that holds it.
        tip: Text that appears on hover.
        net: Ties it to a row of the table.
    """
    title = element("title", tip) if tip else None
    kind = f"mark r-{role}" if role in SHAPES else "mark r-other"
    if SHAPES.get(role) == "circle":
        return element("circle", title, cx=x, cy=y, r=radius - 0.5, class_=kind, data_net=net)
    return element("path", title, d=_outline(role, x, y, radius), class_=kind, data_net=net)


def swatch(role: str) -> Markup:
    """Draw the marker alone, for legends and tables."""
    return element(
        "svg",
        marker(role, 8, 8, radius=5.2 if role == "plain" else 6),
        viewBox="0 0 16 16",
        class_="swatch",
        aria_hidden="true",
    )


def _outline(role: str, x: float, y: float, radius: float) -> str:
    shape = SHAPES.get(role, "pentagon")
    radii, angles = _star(radius) if shape == "star" else _polygon(shape, radius)
    points = (
        (x + reach * math.cos(math.radians(angle)), y + reach * math.sin(math.radians(angle)))
        for reach, angle in zip(radii, angles, strict=True)
    )
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points) + "Z"


def _star(radius: float) -> tuple[list[float], list[float]]:
    return [radius * 1.5, radius * 0.65] * 5, [-90.0 + 36.0 * corner for corner in range(10)]


def _polygon(shape: str, radius: float) -> tuple[list[float], list[float]]:
    count, start = _CORNERS.get(shape, (5, -90))
    return [radius * 1.15] * count, [start + 360 * corner / count for corner in range(count)]
