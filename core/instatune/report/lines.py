"""What line charts show, as numbers: shared by the SVG and the PNG."""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs

from instatune.interfaces import CurvePoint, Summary
from instatune.report.findings import Findings
from instatune.report.numbers import Format, heading
from instatune.report.plots.scale import span_of

SERIES = {
    "plain": "plain fine-tuning",
    "full": "largest network",
    "random": "random sub-network",
    "smallest": "smallest network",
}
"""Order and names of training curves; others follow under their own name."""


@attrs.frozen(kw_only=True)
class Line:
    """One line.

    Attributes:
        style: Colour and dash: ``"plain"``, ``"full"``, ..., ``"strategy"``, ``"other"``.
        label: For the legend.
        points: x and y, by rising x.
        steps: Values hold until the next point.
    """

    style: str
    label: str
    points: tuple[tuple[float, float], ...]
    steps: bool = False


@attrs.frozen(kw_only=True)
class LineChart:
    """Lines in a common frame.

    Attributes:
        note: What is to be known beside it.
    """

    lines: tuple[Line, ...]
    x_span: tuple[float, float]
    y_span: tuple[float, float]
    x_title: str
    y_title: str
    note: str = ""


def hypervolume_chart(summary: Summary) -> LineChart | None:
    """Collect hypervolume against evaluations; None without a trace.

    The first twentieth of the evaluations may start below the plot: a full range would hide all
    later differences.
    """
    lines = tuple(
        Line(
            style="strategy" if index == 0 else "other",
            label=trace.name,
            points=_finite(enumerate(trace.hypervolume, start=1)),
            steps=True,
        )
        for index, trace in enumerate(summary.traces)
    )
    lines = tuple(line for line in lines if line.points)
    if not lines:
        return None
    shown = [y for line in lines for _, y in line.points[_warm_up(line) :]]
    return LineChart(
        lines=lines,
        x_span=(0.0, max(x for line in lines for x, _ in line.points) * 1.02),
        y_span=span_of(shown, 0.08),
        x_title="evaluations",
        y_title="hypervolume (higher is better)",
        note=_race(lines),
    )


def curve_chart(summary: Summary, found: Findings) -> LineChart | None:
    """Collect the training curves; None without any."""
    names = [*SERIES, *dict.fromkeys(p.series for p in summary.curves if p.series not in SERIES)]
    form = Format(factor=100.0, unit="%", digits=1)
    lines = tuple(_curve(summary.curves, name, form) for name in names)
    lines = tuple(line for line in lines if line.points)
    if not lines:
        return None
    return LineChart(
        lines=lines,
        x_span=(0.0, max(x for line in lines for x, _ in line.points) * 1.02 or 1.0),
        y_span=span_of([y for line in lines for _, y in line.points]),
        x_title="epochs",
        y_title=heading("accuracy", form) + ", search split",  # whatever the search is for
    )


def _curve(curves: tuple[CurvePoint, ...], name: str, form: Format) -> Line:
    points = ((p.epoch, p.value * form.factor) for p in curves if p.series == name)
    style = name if name in SERIES else "other"
    return Line(style=style, label=SERIES.get(name, name), points=_finite(sorted(points)))


def _finite(points: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points if math.isfinite(x) and math.isfinite(y))


def _warm_up(line: Line) -> int:
    return min(len(line.points) - 1, len(line.points) // 20)


def _race(lines: tuple[Line, ...]) -> str:
    """Say after how many evaluations the strategy had what each of the others ended with."""
    first, sentences = lines[0], []
    for other in lines[1:]:
        goal, total = other.points[-1][1], int(other.points[-1][0])
        reached = next((int(x) for x, y in first.points if y >= goal), None)
        if reached is None:
            sentences.append(
                f"{other.label} ended higher ({goal:.4f} against {first.points[-1][1]:.4f})."
            )
        else:
            sentences.append(
                f"{first.label} had the final hypervolume of {other.label} ({goal:.4f}, "
                f"{total:,} evaluations) after {reached:,} evaluations."
            )
    return " ".join(sentences)
