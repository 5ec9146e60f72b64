"""The Pareto plot: score against cost, fronts with intervals, baselines, and everything tried."""

from __future__ import annotations

from collections.abc import Iterable

from instatune.report.markup import Markup, element, join
from instatune.report.pareto import Pareto, Point, Points
from instatune.report.plots.frame import Frame, Size, draw, frame
from instatune.report.plots.markers import marker

FEW = 2000
"""Up to so many points of a cloud are elements of their own, with a tooltip."""


CALLOUT, LINE = 56, 16
"""Room that a callout takes, in pixels."""


def pareto_chart(view: Pareto, size: Size, callouts: dict[str, str]) -> Markup:
    """Draw the plot.

    Args:
        view: What to draw.
        size: How large.
        callouts: Short text beside a point of the test front, by name of its row.
    """
    axes = frame(size, view.x_span, view.y_span, x_title=view.x_title, y_title=view.y_title)
    label = f"{view.y_title} against {view.x_title} of {len(view.test or view.search)} networks"
    return draw(
        axes,
        _cloud(axes, view.random, "cloud random", "random search"),
        _cloud(axes, view.evaluated, "cloud evaluated", "measured by the search"),
        _level(axes, view.baselines),
        _front(axes, view.search, "search", view.joined),
        _bars(axes, view.baselines),
        _bars(axes, view.test, "front"),
        _front(axes, view.test, "test", view.joined),
        [_baseline(axes, point) for point in sorted(view.baselines, key=_is_plain)],
        _callouts(axes, view.test or view.search, callouts),
        label=label,
    )


def _cloud(axes: Frame, points: Points, kind: str, meaning: str) -> Markup:
    if len(points) > FEW:
        dots = "".join(f"M{axes.x(x):.1f} {axes.y(y):.1f}h0" for x, y in points)
        return element("path", d=dots, class_=f"{kind} dense")
    circles = [
        element(
            "circle",
            element("title", f"{meaning}\n{axes.y_title} {y:.4g}, {axes.x_title} {x:.4g}"),
            cx=axes.x(x),
            cy=axes.y(y),
            r=2.5,
        )
        for x, y in points
    ]
    return element("g", circles, class_=kind)


def _level(axes: Frame, baselines: tuple[Point, ...]) -> Markup | None:
    """Draw a line at the height of plain fine-tuning: above it nothing was lost."""
    plain = next((point for point in baselines if point.row.role == "plain"), None)
    if plain is None:
        return None
    y = axes.y(plain.y)
    return element("line", x1=axes.x.start, x2=axes.x.end, y1=y, y2=y, class_="level")


def _front(axes: Frame, points: tuple[Point, ...], split: str, joined: bool) -> Markup:
    corners = "L".join(f"{axes.x(p.x):.1f} {axes.y(p.y):.1f}" for p in points)
    line = element("path", d=f"M{corners}", class_="line") if joined and len(points) > 1 else None
    radius = 5.5 if split == "test" else 4.5
    marks = [
        marker("front", axes.x(p.x), axes.y(p.y), radius=radius, tip=p.tip, net=p.row.name)
        for p in points
    ]
    return element("g", line, marks, class_=f"front {split}")


def _bars(axes: Frame, points: Iterable[Point], kind: str = "base") -> Markup:
    return element("g", [_bar(axes, point) for point in points], class_=f"bars {kind}")


def _bar(axes: Frame, point: Point) -> Markup | None:
    if point.low is None or point.high is None:
        return None
    x, top, bottom = axes.x(point.x), axes.y(point.high), axes.y(point.low)
    caps = f"M{x - 3:.1f} {top:.1f}h6M{x - 3:.1f} {bottom:.1f}h6M{x:.1f} {top:.1f}V{bottom:.1f}"
    return element("path", d=caps)


def _is_plain(point: Point) -> bool:
    return point.row.role == "plain"  # drawn last, on top of the largest network beside it


def _baseline(axes: Frame, point: Point) -> Markup:
    x, y = axes.x(point.x), axes.y(point.y)
    return marker(point.row.role, x, y, radius=7.0, tip=point.tip, net=point.row.name)


def _callouts(axes: Frame, points: tuple[Point, ...], texts: dict[str, str]) -> Markup:
    """Write short texts above their points; one that would cover another moves up a line."""
    placed: list[tuple[float, float]] = []
    for point in points:
        if point.row.name in texts:
            x, y = _place(axes, point, len(texts[point.row.name]))
            while any(abs(x - a) < CALLOUT and abs(y - b) < LINE for a, b in placed):
                y -= LINE
            placed.append((x, y))
    chosen = [texts[point.row.name] for point in points if point.row.name in texts]
    return join(
        element("text", text, x=x, y=y, text_anchor="middle", class_="callout")
        for text, (x, y) in zip(chosen, placed, strict=True)
    )


def _place(axes: Frame, point: Point, letters: int) -> tuple[float, float]:
    top = axes.y(point.high if point.high is not None else point.y)
    half = 4.5 * letters
    x = min(max(axes.x(point.x), axes.x.start + half), axes.x.end - half)
    return x, max(top - 8, 24.0)
