"""The results in the form of the paper's Table 1, as cells: shared by page, console and CSV.

InstaTune, arXiv 2308.15609, Table 1: network, accuracy, MACs and the saving against the plainly
fine-tuned model. There δ is relative for MACs; we add the difference of the accuracy in points.
"""

from __future__ import annotations

from typing import Literal

import attrs

from instatune.interfaces import AimInfo, Row, Summary
from instatune.report.findings import Findings, Split, measurement
from instatune.report.intervals import interval, within_noise
from instatune.report.numbers import NOT_KNOWN, Format, heading, relative_change


@attrs.frozen(kw_only=True)
class Column:
    """A column of the table.

    Attributes:
        group: What is measured, e.g. ``"accuracy (%)"``; neighbours share it.
        head: Which of its values, e.g. ``"test"`` or ``"δ %"``.
        about: What it means, in full.
        kind: ``"score"`` columns carry intervals, ``"delta"`` ones compare with the reference.
    """

    group: str
    head: str
    about: str
    kind: Literal["score", "cost", "delta"]


@attrs.frozen(kw_only=True)
class Cell:
    """A number in the table.

    Attributes:
        text: As people read it.
        value: The number itself, None for none; the table sorts by it.
        interval: Its 95 % interval as text, may be empty.
        margin: Half of the width of that interval, where there is little room.
        noisy: Whether a difference lies inside the noise; None where there is no such question.
    """

    text: str
    value: float | None
    interval: str = ""
    margin: str = ""
    noisy: bool | None = None


@attrs.frozen(kw_only=True)
class Line:
    """A network in the table: its row and one cell for each column."""

    row: Row
    cells: tuple[Cell, ...]


@attrs.frozen(kw_only=True)
class Table:
    """The results."""

    columns: tuple[Column, ...]
    front: tuple[Line, ...]
    baselines: tuple[Line, ...]


def table(summary: Summary, found: Findings) -> Table:
    """Lay out the results: front and baselines, most accurate first as they come."""
    return Table(
        columns=_columns(summary, found),
        front=tuple(_line(row, summary, found) for row in summary.front),
        baselines=tuple(_line(row, summary, found) for row in summary.baselines),
    )


def _columns(summary: Summary, found: Findings) -> tuple[Column, ...]:
    columns = []
    for aim in _scores(summary):
        group = heading(aim.label, found.formats[aim.name])
        for split in _SPLITS:
            about = f"{aim.label} on the {split} split"
            columns.append(Column(group=group, head=split, about=about, kind="score"))
        if aim == found.score:
            columns.append(_score_delta(aim, group, found))
    for aim in _exact(summary):
        unit = found.formats[aim.name].unit
        columns.append(Column(group=aim.label, head=unit or "value", about=aim.label, kind="cost"))
        if aim in summary.aims:
            about = f"{aim.label} relative to {_base(found)}, in per cent"
            columns.append(Column(group=aim.label, head="δ\u00a0%", about=about, kind="delta"))
    return tuple(columns)


_SPLITS: tuple[Split, Split] = ("test", "search")


def _scores(summary: Summary) -> tuple[AimInfo, ...]:
    return tuple(aim for aim in summary.aims if not aim.exact)


def _exact(summary: Summary) -> tuple[AimInfo, ...]:
    names = {aim.name for aim in summary.aims}
    extras = (aim for aim in summary.extras if aim.name not in names)
    return tuple(aim for aim in (*summary.aims, *extras) if aim.exact)


def _score_delta(aim: AimInfo, group: str, found: Findings) -> Column:
    points = found.formats[aim.name].unit == "%"
    about = f"{aim.label} minus that of {_base(found)} on the {found.split} split"
    head = "δ\u00a0points" if points else "δ"
    return Column(group=group, head=head, about=about, kind="delta")


def _base(found: Findings) -> str:
    return found.reference.name if found.reference else "the reference"


def _line(row: Row, summary: Summary, found: Findings) -> Line:
    cells: list[Cell] = []
    for aim in _scores(summary):
        cells += [_score(row, aim, split, found) for split in _SPLITS]
        if aim == found.score:
            cells.append(_difference(row, aim, found))
    for aim in _exact(summary):
        cells.append(_score(row, aim, "search", found))
        if aim in summary.aims:
            cells.append(_saving(row, aim, found))
    return Line(row=row, cells=tuple(cells))


def _score(row: Row, aim: AimInfo, split: Split, found: Findings) -> Cell:
    value, form = measurement(row, aim, split), found.formats[aim.name]
    if value is None:
        return Cell(text=NOT_KNOWN, value=None)
    bounds = interval(value)
    if bounds is None:
        return Cell(text=form(value.value), value=value.value)
    return Cell(
        text=form(value.value),
        value=value.value,
        interval=f"{form(bounds.low)}–{form(bounds.high)}",
        margin=form((bounds.high - bounds.low) / 2),
    )


def _difference(row: Row, aim: AimInfo, found: Findings) -> Cell:
    own = measurement(row, aim, found.split)
    base = measurement(found.reference, aim, found.split)
    if own is None or base is None or row is found.reference:
        return Cell(text=NOT_KNOWN, value=None, noisy=False)
    gap = own.value - base.value
    text = found.formats[aim.name].change(gap)
    return Cell(text=text, value=gap, noisy=within_noise(own, base))


def _saving(row: Row, aim: AimInfo, found: Findings) -> Cell:
    change = relative_change(found.value(row, aim), found.value(found.reference, aim))
    if change is None or row is found.reference:
        return Cell(text=NOT_KNOWN, value=None)
    return Cell(text=Format(factor=100, digits=1).change(change), value=change)
