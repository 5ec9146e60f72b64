"""The table of results, in the form of the paper's Table 1, baselines set apart."""

from __future__ import annotations

from itertools import groupby

from instatune.interfaces import Summary
from instatune.report.findings import Findings
from instatune.report.markup import Markup, element, join
from instatune.report.plots.markers import swatch
from instatune.report.sections.common import note, scrolling, section
from instatune.report.table import Cell, Column, Line, Table, table


def results(summary: Summary, found: Findings) -> Markup | None:
    """Write the table; None without a single network."""
    view = table(summary, found)
    if not view.front and not view.baselines:
        return None
    return section(
        "results",
        "The networks",
        scrolling(_table(view), "Results"),
        note(
            "Small figures are 95 % intervals. ",
            element("span", "≈", class_="noise"),
            " marks a difference that lies inside the noise of the split.",
        ),
    )


def _table(view: Table) -> Markup:
    folders = any(line.row.folder for line in (*view.front, *view.baselines))
    width = 1 + len(view.columns) + folders
    parts = [_head(view.columns, folders)]
    if view.front:
        parts.append(_body(view.front, "found by the search", width, folders))
    if view.baselines:
        parts.append(_body(view.baselines, "to compare with", width, folders))
    return element("table", parts, class_="results")


def _head(columns: tuple[Column, ...], folders: bool) -> Markup:
    groups = [(name, len(list(members))) for name, members in groupby(columns, lambda c: c.group)]
    top = [
        element("th", element("span", name), colspan=count, scope="colgroup")
        for name, count in groups
    ]
    heads = [
        element("th", column.head, scope="col", title=column.about, class_="number", data_sort=True)
        for column in columns
    ]
    last = element("th", "exported to", rowspan=2, scope="col") if folders else None
    first = element("th", "network", rowspan=2, scope="col")
    return element("thead", element("tr", first, top, last), element("tr", heads))


def _body(lines: tuple[Line, ...], title: str, width: int, folders: bool) -> Markup:
    divider = element("tr", element("th", title, colspan=width, scope="rowgroup"), class_="divider")
    return element("tbody", divider, [_line(line, folders) for line in lines])


def _line(line: Line, folders: bool) -> Markup:
    row = line.row
    name = element("th", swatch(row.role), " ", row.name, scope="row")
    place = element("td", _folder(row.folder)) if folders else None
    cells = [_cell(cell) for cell in line.cells]
    return element("tr", name, cells, place, data_net=row.name, data_role=row.role)


def _cell(cell: Cell) -> Markup:
    small = element("small", cell.interval) if cell.interval else None
    value = None if cell.value is None else repr(float(cell.value))
    text = element("span", cell.text, class_="value")
    return element("td", join(text, _sign(cell), small), class_="number", data_value=value)


def _sign(cell: Cell) -> Markup | None:
    """Mark noise; the place is kept free elsewhere in the column, so that digits line up."""
    if cell.noisy is None:
        return None
    title = "inside the noise" if cell.noisy else None
    return element("span", "≈" if cell.noisy else "", class_="noise", title=title)


def _folder(folder: str) -> Markup:
    return element("code", folder, class_="copy") if folder else Markup("")
